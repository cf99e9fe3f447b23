"""``python -m tests.demo``: see pod-index work without a cluster. Ctrl-C ends it.

PORT is the port of pod-index, as in production. Nothing is written but a temporary folder.
"""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.apiserver import ApiServer
from tests.demo.workloads import Workloads

ROOT = Path(__file__).parent.parent.parent
STEP_SECONDS = 2.0

BANNER = """
  pod-index answers at {url} about a small cluster that lives in this terminal.

  Ask it which pod a UID belongs to:

      curl '{url}/api/v1/pod?uid={uid}'

  The other endpoints are {url}/ready and {url}/health. Ctrl-C ends the demo.
  What happens in the cluster:
"""


def main(environ: Mapping[str, str]) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="pod-index-demo-") as folder, ApiServer() as server:
        workloads = Workloads(server.pods)
        uid = workloads.start()
        kubeconfig, log = Path(folder, "kubeconfig"), Path(folder, "operator.log")
        kubeconfig.write_text(server.kubeconfig())
        with log.open("wb") as output:
            operator = subprocess.Popen(
                [sys.executable, "-m", "kopf", "run", "-A", "operator/main.py"],
                cwd=ROOT,
                env={"SHUTDOWN_DRAIN_SECONDS": "0", **environ, "KUBECONFIG": str(kubeconfig)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends the operator
            )
        try:
            url = f"http://localhost:{environ.get('PORT') or 8080}"
            if _wait_until_ready(url, operator):
                print(BANNER.format(url=url, uid=uid), flush=True)
                _show(workloads, operator)
        except KeyboardInterrupt:
            operator.terminate()
            print(f"\n  The demo has ended (exit code of pod-index: {operator.wait()}).")
            return operator.returncode
        print(f"pod-index has ended with exit code {operator.wait()}:\n{log.read_text()}", end="", file=sys.stderr)
        return operator.returncode or 1


def _wait_until_ready(url: str, operator: "subprocess.Popen[bytes]") -> bool:
    """Return whether the operator is ready; it may end before it is."""
    while operator.poll() is None:
        with contextlib.suppress(OSError, http.client.InvalidURL), urllib.request.urlopen(f"{url}/ready", timeout=1):
            # Somebody else may listen on a taken port; the operator then ends within a moment.
            time.sleep(0.2)
            return operator.poll() is None
        time.sleep(0.05)
    return False


def _show(workloads: Workloads, operator: "subprocess.Popen[bytes]") -> None:
    """Print what happens, until the operator ends or Ctrl-C comes."""
    for happening in workloads.happenings():
        print(f"  {time.strftime('%H:%M:%S')}  {happening.verb:<8}  {happening.pod:<22}  {happening.uid}", flush=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            operator.wait(STEP_SECONDS)
            return


if __name__ == "__main__":
    sys.exit(main(os.environ))

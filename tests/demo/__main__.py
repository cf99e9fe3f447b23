"""``python -m tests.demo``: see pod-index work without a cluster. Ctrl-C ends it.

With ``--real`` it works on a kube-apiserver with etcd instead of the small API server: see tests/kubernetes.
PORT is the port of pod-index, as in production. Nothing is written but a temporary folder.
"""

import argparse
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.apiserver import ApiServer
from tests.demo.workloads import Workloads
from tests.kubernetes import KubernetesApiServer, Unavailable, provide

ROOT = Path(__file__).parent.parent.parent
STEP_SECONDS = 2.0

BANNER = """
  pod-index answers at {url} about a small cluster that lives in this terminal.
  Look at it with a browser: {url}/?id={uid}

  Ask it which pod a UID belongs to, a cgroup, or an IP, and which pods a node has:

      curl '{url}/api/v1/pod?uid={uid}'
      curl '{url}/api/v1/pod?id=/kubepods/burstable/pod{uid}/{container}'
      curl '{url}/api/v1/pod?ip={ip}'
      curl '{url}/api/v1/pods?node={node}'

  The README has more ways to ask; {url}/ready and {url}/health say how it is.
  Ctrl-C ends the demo.

  What happens in the cluster:
"""

DELETED = """\
            For a while its last state can be asked for:
            curl '{url}/api/v1/pod?uid={uid}&includeDeleted=true'
"""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description="See pod-index work without a cluster.")
    parser.add_argument("--real", action="store_true", help="on a real kube-apiserver, built with Go if need be")
    real = parser.parse_args(arguments).real
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt_once)
    try:
        server = _real_server() if real else ApiServer()
    except Unavailable as error:
        print(f"There is no kube-apiserver for the demo: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pod-index-demo-") as folder, server:
        workloads = Workloads(server.pods)
        stays = workloads.start()
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
                print(_banner(url, stays), flush=True)
                _show(workloads, operator, url)
        except KeyboardInterrupt:
            operator.terminate()
            print(f"\n  The demo has ended (exit code of pod-index: {operator.wait()}).")
            return operator.returncode
        print(f"pod-index has ended with exit code {operator.wait()}:\n{log.read_text()}", end="", file=sys.stderr)
        return operator.returncode or 1


def _interrupt_once(signum: int, frame: object) -> None:
    """End the demo; tox repeats the Ctrl-C that the terminal has sent already, which must not disturb the ending."""
    for repeated in (signal.SIGINT, signal.SIGTERM):
        signal.signal(repeated, signal.SIG_IGN)
    raise KeyboardInterrupt


def _real_server() -> KubernetesApiServer:
    print("Starting a real kube-apiserver; the first time, it is built, which takes minutes.", flush=True)
    return KubernetesApiServer(provide())


def _wait_until_ready(url: str, operator: "subprocess.Popen[bytes]") -> bool:
    """Return whether the operator is ready; it may end before it is."""
    while operator.poll() is None:
        with contextlib.suppress(OSError, http.client.InvalidURL), urllib.request.urlopen(f"{url}/ready", timeout=1):
            # Somebody else may listen on a taken port; the operator then ends within a moment.
            time.sleep(0.2)
            return operator.poll() is None
        time.sleep(0.05)
    return False


def _banner(url: str, pod: Mapping[str, Any]) -> str:
    """The ways to ask for a pod that runs."""
    (container,) = pod["status"]["containerStatuses"]
    return BANNER.format(
        url=url,
        uid=pod["metadata"]["uid"],
        container=container["containerID"].removeprefix("containerd://"),
        ip=pod["status"]["podIP"],
        node=pod["spec"]["nodeName"],
    )


def _show(workloads: Workloads, operator: "subprocess.Popen[bytes]", url: str) -> None:
    """Print what happens, until the operator ends or Ctrl-C comes."""
    told = False
    for happening in workloads.happenings():
        print(f"  {time.strftime('%H:%M:%S')}  {happening.verb:<8}  {happening.pod:<22}  {happening.uid}", flush=True)
        if happening.verb == "deleted" and not told:
            print(DELETED.format(url=url, uid=happening.uid), end="", flush=True)
            told = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            operator.wait(STEP_SECONDS)
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

"""``python -m tests.demo``: see pod-index work without a cluster. Ctrl-C ends it.

With ``--real``, the demo uses a kube-apiserver with etcd instead of the small API server: see ``tests/kubernetes``.
PORT is the port of pod-index, as in production. The demo writes to a temporary folder only.
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
  pod-index runs at {url}, on a small demo cluster.
  Open it in a browser: {url}/?id={uid}

  Look up a pod by its UID, its cgroup or its IP, or list the pods of a node:

      curl '{url}/api/v1/pod?uid={uid}'
      curl '{url}/api/v1/pod?id=/kubepods/burstable/pod{uid}/{container}'
      curl '{url}/api/v1/pod?ip={ip}'
      curl '{url}/api/v1/pods?node={node}'

  Compare with kubectl:

      kubectl --kubeconfig {kubeconfig} get pods -A -w

  The README describes all lookups. {url}/ready and {url}/health show the state of pod-index.
  Press Ctrl-C to end the demo.

  Events in the cluster:
"""

DELETED = """\
            The last state of a deleted pod is kept for a while:
            curl '{url}/api/v1/pod?uid={uid}&includeDeleted=true'
"""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description="See pod-index work without a cluster.")
    parser.add_argument("--real", action="store_true", help="use a real kube-apiserver; it is built with Go if needed")
    real = parser.parse_args(arguments).real
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt_once)
    try:
        server = _real_server() if real else ApiServer(tls=True)  # without TLS, kubectl sends no token
    except Unavailable as error:
        print(f"No kube-apiserver is available for the demo: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="pod-index-demo-") as folder, server:
        workloads = Workloads(server.pods)
        pod = workloads.start()
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
                print(_banner(url, pod, kubeconfig), flush=True)
                _show_events(workloads, operator, url)
        except KeyboardInterrupt:
            operator.terminate()
            print(f"\n  The demo has ended (exit code of pod-index: {operator.wait()}).")
            return operator.returncode
        print(f"pod-index has ended with exit code {operator.wait()}:\n{log.read_text()}", end="", file=sys.stderr)
        return operator.returncode or 1


def _interrupt_once(signum: int, frame: object) -> None:
    """End the demo. tox repeats the Ctrl-C of the terminal; a second one must not disturb the cleanup."""
    for repeated in (signal.SIGINT, signal.SIGTERM):
        signal.signal(repeated, signal.SIG_IGN)
    raise KeyboardInterrupt


def _real_server() -> KubernetesApiServer:
    print("Starting a real kube-apiserver. The first time, it is built, which takes minutes.", flush=True)
    return KubernetesApiServer(provide())


def _wait_until_ready(url: str, operator: "subprocess.Popen[bytes]") -> bool:
    """Return whether the operator is ready; it may end first."""
    while operator.poll() is None:
        with contextlib.suppress(OSError, http.client.InvalidURL), urllib.request.urlopen(f"{url}/ready", timeout=1):
            # If the port is taken, another process has answered, and the operator ends within a moment.
            time.sleep(0.2)
            return operator.poll() is None
        time.sleep(0.05)
    return False


def _banner(url: str, pod: Mapping[str, Any], kubeconfig: Path) -> str:
    """The ways to look up a running pod."""
    (container,) = pod["status"]["containerStatuses"]
    return BANNER.format(
        url=url,
        uid=pod["metadata"]["uid"],
        container=container["containerID"].removeprefix("containerd://"),
        ip=pod["status"]["podIP"],
        node=pod["spec"]["nodeName"],
        kubeconfig=kubeconfig,
    )


def _show_events(workloads: Workloads, operator: "subprocess.Popen[bytes]", url: str) -> None:
    """Print the events until the operator ends; Ctrl-C raises KeyboardInterrupt."""
    explained = False
    for event in workloads.events():
        print(f"  {time.strftime('%H:%M:%S')}  {event.verb:<8}  {event.pod:<22}  {event.uid}", flush=True)
        if event.verb == "deleted" and not explained:
            print(DELETED.format(url=url, uid=event.uid), end="", flush=True)
            explained = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            operator.wait(STEP_SECONDS)
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

"""The demo itself, which ``python -m tests.demo`` starts: a cluster, pod-index, and events. It ends with its stdin.

With ``--real``, the demo uses a kube-apiserver with etcd instead of the small API server: see ``tests/kubernetes``.
PORT is the port of pod-index, as in production. The demo writes to a temporary folder only.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.apiserver import ApiServer
from tests.demo import clusters
from tests.demo.examples import Examples
from tests.demo.processes import pod_index, stop_with_stdin, wait_until_found
from tests.demo.workloads import Workloads
from tests.kubernetes import KubernetesApiServer, Unavailable, provide

STEP_SECONDS = 2.0

BANNER = """
  pod-index runs at {url}, on a small demo cluster.
  Open it in a browser: {url}/?id={uid}

  Look up a pod by its UID, its cgroup or its IP, or list the pods of a node:

      curl '{url}/api/v1/pod?uid={uid}'
      curl '{url}/api/v1/pod?id=/kubepods/burstable/pod{uid}/{container}'
      curl '{url}/api/v1/pod?ip={ip}'
      curl '{url}/api/v1/pods?node={node}'

  Watch the pods with kubectl in a second terminal, and create and delete one in a third:

      export KUBECONFIG={kubeconfig}
      kubectl get pods -A -w
      kubectl run my-pod --image=my-image
      kubectl delete pod my-pod

  {examples}
  Press Ctrl-C to stop the demo.

  Events in the cluster:
"""

EXAMPLES = "The examples of README.md and operator/README.md work with this cluster."
REAL_EXAMPLES = "The API server chooses UIDs, so those in the examples of README.md do not exist here."

DELETED = """\
            The last state of a deleted pod is kept for a while:
            curl '{url}/api/v1/pod?uid={uid}&includeDeleted=true'
"""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the demo until the end of stdin; return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description="See pod-index work without a cluster.")
    parser.add_argument("--real", action="store_true", help="use a real kube-apiserver; it is built with Go if needed")
    parser.add_argument(
        "--clusters",
        type=int,
        choices=range(2, clusters.CLUSTERS_MAX + 1),
        help="run so many small clusters, and ask one for a pod of another",
    )
    options = parser.parse_args(arguments)
    if options.real and options.clusters:
        parser.error("--clusters is not possible with --real")
    try:
        stop_with_stdin()
        if options.clusters:
            return clusters.run(options.clusters, environ)
        return _run(environ, real=options.real)
    except Unavailable as error:
        print(f"No kube-apiserver is available for the demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(environ: Mapping[str, str], *, real: bool) -> int:
    server = _real_server() if real else ApiServer(tls=True)  # without TLS, kubectl sends no token
    with tempfile.TemporaryDirectory(prefix="pod-index-demo-") as folder, server:
        examples, workloads = Examples(server.pods), Workloads(server.pods)
        pod, random_pod = examples.start(), workloads.start()
        kubeconfig, log = Path(folder, "kubeconfig"), Path(folder, "operator.log")
        kubeconfig.write_text(server.kubeconfig())
        with pod_index(kubeconfig, log, environ) as operator:
            url = f"http://localhost:{environ.get('PORT') or 8080}"
            if wait_until_found(f"{url}/api/v1/pod?uid={random_pod['metadata']['uid']}", operator):
                examples.delete_one()
                print(_banner(url, pod, kubeconfig, REAL_EXAMPLES if real else EXAMPLES), flush=True)
                _show_events(workloads, operator, url)
            code = operator.wait()
        print(f"pod-index has ended with exit code {code}:\n{log.read_text()}", end="", file=sys.stderr)
        return code or 1


def _real_server() -> KubernetesApiServer:
    print("Starting a real kube-apiserver. If Go must build it first, this takes up to five minutes.", flush=True)
    return KubernetesApiServer(provide())


def _banner(url: str, pod: Mapping[str, Any], kubeconfig: Path, examples: str) -> str:
    """The ways to look up a running pod."""
    (container,) = pod["status"]["containerStatuses"]
    return BANNER.format(
        url=url,
        uid=pod["metadata"]["uid"],
        container=container["containerID"].removeprefix("containerd://"),
        ip=pod["status"]["podIP"],
        node=pod["spec"]["nodeName"],
        kubeconfig=kubeconfig,
        examples=examples,
    )


def _show_events(workloads: Workloads, operator: "subprocess.Popen[bytes]", url: str) -> None:
    """Print the events until pod-index ends."""
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

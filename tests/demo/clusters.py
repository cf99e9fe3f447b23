"""Several demo clusters, each with a pod-index that knows the others: ``--clusters 3``."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.apiserver import ApiServer
from tests.demo.examples import remote_pod
from tests.demo.processes import pod_index, wait_until_found
from tests.demo.workloads import Workloads

CLUSTERS_MAX = 9
POLL_SECONDS = 0.5

BANNER = """
  {number} clusters run, each with a pod-index that knows the others:

{clusters}

  Ask the pod-index of cluster {asked} for a pod of cluster {cluster}. Its own index does not know the pod (404); with
  clusters=all it asks the others:

      curl -i '{url}/api/v1/pod?uid={uid}'
      curl -i '{url}/api/v1/pod?uid={uid}&clusters=all'

  The answer was:

      HTTP/1.1 200 OK
      cluster: {cluster}
      {record}

  A name can be that of a pod in each cluster, so this is 409, and cluster={cluster} decides:

      curl -i '{url}/api/v1/pod?namespace=default&name=example-pod&clusters=all'
      curl -i '{url}/api/v1/pod?namespace=default&name=example-pod&cluster={cluster}'

  Open a browser, which asks all clusters, too: {url}/?id={uid}

  Press Ctrl-C to stop the demo.
"""


def run(number: int, environ: Mapping[str, str]) -> int:
    """Run the clusters until one pod-index ends; return the exit code."""
    first_port = environ.get("PORT") or "8080"
    ports = [str(int(first_port) + offset) if first_port.isdecimal() else first_port for offset in range(number)]
    names = [chr(ord("a") + offset) for offset in range(number)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pod-index-demo-")))
        peers = [{"name": name, "url": f"http://localhost:{port}"} for name, port in zip(names, ports, strict=True)]
        (folder / "peers").write_text(json.dumps({"peers": peers}, indent=2))
        started: list[tuple[subprocess.Popen[bytes], Path]] = []
        pods: list[dict[str, Any]] = []
        remote = remote_pod()
        for name, port in zip(names, ports, strict=True):
            server = stack.enter_context(ApiServer(tls=True))
            pods.append(Workloads(server.pods).start())
            server.pods.create(twin())
            if name == names[1]:
                server.pods.create(remote)
            kubeconfig, log = folder / f"{name}.kubeconfig", folder / f"{name}.log"
            kubeconfig.write_text(server.kubeconfig())
            own = {**environ, "PORT": port, "CLUSTER_NAME": name, "PEERS_FILE": str(folder / "peers")}
            started.append((stack.enter_context(pod_index(kubeconfig, log, own)), log))
        found = [
            wait_until_found(f"http://localhost:{port}/api/v1/pod?uid={pod['metadata']['uid']}", operator)
            for port, pod, (operator, _) in zip(ports, pods, started, strict=True)
        ]
        if all(found):
            print(_banner(names, ports, remote["metadata"]["uid"]), flush=True)
        while all(operator.poll() is None for operator, _ in started):
            time.sleep(POLL_SECONDS)
        code = 1
        for operator, log in started:
            if operator.poll() is not None:
                code = operator.returncode or 1
                print(f"pod-index has ended with exit code {code}:\n{log.read_text()}", end="", file=sys.stderr)
        return code


def twin() -> dict[str, Any]:
    """Return a pod whose name is the same in all clusters."""
    return {"metadata": {"name": "example-pod", "namespace": "default"}, "spec": {}, "status": {"phase": "Running"}}


def _banner(names: list[str], ports: list[str], uid: str) -> str:
    url = f"http://localhost:{ports[0]}"
    with urllib.request.urlopen(f"{url}/api/v1/pod?uid={uid}&clusters=all", timeout=10) as answer:
        cluster, record = answer.headers["Cluster"], answer.read().decode()
    clusters = "\n".join(f"      {name}  http://localhost:{port}" for name, port in zip(names, ports, strict=True))
    return BANNER.format(
        number=len(names), clusters=clusters, asked=names[0], cluster=cluster, url=url, uid=uid, record=record
    )

"""An existing cluster: kind, k3d or minikube on the machine of a developer."""

import base64
import fnmatch
import json
import shutil
import ssl
import subprocess
import tempfile
import urllib.parse
from pathlib import Path
from typing import Self

from tests.apiserver.kubeconfig import kubeconfig
from tests.apiserver.statuses import JSON
from tests.kubernetes.access import Access
from tests.kubernetes.client import ApiClient
from tests.kubernetes.pods import Pods
from tests.kubernetes.provision import Unavailable

ALLOWED = ("kind-*", "k3d-*", "minikube")
"""The contexts that the tests may use: the names that tools for throw-away clusters choose."""

SCHEDULER = "pod-index-tests"
"""The scheduler of the pods of the tests. It does not exist, so the pods stay as they are written; it marks them."""


class ExistingCluster:
    """The cluster of a context in the user's kubeconfig, with the interface of ``KubernetesApiServer``.

    Only pods that the tests have created are changed or deleted. Raises Unavailable for a context that is not one of
    ``ALLOWED``, is not in the kubeconfig, or whose server is not on loopback, where the proxy of the tests is.
    """

    def __init__(self, context: str) -> None:
        if not any(fnmatch.fnmatchcase(context, allowed) for allowed in ALLOWED):
            raise Unavailable(f"the context {context!r} is not one that the tests may touch: {', '.join(ALLOWED)}")
        config = _view(context)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urllib.parse.urlsplit(cluster["server"])
        if url.scheme != "https" or url.hostname not in ("127.0.0.1", "localhost") or url.port is None:
            raise Unavailable(f"the server of the context {context!r} is not on loopback: {cluster['server']}")
        self.port: int = url.port
        self._ca_pem = base64.b64decode(cluster["certificate-authority-data"])
        self._user = user
        self._client = ApiClient(self.port, _tls_context(self._ca_pem, user), token=user.get("token", ""))
        self.pods: Pods = SuitePods(self._client)
        self.access = Access(self._client, None)

    def kubeconfig(self, token: str | None = None) -> str:
        """The text of a kubeconfig with this token, or with the user of the context."""
        user = self._user if token is None else {"token": token}
        return kubeconfig(f"https://127.0.0.1:{self.port}", self._ca_pem, user)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the pods of the tests, and close the connections."""
        self.pods.delete_all()
        self._client.close()


class SuitePods(Pods):
    """All pods of the cluster; only those of the tests are changed."""

    def create(self, pod: JSON) -> JSON:
        """Add a pod that no scheduler handles."""
        return super().create(pod | {"spec": pod["spec"] | {"schedulerName": SCHEDULER}})

    def delete_all(self) -> None:
        """Remove the pods of the tests."""
        for pod in self.pods().values():
            if pod["spec"].get("schedulerName") == SCHEDULER:
                self.delete(pod["metadata"]["namespace"], pod["metadata"]["name"])


def _view(context: str) -> JSON:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise Unavailable("there is no kubectl in PATH to read the kubeconfig with")
    command = [kubectl, "config", "view", "--raw", "--minify", "--flatten", f"--context={context}", "--output=json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"the context {context!r} cannot be read: {done.stderr.strip()}")
    config: JSON = json.loads(done.stdout)
    return config


def _tls_context(ca_pem: bytes, user: JSON) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca_pem.decode())
    if "client-certificate-data" in user:
        with tempfile.TemporaryDirectory() as folder:
            pem = Path(folder) / "client.pem"
            pem.write_bytes(
                base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
            )
            context.load_cert_chain(pem)
    return context

"""A real kube-apiserver with its etcd, started, stopped and disturbed by a test."""

import http.client
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.apiserver.connections import bound_socket
from tests.apiserver.kubeconfig import kubeconfig
from tests.apiserver.statuses import JSON
from tests.kubernetes.access import Access
from tests.kubernetes.client import ApiClient
from tests.kubernetes.credentials import ADMINS, ISSUER, Authority, certificate_user
from tests.kubernetes.etcd import Etcd
from tests.kubernetes.folder import temporary_folder
from tests.kubernetes.pods import Pods
from tests.kubernetes.process import Component
from tests.kubernetes.provision import Binaries, Unavailable

_HOST = "127.0.0.1"


class KubernetesApiServer:
    """A kube-apiserver on the loopback interface with an etcd of its own, and the interface of the small server.

    It starts when entered as a context manager, or with ``start()``. The objects and the ports remain when it stops,
    until ``close()`` removes everything. There is no controller, scheduler or kubelet. ``feature_gates`` sets features
    by name (https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/); ``arguments`` are
    further flags of kube-apiserver: with ``--watch-cache=false``, a compaction of etcd takes effect at once.
    """

    def __init__(
        self,
        binaries: Binaries,
        *,
        feature_gates: Mapping[str, bool] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        with ExitStack() as stack:
            self._folder = stack.enter_context(temporary_folder())
            self._authority = Authority(self._folder)
            self.etcd = Etcd(binaries.etcd, self._folder)
            stack.callback(self.etcd.close)
            # Bound but not listening: while the server is stopped, the port stays reserved and refuses connections.
            reservation = stack.enter_context(bound_socket(_HOST, 0))
            self.port: int = reservation.getsockname()[1]
            gates = ",".join(f"{name}={str(on).lower()}" for name, on in (feature_gates or {}).items())
            self._component = Component(
                "kube-apiserver",
                [
                    str(binaries.kube_apiserver),
                    *self._flags(),
                    *([f"--feature-gates={gates}"] if gates else []),
                    *arguments,
                ],
                self._folder / "kube-apiserver.log",
            )
            stack.callback(self._component.stop)
            self.client = ApiClient(self.port, self._authority.tls_context("admin", ADMINS, self._folder))
            stack.callback(self.client.close)
            self.pods = Pods(self.client)
            self.access = Access(self.client, self._authority)
            self._admin_kubeconfig = self._folder / "admin.kubeconfig"
            self._admin_kubeconfig.write_text(self.kubeconfig())
            self._cleanup = stack.pop_all()

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"https://{_HOST}:{self.port}"

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the authority that signed those of the server and the clients."""
        return self._authority.ca_pem

    @property
    def log(self) -> Path:
        """The log file of kube-apiserver."""
        return self._component.log

    @property
    def pid(self) -> int | None:
        """The ID of the process; None while it is stopped."""
        return self._component.pid

    def kubeconfig(self, token: str | None = None, *, url: str = "", user: JSON | None = None) -> str:
        """The text of a kubeconfig with this token, with ``user`` (as under ``users[].user``), or for the admin.

        ``url`` replaces the URL of the server, for a proxy.
        """
        if user is None:
            user = certificate_user(*self.client_certificate("admin", ADMINS)) if token is None else {"token": token}
        return kubeconfig(url or self.url, self.ca_pem, user)

    def client_certificate(self, user: str, group: str = "") -> tuple[bytes, bytes]:
        """Certificate and key (PEM) of a user, who has the rights of the group and those by RBAC."""
        return self._authority.client_certificate(user, group)

    def service_account_token(self, namespace: str, name: str, expiration_seconds: float = 600) -> str:
        """A token of a service account, which is created if needed; see ``Access.service_account_token()``."""
        return self.access.service_account_token(namespace, name, expiration_seconds)

    def create(self, path: str, wanted: JSON) -> JSON:
        """Create an object of any kind as the admin, e.g. in /apis/rbac.authorization.k8s.io/v1/clusterroles."""
        return self.client.call("POST", path, wanted)

    def compact(self) -> int:
        """Compact etcd; return the oldest version that it still knows.

        An object is written first, so that this version is newer than every version that a client has. A watch
        notices it if the watch cache of kube-apiserver does not reach further back: after a restart, or without it.
        """
        self.create("/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "compaction-"}})
        return self.etcd.compact()

    def kubectl(self, *arguments: str, stdin: str = "", kubeconfig: str | Path = "") -> str:
        """Run kubectl as the admin, or with another kubeconfig file; return its output. Raises RuntimeError."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise Unavailable("kubectl is not in PATH")
        environ = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig or self._admin_kubeconfig),
            "KUBECACHEDIR": str(self._folder / "kubectl-cache"),
        }
        done = subprocess.run([kubectl, *arguments], input=stdin, env=environ, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start etcd if it is stopped, and kube-apiserver; return when it is ready. Raises ComponentFailed."""
        if self.etcd.pid is None:
            self.etcd.start()
        self._component.start(self._is_ready)

    def stop(self, *, abrupt: bool = True) -> None:
        """Stop kube-apiserver, but not etcd: kill it, or else let it shut down and end its watches cleanly."""
        self._component.stop(signal.SIGKILL if abrupt else signal.SIGTERM)

    def close(self) -> None:
        """Stop both, and remove all files."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flags(self) -> list[str]:
        authority = self._authority
        return [
            f"--etcd-servers={self.etcd.url}",
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            f"--secure-port={self.port}",
            # The Service "kubernetes" must have no endpoint: it cannot be on loopback.
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={authority.serving_certificate_file}",
            f"--tls-private-key-file={authority.serving_key_file}",
            f"--client-ca-file={authority.ca_file}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={authority.token_key_file}",
            f"--service-account-signing-key-file={authority.token_key_file}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            # This plugin requires service accounts, which no controller creates here.
            "--disable-admission-plugins=ServiceAccount",
            # No limits on requests: the tests write as fast as they can.
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=0",
            "--max-mutating-requests-inflight=0",
            # A graceful shutdown gives the clients of watches this long, instead of 60 s.
            "--shutdown-watch-termination-grace-period=5s",
        ]

    def _is_ready(self) -> bool:
        try:
            # Readiness does not include the controller that creates the namespace.
            return all(self.client.request("GET", path)[0] == 200 for path in ("/readyz", "/api/v1/namespaces/default"))
        except (OSError, http.client.HTTPException):
            return False

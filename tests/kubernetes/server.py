"""A real kube-apiserver with its etcd, started, stopped and disturbed from a test."""

from __future__ import annotations

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
    """A Kubernetes control plane's kube-apiserver on the loopback interface, with an etcd of its own.

    It starts when entered as a context manager, or by `start()`; handled as `tests.apiserver.ApiServer`. What
    was written outlives a stop, and so do the ports, until `close()`, after which nothing is left. There is
    no controller, scheduler or kubelet. `feature_gates` switches features by name
    (https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/); `arguments` are
    further flags of kube-apiserver, e.g. `--watch-cache=false`, which lets etcd's compaction count at once.
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
            # bound but not listening: the port stays ours while the server is stopped, and refuses connections
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
        """The address, without a slash at the end."""
        return f"https://{_HOST}:{self.port}"

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the authority that signed the server's and the clients'."""
        return self._authority.ca_pem

    @property
    def log(self) -> Path:
        """The file with all that kube-apiserver has printed."""
        return self._component.log

    @property
    def pid(self) -> int | None:
        """The process of kube-apiserver; None while there is none."""
        return self._component.pid

    def kubeconfig(self, token: str | None = None, *, url: str = "", user: JSON | None = None) -> str:
        """The text of a kubeconfig for this token, for `user` (as under `users[].user`), or for the admin.

        `url` stands in for the server's own: that of a proxy.
        """
        if user is None:
            user = certificate_user(*self.client_certificate("admin", ADMINS)) if token is None else {"token": token}
        return kubeconfig(url or self.url, self.ca_pem, user)

    def client_certificate(self, user: str, group: str = "") -> tuple[bytes, bytes]:
        """Certificate and key (PEM) of any user, who has no rights but those of the group and by RBAC."""
        return self._authority.client_certificate(user, group)

    def service_account_token(self, namespace: str, name: str, expiration_seconds: float = 600) -> str:
        """A token of a service account, which is made if need be; see `Access.service_account_token()`."""
        return self.access.service_account_token(namespace, name, expiration_seconds)

    def create(self, path: str, wanted: JSON) -> JSON:
        """Create any object as the admin, e.g. in /apis/rbac.authorization.k8s.io/v1/clusterroles."""
        return self.client.call("POST", path, wanted)

    def compact(self) -> int:
        """Let etcd forget the past; returns the version before which nothing is known.

        Something is written first, so that this version is newer than all that were handed out. It counts for
        a watch when kube-apiserver's own cache does not reach further back: after a restart of it, or without.
        """
        self.create("/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "compaction-"}})
        return self.etcd.compact()

    def kubectl(self, *arguments: str, stdin: str = "", kubeconfig: str | Path = "") -> str:
        """What kubectl prints, as the admin or by another kubeconfig file. Raises RuntimeError with its error."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise Unavailable("there is no kubectl in PATH")
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
        """Start what does not run, and return when kube-apiserver is ready. Raises ComponentFailed."""
        if self.etcd.pid is None:
            self.etcd.start()
        self._component.start(self._is_ready)

    def stop(self, *, abrupt: bool = True) -> None:
        """Stop kube-apiserver; etcd goes on.

        Abruptly it is killed, and connections break; otherwise open watches end cleanly.
        """
        self._component.stop(signal.SIGKILL if abrupt else signal.SIGTERM)

    def close(self) -> None:
        """Stop both for good, and remove all files."""
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
        ours = self._authority
        return [
            f"--etcd-servers={self.etcd.url}",
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            f"--secure-port={self.port}",
            # the kubernetes Service must not lead to loopback, so it leads nowhere
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={ours.serving_certificate_file}",
            f"--tls-private-key-file={ours.serving_key_file}",
            f"--client-ca-file={ours.ca_file}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={ours.token_key_file}",
            f"--service-account-signing-key-file={ours.token_key_file}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            # no controller makes the accounts that it wants every pod to have
            "--disable-admission-plugins=ServiceAccount",
            # the harness writes as fast as it can: 0 is no limit
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=0",
            "--max-mutating-requests-inflight=0",
            # when stopped in order, it ends watches so long before; by default it waits 60 s for their clients
            "--shutdown-watch-termination-grace-period=5s",
        ]

    def _is_ready(self) -> bool:
        try:
            # the namespace comes from a controller that readiness does not wait for
            return all(self.client.request("GET", path)[0] == 200 for path in ("/readyz", "/api/v1/namespaces/default"))
        except (OSError, http.client.HTTPException):
            return False

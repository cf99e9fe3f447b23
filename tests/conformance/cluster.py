"""A cluster that tests can use and disturb, with either API server."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from tests.apiserver import ApiServer as SmallApiServer
from tests.apiserver import Rule
from tests.kubernetes import KubernetesApiServer, TcpProxy
from tests.support import churn

READER = (Rule(["get", "list", "watch"], ["pods"]),)
"""The rights of pod-index, as in ``manifests/rbac.yaml``."""


class Pods(churn.Pods, Protocol):
    """The pods of the cluster."""

    def delete_all(self) -> None:
        """Delete all pods of the tests; on an existing cluster, other pods stay."""

    def get(self, namespace: str, name: str) -> dict[str, Any]:
        """Return a pod."""

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return all pods by UID."""

    def load(self, pods: Iterable[dict[str, Any]]) -> None:
        """Create many pods."""


class Access(Protocol):
    """Tokens and rights."""

    def issue_token(self, user: str, rules: Iterable[Rule] | None = None) -> str:
        """Return a new token for the user; ``rules`` replace the rights of the user."""

    def revoke_token(self, token: str) -> None:
        """Revoke a token, which takes effect within seconds."""

    def set_rules(self, user: str, rules: Iterable[Rule]) -> None:
        """Replace the rights of the user."""


class ApiServer(Protocol):
    """The common interface of the small and the real API server."""

    @property
    def pods(self) -> Pods:
        """The pods."""

    @property
    def access(self) -> Access:
        """Tokens and rights."""

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""

    def kubeconfig(self, token: str | None = None) -> str:
        """Return a kubeconfig with the token, or with the rights of an admin."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """An API server behind a network that can fail."""

    server: ApiServer
    network: TcpProxy

    @property
    def pods(self) -> Pods:
        """The pods, over a network that does not fail."""
        return self.server.pods

    @property
    def access(self) -> Access:
        """Tokens and rights, over a network that does not fail."""
        return self.server.access

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Disconnect the server within the context."""
        self.network.refuse()
        self.network.cut()
        try:
            yield
        finally:
            self.network.accept()

    def forget_history(self) -> None:
        """Let watches from any version so far fail with 410."""
        match self.server:
            case SmallApiServer():
                self.server.pods.compact()
            case KubernetesApiServer():
                # The history of kube-apiserver begins with its start.
                self.server.stop()
                self.server.start()
            case _:
                pytest.skip("the API server of an existing cluster cannot be restarted")

    def kubeconfig(self, token: str | None = None) -> str:
        """Return a kubeconfig that leads through the network that can fail."""
        direct, through = f"https://127.0.0.1:{self.server.port}", f"https://127.0.0.1:{self.network.port}"
        return self.server.kubeconfig(token).replace(direct, through)

"""A cluster that the suite can use and disturb, whichever API server is behind it."""

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
"""The rights of pod-index: those of manifests/rbac.yaml."""


class Pods(churn.Pods, Protocol):
    """The pods of the cluster, as their owners see them."""

    def delete_all(self) -> None:
        """Remove all pods at once; those of others in a cluster that is not ours stay."""

    def get(self, namespace: str, name: str) -> dict[str, Any]:
        """One pod."""

    def pods(self) -> dict[str, dict[str, Any]]:
        """All pods by UID."""

    def load(self, pods: Iterable[dict[str, Any]]) -> None:
        """Create many pods."""


class Access(Protocol):
    """Tokens and rights."""

    def issue_token(self, user: str, rules: Iterable[Rule] | None = None) -> str:
        """A new token for the user, whose rights are replaced if some are given."""

    def revoke_token(self, token: str) -> None:
        """Let a token be refused, at once or within seconds."""

    def set_rules(self, user: str, rules: Iterable[Rule]) -> None:
        """Replace the rights of the user."""


class ApiServer(Protocol):
    """What the small and the real API server have in common."""

    @property
    def pods(self) -> Pods:
        """The pods."""

    @property
    def access(self) -> Access:
        """Tokens and rights."""

    @property
    def port(self) -> int:
        """The port on loopback."""

    def kubeconfig(self, token: str | None = None) -> str:
        """A kubeconfig for the token, or for an admin."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """An API server behind a network that can fail."""

    server: ApiServer
    network: TcpProxy

    @property
    def pods(self) -> Pods:
        """The pods, past the network that fails."""
        return self.server.pods

    @property
    def access(self) -> Access:
        """Tokens and rights, past the network that fails."""
        return self.server.access

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Let the server be out of reach, however that ends."""
        self.network.refuse()
        self.network.cut()
        try:
            yield
        finally:
            self.network.accept()

    def forget_history(self) -> None:
        """Let a watch from any version that the server has told so far be 410; only newer ones work."""
        match self.server:
            case SmallApiServer():
                self.server.pods.compact()
            case KubernetesApiServer():
                # kube-apiserver knows of its past what it has seen since its start.
                self.server.stop()
                self.server.start()
            case _:
                pytest.skip("this cluster is not ours to restart")

    def kubeconfig(self, token: str | None = None) -> str:
        """A kubeconfig whose way to the server leads through the network that fails."""
        direct, through = f"https://127.0.0.1:{self.server.port}", f"https://127.0.0.1:{self.network.port}"
        return self.server.kubeconfig(token).replace(direct, through)

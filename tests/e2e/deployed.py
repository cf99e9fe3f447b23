"""Kustomizations of the manifests on a real kube-apiserver."""

import json
from pathlib import Path
from typing import Protocol

from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import JSON, parse


class Deployed:
    """The base with components in a namespace: a folder for ``kubectl -k``."""

    def __init__(self, cluster: KubernetesApiServer, folder: Path) -> None:
        self._cluster = cluster
        self.folder = folder

    def build(self) -> list[JSON]:
        """Return the objects that kustomize builds."""
        return parse(self._cluster.kubectl("kustomize", str(self.folder)))

    def apply(self, *options: str) -> list[str]:
        """Apply it; return the output lines of kubectl."""
        return self._cluster.kubectl("apply", "-k", str(self.folder), *options).splitlines()

    def difference(self) -> str:
        """Return what an apply would change on the server; raise RuntimeError if it would change anything."""
        return self._cluster.kubectl("diff", "-k", str(self.folder))

    def delete(self) -> None:
        """Delete those of its objects that exist."""
        self._cluster.kubectl("delete", "-k", str(self.folder), "--ignore-not-found")

    def existing(self) -> list[str]:
        """Return those of its objects that exist on the server, as ``resource/name``."""
        listed = self._cluster.kubectl("get", "-k", str(self.folder), "--ignore-not-found", "-o", "name")
        return listed.split()

    def deployment(self) -> JSON:
        """Return the Deployment on the server."""
        (built,) = (item for item in self.build() if item["kind"] == "Deployment")
        namespace = built["metadata"]["namespace"]
        found: JSON = json.loads(self._cluster.kubectl("get", "deployment", "pod-index", "-n", namespace, "-o", "json"))
        return found


class Kustomize(Protocol):
    """Writes a kustomization; its objects are deleted when the test ends."""

    def __call__(self, *components: str, namespace: str = "") -> Deployed:
        """Replace the namespace of the manifests by ``namespace``, which is created if it does not exist."""

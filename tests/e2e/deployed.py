"""Kustomizations of the manifests, and what a real kube-apiserver has of them."""

import json
from pathlib import Path
from typing import Protocol

from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import JSON, parse


class Deployed:
    """The base with components in a namespace, as kubectl handles a folder with ``-k``."""

    def __init__(self, cluster: KubernetesApiServer, folder: Path) -> None:
        self._cluster = cluster
        self.folder = folder

    def build(self) -> list[JSON]:
        """What kustomize makes of it."""
        return parse(self._cluster.kubectl("kustomize", str(self.folder)))

    def apply(self, *options: str) -> list[str]:
        """The lines that kubectl prints."""
        return self._cluster.kubectl("apply", "-k", str(self.folder), *options).splitlines()

    def difference(self) -> str:
        """What applying it would change on the server; kubectl ends with 1 if that is anything."""
        return self._cluster.kubectl("diff", "-k", str(self.folder))

    def delete(self) -> None:
        """Remove it, whether all is there or not."""
        self._cluster.kubectl("delete", "-k", str(self.folder), "--ignore-not-found")

    def existing(self) -> list[str]:
        """What of it the server has, as ``resource/name``."""
        listed = self._cluster.kubectl("get", "-k", str(self.folder), "--ignore-not-found", "-o", "name")
        return listed.split()

    def deployment(self) -> JSON:
        """The Deployment as the server has it."""
        (built,) = (item for item in self.build() if item["kind"] == "Deployment")
        namespace = built["metadata"]["namespace"]
        found: JSON = json.loads(self._cluster.kubectl("get", "deployment", "pod-index", "-n", namespace, "-o", "json"))
        return found


class Kustomize(Protocol):
    """Writes a kustomization; whatever of it the server has when the test ends is deleted."""

    def __call__(self, *components: str, namespace: str = "") -> Deployed:
        """The namespace, which is made if need be, stands in for the default one of the manifests."""

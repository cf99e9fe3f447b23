"""The pods of the examples in README.md and operator/README.md, so that these work as they are pasted."""

from typing import Any

from tests.apiserver import PodStore, make_pod
from tests.kubernetes import Pods

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
"""Lists are in the order of UIDs. The examples of lists show this pod first, so it has the lowest UID."""

_CONTAINER = "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f"


class Examples:
    """The pod of the examples, one beside it, which makes the list have a second page, and one that gets deleted."""

    def __init__(self, pods: PodStore | Pods) -> None:
        self._pods = pods

    def start(self) -> dict[str, Any]:
        """Create the pods; return the pod of the examples. A real API server gives them UIDs of its own."""
        pod = self._create("example-pod", UID, "10.244.1.5", f"containerd://{_CONTAINER}")
        self._create("other-pod", "5678abcd-1234-90ef-aaaa-bbbbccccdddd", "10.244.1.6")
        self._create("deleted-pod", "9abcdef0-5678-1234-aaaa-bbbbccccdddd", "10.244.1.7")
        return pod

    def delete_one(self) -> None:
        """Delete the pod that the examples of deleted pods look up; pod-index must be ready, to notice it."""
        self._pods.delete("default", "deleted-pod")

    def _create(self, name: str, uid: str, ip: str, container_id: str = "") -> dict[str, Any]:
        pod = make_pod(
            name,
            node="node-1",
            ip=ip,
            phase="Running",
            labels={"app": "example"},
            annotations={"kubernetes.io/created-by": "..."},
            container_id=container_id,
        )
        pod["metadata"] |= {"uid": uid, "creationTimestamp": "2024-01-01T00:00:00Z"}
        return self._pods.create(pod)

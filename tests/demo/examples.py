"""The pods of the examples in README.md and operator/README.md, so that these work as they are pasted."""

from typing import Any

from tests.apiserver import PodStore, container_status, make_pod
from tests.kubernetes import Pods

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
"""Lists are in the order of UIDs. The examples of lists show this pod first, so it has the lowest UID."""

REMOTE_UID = "9abcdef0-1234-5678-aaaa-bbbbccccdddd"
"""The pod in another cluster."""

_CONTAINER = "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f"
_PREVIOUS = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
_OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "example-28401120", "controller": True}
_REQUESTS = {"requests": {"cpu": "100m"}}
_ENDED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2024-01-01T00:09:58Z"}

_DETAILS: dict[str, Any] = {
    "metadata": {"ownerReferences": [_OWNER | {"uid": "5678abcd-1234-90ef-aaaa-bbbbccccdddd"}]},
    "spec": {
        "serviceAccountName": "example",
        # The API server derives the QoS class from them, and refuses another one.
        "containers": [{"name": "main", "image": "registry.example.com/example:1.4", "resources": _REQUESTS}],
    },
    "status": {
        "hostIP": "192.168.1.7",
        "startTime": "2024-01-01T00:00:01Z",
        "qosClass": "Burstable",
        "containerStatuses": [
            container_status("main", f"containerd://{_CONTAINER}", last_id=f"containerd://{_PREVIOUS}")
            | {
                "imageID": "registry.example.com/example@sha256:4567",
                "state": {"running": {"startedAt": "2024-01-01T00:10:00Z"}},
                "lastState": {"terminated": _ENDED | {"containerID": f"containerd://{_PREVIOUS}"}},
            }
        ],
    },
}
"""Of the pod of the examples, by part of the pod."""


def remote_pod() -> dict[str, Any]:
    """Return the pod of the examples with several clusters."""
    pod = make_pod("web-0", "shop", node="node-1", ip="10.244.1.5", phase="Running", labels={"app": "example"})
    pod["metadata"]["uid"] = REMOTE_UID
    return pod


class Examples:
    """The pod of the examples, one beside it, which makes the list have a second page, and one that gets deleted."""

    def __init__(self, pods: PodStore | Pods) -> None:
        self._pods = pods

    def start(self) -> dict[str, Any]:
        """Create the pods; return the pod of the examples. A real API server gives them UIDs of its own."""
        pod = self._create("example-pod", UID, "10.244.1.5", _DETAILS)
        self._create("other-pod", "5678abcd-1234-90ef-aaaa-bbbbccccdddd", "10.244.1.6")
        self._create("deleted-pod", "9abcdef0-5678-1234-aaaa-bbbbccccdddd", "10.244.1.7")
        return pod

    def delete_one(self) -> None:
        """Delete the pod that the examples of deleted pods look up; pod-index must be ready, to notice it."""
        self._pods.delete("default", "deleted-pod")

    def _create(self, name: str, uid: str, ip: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        pod = make_pod(
            name,
            node="node-1",
            ip=ip,
            phase="Running",
            labels={"app": "example"},
            annotations={"kubernetes.io/created-by": "..."},
        )
        pod["metadata"] |= {"uid": uid, "creationTimestamp": "2024-01-01T00:00:00Z"}
        for part, fields in (details or {}).items():
            pod[part] |= fields
        return self._pods.create(pod)

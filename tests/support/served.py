"""Pods, indexes with them, and the API on an index without a network."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec
from starlette.types import Message, Receive

from pod_index.api.app import create_app
from pod_index.containers import Container, ContainerState, ContainerStatus, RunningState, TerminatedState
from pod_index.pods import OwnerReference, Pod, PodIP, PodMetadata, PodSpec, PodStatus
from pod_index.settings import Settings
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.index import PodIndex

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
CONTAINER_ID = "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f"
PREVIOUS_ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
OWNER_UID = "5678abcd-1234-90ef-aaaa-bbbbccccdddd"
CONFIG_HASH = "0123456789abcdef0123456789abcdef"


def example_pod(version: int = 1, *, ip: str = "10.244.1.5", container_id: str = CONTAINER_ID) -> Pod:
    """The pod of the examples in the documentation; "" for fields that are not set yet."""
    return Pod(
        metadata=PodMetadata(
            uid=UID,
            name="example-pod",
            namespace="default",
            resource_version=version,
            creation_timestamp="2024-01-01T00:00:00Z",
            labels={"app": "example"},
            annotations={"kubernetes.io/created-by": "..."},
            owner_references=[OwnerReference("batch/v1", "Job", "example-28401120", OWNER_UID, controller=True)],
        ),
        spec=PodSpec(
            node_name="node-1",
            service_account_name="example",
            containers=[Container(name="main", image="registry.example.com/example:1.4")],
        ),
        status=PodStatus(
            phase="Running",
            host_ip="192.168.1.7",
            start_time="2024-01-01T00:00:01Z",
            qos_class="Burstable",
            pod_ip=ip or None,
            pod_ips=[PodIP(ip=ip)] if ip else None,
            container_statuses=[_restarted(container_id)] if container_id else None,
        ),
    )


def _restarted(container_id: str) -> ContainerStatus:
    ended = TerminatedState(f"containerd://{PREVIOUS_ID}", 137, "OOMKilled", "2024-01-01T00:09:58Z")
    return ContainerStatus(
        container_id=f"containerd://{container_id}",
        name="main",
        image_id="registry.example.com/example@sha256:4567",
        restart_count=1,
        ready=True,
        state=ContainerState(running=RunningState("2024-01-01T00:10:00Z")),
        last_state=ContainerState(terminated=ended),
    )


def static_pod(version: int = 1) -> Pod:
    """The mirror pod of a static pod, whose kubelet knows it as CONFIG_HASH."""
    annotations = {"kubernetes.io/config.hash": CONFIG_HASH, "kubernetes.io/config.mirror": CONFIG_HASH}
    return simple_pod("00000000-0000-0000-0000-00000000aaaa", version, name="etcd", annotations=annotations)


def simple_pod(
    uid: str,
    version: int = 1,
    *,
    name: str = "web",
    namespace: str = "default",
    node: str = "node-1",
    annotations: dict[str, str] | None = None,
) -> Pod:
    """A pod with a name and a node."""
    metadata = PodMetadata(uid=uid, name=name, namespace=namespace, resource_version=version, annotations=annotations)
    return Pod(metadata=metadata, spec=PodSpec(node_name=node))


def namesakes(number: int, pod: Pod) -> list[Pod]:
    """Pods that differ in UID and name only."""
    pods = []
    for index in range(number):
        metadata = msgspec.structs.replace(pod.metadata, uid=f"{index:08}{pod.metadata.uid[8:]}", name=f"pod-{index}")
        pods.append(msgspec.structs.replace(pod, metadata=metadata))
    return pods


def listing(*pods: Pod, at: int = 1_000) -> ListPage:
    """A complete listing of all namespaces."""
    return ListPage(scope="", pods=list(pods), begins=True, complete_at=at)


def change(pod: Pod) -> Delta:
    """A watch event of all namespaces."""
    return Delta(type="MODIFIED", scope="", pod=pod)


def replace_page(index: PodIndex, page: ListPage) -> None:
    """Store a page of a listing, in one go."""
    for _ in index.replace_page(page):
        pass


def synced_index(*pods: Pod, **options: Any) -> PodIndex:
    """An index with these pods after a complete listing."""
    index = PodIndex(**options)
    replace_page(index, listing(*pods))
    return index


@contextlib.asynccontextmanager
async def served(
    index: PodIndex, age: float | None = 0.0, settings: Settings | None = None, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API on the index, in this process; the options go to ``create_app``."""
    transport = httpx.ASGITransport(create_app(index, lambda: age, settings, **options), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def http_scope(path: str, query: bytes = b"", method: str = "GET") -> dict[str, Any]:
    """The ASGI scope of a request."""
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": [], "root_path": ""}


def receiving(messages: Sequence[Message]) -> Receive:
    """An ASGI ``receive`` of these messages; further calls fail."""
    remaining = iter(messages)

    async def receive() -> Message:
        return next(remaining)

    return receive

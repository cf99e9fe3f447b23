"""Pods, cut down to the fields that pod-index reads, and the record that answers a lookup."""

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from pod_index.containers import Container, ContainerStatus
from pod_index.keeping import Keeping


class OwnerReference(Struct, rename="camel", gc=False, frozen=True):
    """One of ``metadata.ownerReferences``."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    """Whether this owner manages the pod. At most one does."""


class PodMetadata(Struct, rename="camel", gc=False):
    """``metadata`` of a pod."""

    uid: str
    name: str
    resource_version: int
    namespace: str = ""
    creation_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    deletion_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class PodSpec(Struct, rename="camel", gc=False, frozen=True):
    """``spec`` of a pod."""

    node_name: str | None = None
    host_network: bool = False
    service_account_name: str | None = None
    init_containers: list[Container] | None = None
    containers: list[Container] | None = None
    ephemeral_containers: list[Container] | None = None


class PodIP(Struct, gc=False):
    """One of ``status.podIPs``."""

    ip: str = ""


class PodStatus(Struct, rename="camel", gc=False, frozen=True):
    """``status`` of a pod."""

    phase: str | None = None
    start_time: str | None = None
    pod_ip: str | None = field(name="podIP", default=None)
    pod_ips: list[PodIP] | None = field(name="podIPs", default=None)
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None
    host_ip: str | None = field(name="hostIP", default=None)
    qos_class: str | None = None
    reason: str | None = None


class Pod(Struct, gc=False):
    """A core/v1 Pod."""

    metadata: PodMetadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodRecord(Struct, rename="camel"):
    """The response to a lookup; its fields are in the order of the API's contract."""

    uid: str
    name: str
    namespace: str
    node_name: str
    phase: str
    pod_ip: str = field(name="podIP")
    labels: dict[str, str] | UnsetType
    annotations: dict[str, str] | UnsetType
    created_at: str


_record_encoder = msgspec.json.Encoder(order="deterministic")
"""Labels and annotations are in the order of their keys, whichever order the API server sends."""


KEEP_DEFAULT = Keeping.of()


def encode_record(pod: Pod, keeping: Keeping = KEEP_DEFAULT) -> bytes:
    """Encode the response to a lookup of ``pod``: unset strings are "", and empty maps are omitted.

    ``keeping`` says which labels and annotations it has.
    """
    metadata = pod.metadata
    return _record_encoder.encode(
        PodRecord(
            uid=metadata.uid,
            name=metadata.name,
            namespace=metadata.namespace,
            node_name=pod.spec.node_name or "",
            phase=pod.status.phase or "",
            pod_ip=pod.status.pod_ip or "",
            labels=keeping.labels.keep(metadata.labels) or UNSET,
            annotations=keeping.annotations.keep(metadata.annotations) or UNSET,
            created_at=metadata.creation_timestamp or "",
        )
    )

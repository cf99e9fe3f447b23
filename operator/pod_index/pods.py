"""Pods as the Kubernetes API sends them, cut down to what pod-index serves, and the record that it answers.

msgspec decodes only the fields that a Struct names and skips the rest without allocating it, so a pod of
10 KB of JSON costs a few hundred bytes. ``strict=False`` lets it read resourceVersions, which are strings on
the wire, as the integers that they are: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

import msgspec
from msgspec import UNSET, Struct, UnsetType, field


class PodMetadata(Struct, rename="camel", gc=False):
    """``metadata`` of a pod."""

    uid: str
    name: str
    resource_version: int
    namespace: str = ""
    creation_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class PodSpec(Struct, rename="camel", gc=False, frozen=True):
    """``spec`` of a pod."""

    node_name: str | None = None
    host_network: bool = False


class PodIP(Struct, gc=False):
    """One of ``status.podIPs``."""

    ip: str = ""


class TerminatedState(Struct, gc=False):
    """``state.terminated`` or ``lastState.terminated`` of a container."""

    container_id: str | None = field(name="containerID", default=None)


class ContainerState(Struct, gc=False):
    """``lastState`` of a container: how its last restart came about."""

    terminated: TerminatedState | None = None


class ContainerStatus(Struct, rename="camel", gc=False):
    """One of ``status.containerStatuses``, or of those of init and ephemeral containers."""

    container_id: str | None = field(name="containerID", default=None)
    last_state: ContainerState | None = None


class PodStatus(Struct, rename="camel", gc=False, frozen=True):
    """``status`` of a pod."""

    phase: str | None = None
    start_time: str | None = None
    pod_ip: str | None = field(name="podIP", default=None)
    pod_ips: list[PodIP] | None = field(name="podIPs", default=None)
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None


class Pod(Struct, gc=False):
    """A core/v1 Pod: what is read of it."""

    metadata: PodMetadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class ListMetadata(Struct, rename={"continue_token": "continue", "resource_version": "resourceVersion"}):
    """``metadata`` of a list: the version that all its pages show, and the token of the next page."""

    resource_version: int
    continue_token: str | None = None


class PodList(Struct):
    """One page of a list of pods."""

    metadata: ListMetadata
    items: list[Pod] | None = None


class Status(Struct):
    """What the API server says when it fails: the body of an error response and of a watch's ERROR event."""

    code: int = 0
    reason: str | None = None
    message: str | None = None


class Added(Struct, tag_field="type", tag="ADDED", gc=False):
    """A watch event: the pod exists since its resourceVersion (or is part of the initial state)."""

    object: Pod


class Modified(Struct, tag_field="type", tag="MODIFIED", gc=False):
    """A watch event: the pod changed."""

    object: Pod


class Deleted(Struct, tag_field="type", tag="DELETED", gc=False):
    """A watch event: the pod is gone; its resourceVersion is that of the deletion."""

    object: Pod


class BookmarkMetadata(Struct, rename="camel"):
    """``metadata`` of a bookmark."""

    resource_version: int
    annotations: dict[str, str] | None = None


class BookmarkObject(Struct):
    """The object of a bookmark, which has nothing but a resourceVersion."""

    metadata: BookmarkMetadata


class Bookmark(Struct, tag_field="type", tag="BOOKMARK"):
    """A watch event: all changes up to the resourceVersion have been sent."""

    object: BookmarkObject

    @property
    def ends_initial_events(self) -> bool:
        """Whether this bookmark ends the initial state of a streaming list.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
        """
        return (self.object.metadata.annotations or {}).get("k8s.io/initial-events-end") == "true"


class Error(Struct, tag_field="type", tag="ERROR"):
    """A watch event: the watch has failed."""

    object: Status


WatchEvent = Added | Modified | Deleted | Bookmark
"""What a watch says; an ERROR ends it instead."""

_list_decoder = msgspec.json.Decoder(PodList, strict=False)
_event_decoder: msgspec.json.Decoder[WatchEvent | Error] = msgspec.json.Decoder(WatchEvent | Error, strict=False)
_status_decoder = msgspec.json.Decoder(Status)


NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for anything but the right JSON: other JSON, other bytes, JSON nested without end."""


def decode_list(body: bytes | bytearray | memoryview) -> PodList:
    """Decode one page of a list of pods; raise one of NOT_JSON if it is not one."""
    return _list_decoder.decode(body)


def decode_events(lines: bytes | memoryview) -> list[WatchEvent | Error]:
    """Decode lines of a watch, all in one call; raise one of NOT_JSON if one is not a watch event of pods."""
    return _event_decoder.decode_lines(lines)


def decode_status(body: bytes) -> Status:
    """Decode the body of an error response; anything else than a Status gives an empty one."""
    try:
        return _status_decoder.decode(body)
    except NOT_JSON:
        return Status()


class PodRecord(Struct, rename="camel"):
    """The answer to a lookup; its fields are in the order of the contract."""

    uid: str
    name: str
    namespace: str
    node_name: str
    phase: str
    pod_ip: str = field(name="podIP")
    labels: dict[str, str] | UnsetType
    annotations: dict[str, str] | UnsetType
    created_at: str


_record_encoder = msgspec.json.Encoder()


def encode_record(pod: Pod) -> bytes:
    """Encode the answer to a lookup of ``pod``: strings are "" when unset, empty maps are left out."""
    metadata = pod.metadata
    return _record_encoder.encode(
        PodRecord(
            uid=metadata.uid,
            name=metadata.name,
            namespace=metadata.namespace,
            node_name=pod.spec.node_name or "",
            phase=pod.status.phase or "",
            pod_ip=pod.status.pod_ip or "",
            labels=metadata.labels or UNSET,
            annotations=metadata.annotations or UNSET,
            created_at=metadata.creation_timestamp or "",
        )
    )

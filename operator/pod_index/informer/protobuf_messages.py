"""The API server's protobuf messages, declared with the fields that pod-index reads, and their conversion to pods.

The numbers of the fields are those of these files; the decoder skips all other fields:

- ``k8s.io/api/core/v1/generated.proto``: Pod, PodList, PodSpec, PodStatus, PodIP, ContainerStatus, ContainerState,
  ContainerStateTerminated;
- ``k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto``: ObjectMeta, ListMeta, Status, Timestamp, WatchEvent;
- ``k8s.io/apimachinery/pkg/runtime/generated.proto``: TypeMeta, Unknown, RawExtension.

Some types differ from those files, but have the same encoding (https://protobuf.dev/programming-guides/encoding/):

- Strings are ``bytes``. The API server does not check the UTF-8 of annotations, and one invalid ``string`` fails the
  whole message.
- A map is the list of its entries, which keeps their order: the API server sorts them by key.
- ``Unknown.raw`` is the message that it contains, instead of its bytes.
- A message is ``bytes`` if most pods share its content, or have none.
"""

import codecs
import time
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from pod_index.pods import (
    ContainerState,
    ContainerStatus,
    Pod,
    PodIP,
    PodMetadata,
    PodSpec,
    PodStatus,
    TerminatedState,
)

PREFIX = b"k8s\0"
"""What precedes each Unknown."""

_PACKAGE = "pod_index"

_DECLARATIONS = {
    "Entry": "bytes key = 1; bytes value = 2",
    "ObjectMeta": (
        "bytes name = 1; bytes namespace = 3; bytes uid = 5; bytes resource_version = 6; bytes creation_timestamp = 8;"
        "repeated Entry labels = 11; repeated Entry annotations = 12"
    ),
    "PodSpec": "bytes node_name = 10; bool host_network = 11",
    "PodIP": "bytes ip = 1",
    "ContainerStateTerminated": "bytes container_id = 7",
    "ContainerState": "ContainerStateTerminated terminated = 3",
    "ContainerStatus": "bytes last_state = 3; bytes container_id = 8",
    "PodStatus": (
        "bytes phase = 1; bytes pod_ip = 6; bytes start_time = 7; repeated ContainerStatus container_statuses = 8;"
        "repeated ContainerStatus init_container_statuses = 10; repeated PodIP pod_ips = 12;"
        "repeated ContainerStatus ephemeral_container_statuses = 13"
    ),
    "Pod": "ObjectMeta metadata = 1; PodSpec spec = 2; PodStatus status = 3",
    "ListMeta": "bytes resource_version = 2; bytes continue_token = 3",
    "PodList": "ListMeta metadata = 1; repeated Pod items = 2",
    "Status": "bytes message = 3; bytes reason = 4; int32 code = 6",
    "Timestamp": "int64 seconds = 1",
    "TypeMeta": "bytes api_version = 1; bytes kind = 2",
    "UnknownPod": "TypeMeta type_meta = 1; Pod raw = 2",
    "UnknownStatus": "TypeMeta type_meta = 1; Status raw = 2",
    "RawExtension": "bytes raw = 1",
    "WatchEvent": "bytes type = 1; RawExtension object = 2",
}

_SCALARS = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
}


def _declared() -> DescriptorPool:
    # proto2, as in the files of Kubernetes: the presence of every field is known.
    file = FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _DECLARATIONS.items():
        message = file.message_type.add(name=name)
        for declaration in fields.split(";"):
            *repeated, kind, field_name, _, number = declaration.split()
            field = message.field.add(name=field_name, number=int(number))
            field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_pool = _declared()


# The attributes of messages that are declared at runtime are unknown to the type checker: so messages are Any.
def _message(name: str) -> Any:
    message_class: type[Message] = GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
    return message_class


POD_LIST = _message("PodList")
TYPE_META = _message("TypeMeta")
UNKNOWN_POD = _message("UnknownPod")
UNKNOWN_STATUS = _message("UnknownStatus")
WATCH_EVENT = _message("WatchEvent")
_CONTAINER_STATE = _message("ContainerState")
_TIMESTAMP = _message("Timestamp")

_VERSION_DIGITS = 20
"""Those of the largest uint64: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions"""

_UTF8 = "utf-8"
_GO = "pod_index.go"
"""The error handler that decodes invalid UTF-8 as Go does."""


def _replace_one_byte(error: UnicodeError) -> tuple[str, int]:
    """Replace one byte by U+FFFD, as Go's JSON does; Python's "replace" can replace up to three by one.

    https://pkg.go.dev/encoding/json#Marshal and https://pkg.go.dev/unicode/utf8#DecodeRune
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\N{REPLACEMENT CHARACTER}", error.start + 1


codecs.register_error(_GO, _replace_one_byte)


def text_of(raw: bytes) -> str:
    """Decode a string as the API server's JSON has it: each byte of invalid UTF-8 is U+FFFD."""
    return raw.decode(_UTF8, _GO)


def version_of(raw: bytes) -> int:
    """Parse a resourceVersion; raise DecodeError if it is unset or not a number."""
    if not raw.isdigit() or len(raw) > _VERSION_DIGITS:
        raise DecodeError(f"invalid resourceVersion {raw[:32]!r}" if raw else "an object without a resourceVersion")
    return int(raw)


def start_version_of(metadata: Any) -> int:
    """Return the resourceVersion of a list or a bookmark; 0 is an error: a watch from it would start at any state."""
    if (version := version_of(metadata.resource_version)) == 0:
        raise DecodeError("a resourceVersion of 0 in a list or a bookmark")
    return version


def entries_of(entries: Any) -> dict[str, str] | None:
    """Return a map in the order of its entries; None if it is empty."""
    return {entry.key.decode(_UTF8, _GO): entry.value.decode(_UTF8, _GO) for entry in entries} or None


def check_type(type_meta: Any, kind: bytes) -> None:
    """Raise DecodeError if an object is not of this kind."""
    if type_meta.kind != kind or type_meta.api_version != b"v1":
        found = f"{text_of(type_meta.api_version[:64])} {text_of(type_meta.kind[:64])}"
        raise DecodeError(f"{found!r} instead of 'v1 {kind.decode()}'")


def pod_of(pod: Any) -> Pod:
    """Convert a Pod message; raise DecodeError if it lacks what the JSON decoder requires.

    The API server's JSON omits strings and lists that are empty, so None stands for both.
    """
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    uid, name = metadata.uid, metadata.name
    if not uid or not name:
        raise DecodeError("a pod without a UID or a name")
    return Pod(
        PodMetadata(
            uid.decode(_UTF8, _GO),
            name.decode(_UTF8, _GO),
            version_of(metadata.resource_version),
            metadata.namespace.decode(_UTF8, _GO),
            _time_of(metadata.creation_timestamp),
            entries_of(metadata.labels),
            entries_of(metadata.annotations),
        ),
        PodSpec(spec.node_name.decode(_UTF8, _GO) or None, spec.host_network),
        PodStatus(
            status.phase.decode(_UTF8, _GO) or None,
            _time_of(status.start_time),
            status.pod_ip.decode(_UTF8, _GO) or None,
            [PodIP(ip.ip.decode(_UTF8, _GO)) for ip in status.pod_ips] or None,
            _statuses_of(status.container_statuses),
            _statuses_of(status.init_container_statuses),
            _statuses_of(status.ephemeral_container_statuses),
        ),
    )


def _statuses_of(statuses: Any) -> list[ContainerStatus] | None:
    return [
        ContainerStatus(status.container_id.decode(_UTF8, _GO) or None, _last_state_of(status)) for status in statuses
    ] or None


def _last_state_of(status: Any) -> ContainerState | None:
    raw = status.last_state
    if not raw:
        return ContainerState() if status.HasField("last_state") else None
    state = _CONTAINER_STATE.FromString(raw)
    if not state.HasField("terminated"):
        return ContainerState()
    return ContainerState(TerminatedState(text_of(state.terminated.container_id) or None))


@lru_cache(4096)
def _time_of(raw: bytes) -> str | None:
    """Convert a Time, which the API server encodes as a Timestamp, to RFC 3339; None if it is unset.

    An unset Time is an empty message, but the epoch is not; JSON omits fractions of a second:
    k8s.io/apimachinery/pkg/apis/meta/v1/time_proto.go
    """
    if not raw:
        return None
    seconds: int = _TIMESTAMP.FromString(raw).seconds
    try:
        year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    except (OverflowError, ValueError, OSError) as error:
        raise DecodeError(f"invalid time {seconds}") from error
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"

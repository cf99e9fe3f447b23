"""The API server's protobuf messages, declared with the fields that pod-index reads.

The numbers of the fields are those of these files; the decoder skips all other fields:

- ``k8s.io/api/core/v1/generated.proto``: Pod, PodList, PodSpec, PodStatus, PodIP, Container, EphemeralContainer,
  ContainerStatus, ContainerState and those of its three states;
- ``k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto``: ObjectMeta, OwnerReference, ListMeta, Status, Timestamp,
  WatchEvent;
- ``k8s.io/apimachinery/pkg/runtime/generated.proto``: TypeMeta, Unknown, RawExtension.

Some types differ from those files, but have the same encoding (https://protobuf.dev/programming-guides/encoding/):

- Strings are ``bytes``. The API server does not check the UTF-8 of annotations, and one invalid ``string`` fails the
  whole message.
- A map is the list of its entries, which keeps their order: the API server sorts them by key.
- A message is ``bytes`` if most pods share its content, or have none.
- ``Unknown.raw`` is the message that it contains, instead of its bytes.
- An EphemeralContainer has the fields of a Container in ``ephemeralContainerCommon``, with the same numbers.
"""

import codecs
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from pod_index.store.memo import Memo

PREFIX = b"k8s\0"
"""What precedes each Unknown."""

_PACKAGE = "pod_index"

_DECLARATIONS = {
    "Entry": "bytes key = 1; bytes value = 2",
    "Timestamp": "int64 seconds = 1",
    "OwnerReference": "bytes kind = 1; bytes name = 3; bytes uid = 4; bytes api_version = 5; bool controller = 6",
    "ObjectMeta": (
        "bytes name = 1; bytes namespace = 3; bytes uid = 5; bytes resource_version = 6;"
        "Timestamp creation_timestamp = 8; Timestamp deletion_timestamp = 9; repeated bytes labels = 11;"
        "repeated bytes annotations = 12; repeated bytes owner_references = 13"
    ),
    "Container": "bytes name = 1; bytes image = 2; bytes restart_policy = 24",
    "EphemeralContainer": "Container common = 1",
    "PodSpec": (
        "repeated Container containers = 2; bytes service_account_name = 8; bytes node_name = 10;"
        "bool host_network = 11; repeated Container init_containers = 20;"
        "repeated EphemeralContainer ephemeral_containers = 34"
    ),
    "PodIP": "bytes ip = 1",
    "ContainerStateWaiting": "bytes reason = 1",
    "ContainerStateRunning": "Timestamp started_at = 1",
    "ContainerStateTerminated": (
        "int32 exit_code = 1; bytes reason = 3; Timestamp finished_at = 6; bytes container_id = 7"
    ),
    "ContainerState": (
        "ContainerStateWaiting waiting = 1; ContainerStateRunning running = 2; ContainerStateTerminated terminated = 3"
    ),
    "ContainerStatus": (
        "bytes name = 1; ContainerState state = 2; bytes last_state = 3; bool ready = 4;"
        "int32 restart_count = 5; bytes image_id = 7; bytes container_id = 8"
    ),
    "PodStatus": (
        "bytes phase = 1; bytes reason = 4; bytes host_ip = 5; bytes pod_ip = 6; Timestamp start_time = 7;"
        "repeated ContainerStatus container_statuses = 8; bytes qos_class = 9;"
        "repeated ContainerStatus init_container_statuses = 10; repeated PodIP pod_ips = 12;"
        "repeated ContainerStatus ephemeral_container_statuses = 13"
    ),
    "Pod": "ObjectMeta metadata = 1; PodSpec spec = 2; PodStatus status = 3",
    "ListMeta": "bytes resource_version = 2; bytes continue_token = 3",
    "PodList": "ListMeta metadata = 1; repeated Pod items = 2",
    "Status": "bytes message = 3; bytes reason = 4; int32 code = 6",
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


CONTAINER_STATE = _message("ContainerState")
ENTRY = _message("Entry")
OWNER_REFERENCE = _message("OwnerReference")
POD_LIST = _message("PodList")
POD_SPEC = _message("PodSpec")
TYPE_META = _message("TypeMeta")
UNKNOWN_POD = _message("UnknownPod")
UNKNOWN_STATUS = _message("UnknownStatus")
WATCH_EVENT = _message("WatchEvent")

_VERSION_DIGITS = 20
"""Those of the largest uint64: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions"""

SHARED_BYTES = 256
"""The maximum size of a message that is cached because other pods have the same one."""

UTF8 = "utf-8"
GO = "pod_index.go"
"""The error handler that decodes invalid UTF-8 as Go does. ``raw.decode(UTF8, GO)`` is faster than ``text_of(raw)``."""


def _replace_one_byte(error: UnicodeError) -> tuple[str, int]:
    """Replace one byte by U+FFFD, as Go's JSON does; Python's "replace" can replace up to three by one.

    https://pkg.go.dev/encoding/json#Marshal and https://pkg.go.dev/unicode/utf8#DecodeRune
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\N{REPLACEMENT CHARACTER}", error.start + 1


codecs.register_error(GO, _replace_one_byte)


def text_of(raw: bytes) -> str:
    """Decode a string as the API server's JSON has it: each byte of invalid UTF-8 is U+FFFD."""
    return raw.decode(UTF8, GO)


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


def entries_of(entries: Iterable[bytes]) -> dict[str, str] | None:
    """Return a map in the order of its entries; None if it is empty."""
    return dict(map(_entry, entries)) or None


def is_small(raw: bytes, _: object) -> bool:
    """Return whether a message is cached because other pods have the same one."""
    return len(raw) <= SHARED_BYTES


def _entry_of(raw: bytes) -> tuple[str, str]:
    entry = ENTRY.FromString(raw)
    return entry.key.decode(UTF8, GO), entry.value.decode(UTF8, GO)


_entry = Memo(_entry_of, 1024, is_small).__getitem__


def check_type(type_meta: Any, kind: bytes) -> None:
    """Raise DecodeError if an object is not of this kind."""
    if type_meta.kind != kind or type_meta.api_version != b"v1":
        found = f"{text_of(type_meta.api_version[:64])} {text_of(type_meta.kind[:64])}"
        raise DecodeError(f"{found!r} instead of 'v1 {kind.decode()}'")

"""The protobuf encoding of pods and Statuses, written from their JSON as the Go code of the real server writes it.

https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding. The numbers of the fields are those of
``generated.proto`` in k8s.io/api/core/v1, k8s.io/apimachinery/pkg/apis/meta/v1 and k8s.io/apimachinery/pkg/runtime.
Fields of pods that are missing below are omitted. Messages are written byte by byte: so this module and the decoder of
pod-index have nothing in common, and strings can be invalid UTF-8 (as surrogates: ``surrogateescape``).
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.apiserver.statuses import JSON

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

# name=number:type; "?" is a pointer in Go, "*" repeated. All other fields are written even if they are empty. A field
# without a name is embedded: its own fields are in the JSON of the outer object.
_SCHEMA = {
    "TypeMeta": "apiVersion=1:string kind=2:string",
    "ListMeta": "selfLink=1:string resourceVersion=2:string continue=3:string remainingItemCount=4:int?",
    "Status": (
        "metadata=1:ListMeta status=2:string message=3:string reason=4:string details=5:StatusDetails? code=6:int"
    ),
    "StatusDetails": (
        "name=1:string group=2:string kind=3:string causes=4:StatusCause* retryAfterSeconds=5:int uid=6:string"
    ),
    "StatusCause": "reason=1:string message=2:string field=3:string",
    "Pod": "metadata=1:ObjectMeta spec=2:PodSpec status=3:PodStatus",
    "ObjectMeta": (
        "name=1:string generateName=2:string namespace=3:string selfLink=4:string uid=5:string resourceVersion=6:string"
        " generation=7:int creationTimestamp=8:Time deletionTimestamp=9:Time? deletionGracePeriodSeconds=10:int?"
        " labels=11:map annotations=12:map ownerReferences=13:OwnerReference* finalizers=14:string*"
        " managedFields=17:ManagedFieldsEntry*"
    ),
    "OwnerReference": (
        "kind=1:string name=3:string uid=4:string apiVersion=5:string controller=6:bool? blockOwnerDeletion=7:bool?"
    ),
    "ManagedFieldsEntry": (
        "manager=1:string operation=2:string apiVersion=3:string time=4:Time? fieldsType=6:string fieldsV1=7:FieldsV1?"
        " subresource=8:string"
    ),
    "FieldsV1": "=1:json",
    "PodSpec": (
        "volumes=1:Volume* containers=2:Container* restartPolicy=3:string terminationGracePeriodSeconds=4:int?"
        " activeDeadlineSeconds=5:int? dnsPolicy=6:string nodeSelector=7:map serviceAccountName=8:string"
        " serviceAccount=9:string nodeName=10:string hostNetwork=11:bool hostPID=12:bool hostIPC=13:bool"
        " securityContext=14:PodSecurityContext? hostname=16:string subdomain=17:string schedulerName=19:string"
        " initContainers=20:Container* automountServiceAccountToken=21:bool? tolerations=22:Toleration*"
        " priorityClassName=24:string priority=25:int? runtimeClassName=29:string? enableServiceLinks=30:bool?"
        " preemptionPolicy=31:string? ephemeralContainers=34:EphemeralContainer*"
    ),
    "Volume": "name=1:string =2:VolumeSource",
    "VolumeSource": "emptyDir=2:EmptyDirVolumeSource? configMap=19:ConfigMapVolumeSource?",
    "EmptyDirVolumeSource": "medium=1:string",
    "ConfigMapVolumeSource": "=1:LocalObjectReference defaultMode=3:int?",
    "LocalObjectReference": "name=1:string",
    "PodSecurityContext": "runAsUser=2:int? runAsNonRoot=3:bool? supplementalGroups=4:int* fsGroup=5:int?",
    "Toleration": "key=1:string operator=2:string value=3:string effect=4:string tolerationSeconds=5:int?",
    "EphemeralContainer": "=1:Container targetContainerName=2:string",
    "Container": (
        "name=1:string image=2:string command=3:string* args=4:string* workingDir=5:string ports=6:ContainerPort*"
        " env=7:EnvVar* volumeMounts=9:VolumeMount* terminationMessagePath=13:string imagePullPolicy=14:string"
        " securityContext=15:SecurityContext? stdin=16:bool stdinOnce=17:bool tty=18:bool"
        " terminationMessagePolicy=20:string restartPolicy=24:string?"
    ),
    "ContainerPort": "name=1:string hostPort=2:int containerPort=3:int protocol=4:string hostIP=5:string",
    "EnvVar": "name=1:string value=2:string valueFrom=3:EnvVarSource?",
    "EnvVarSource": "fieldRef=1:ObjectFieldSelector?",
    "ObjectFieldSelector": "apiVersion=1:string fieldPath=2:string",
    "VolumeMount": "name=1:string readOnly=2:bool mountPath=3:string subPath=4:string",
    "SecurityContext": "capabilities=1:Capabilities? allowPrivilegeEscalation=7:bool?",
    "Capabilities": "add=1:string* drop=2:string*",
    "PodStatus": (
        "phase=1:string conditions=2:PodCondition* message=3:string reason=4:string hostIP=5:string podIP=6:string"
        " startTime=7:Time? containerStatuses=8:ContainerStatus* qosClass=9:string"
        " initContainerStatuses=10:ContainerStatus* nominatedNodeName=11:string podIPs=12:IP*"
        " ephemeralContainerStatuses=13:ContainerStatus* hostIPs=16:IP* observedGeneration=17:int"
    ),
    "IP": "ip=1:string",
    "PodCondition": (
        "type=1:string status=2:string lastProbeTime=3:Time lastTransitionTime=4:Time reason=5:string message=6:string"
    ),
    "ContainerStatus": (
        "name=1:string state=2:ContainerState lastState=3:ContainerState ready=4:bool restartCount=5:int image=6:string"
        " imageID=7:string containerID=8:string started=9:bool?"
    ),
    "ContainerState": (
        "waiting=1:ContainerStateWaiting? running=2:ContainerStateRunning? terminated=3:ContainerStateTerminated?"
    ),
    "ContainerStateWaiting": "reason=1:string message=2:string",
    "ContainerStateRunning": "startedAt=1:Time",
    "ContainerStateTerminated": (
        "exitCode=1:int signal=2:int reason=3:string message=4:string startedAt=5:Time finishedAt=6:Time"
        " containerID=7:string"
    ),
}
_FIELD = re.compile(r"(?P<name>\w*)=(?P<number>\d+):(?P<type>\w+)(?P<mark>[?*]?)")
_FIELDS = {
    message: [(name, int(number), kind, mark) for name, number, kind, mark in _FIELD.findall(fields)]
    for message, fields in _SCHEMA.items()
}


def encode_message(message: str, content: JSON) -> bytes:
    """The message with the content of the JSON object."""
    return b"".join(_fields(message, content))


def encode_object(kind: str, message: bytes) -> bytes:
    """An encoded message of the API group v1 as the body of a response."""
    type_meta = encode_message("TypeMeta", {"apiVersion": "v1", "kind": kind})
    # The last two are contentEncoding and contentType.
    return b"k8s\0" + _delimited(1, type_meta) + _delimited(2, message) + _delimited(3, b"") + _delimited(4, b"")


def encode_list(metadata: JSON, pods: Iterable[bytes]) -> bytes:
    """A PodList, whose pods are encoded already, as the body of a response."""
    items = b"".join(_delimited(2, pod) for pod in pods)
    return encode_object("PodList", _delimited(1, encode_message("ListMeta", metadata)) + items)


def encode_event(event: str, kind: str, message: bytes) -> bytes:
    """A watch event as a frame."""
    content = _delimited(1, event.encode()) + _delimited(2, _delimited(1, encode_object(kind, message)))
    return encode_frame(content)


def encode_frame(content: bytes) -> bytes:
    """A frame of a watch."""
    return len(content).to_bytes(4) + content


def _fields(message: str, content: JSON) -> Iterator[bytes]:
    for name, number, kind, mark in _FIELDS[message]:
        value = content.get(name) if name else content
        if mark == "*":
            for item in value or []:
                yield _field(number, kind, item)
        elif kind == "map":
            for key, text in sorted((value or {}).items()):
                yield _delimited(number, _field(1, "string", key) + _field(2, "string", text))
        elif mark != "?" or value is not None:
            yield _field(number, kind, value)


def _field(number: int, kind: str, value: Any) -> bytes:
    match kind:
        case "string":
            return _delimited(number, (value or "").encode("utf-8", "surrogateescape"))
        case "int" | "bool":
            return _varint(number << 3) + _varint(int(value or 0))
        case "Time":
            return _delimited(number, _time(value))
        case "json":
            return _delimited(number, msgspec.json.encode(value))
        case message:
            return _delimited(number, encode_message(message, value or {}))


def _time(text: str | None) -> bytes:
    """A Timestamp; an unset time is empty, but the epoch is not (pkg/apis/meta/v1/time_proto.go)."""
    if text is None:
        return b""
    since_epoch = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return _field(1, "int", since_epoch.days * 86400 + since_epoch.seconds) + _field(2, "int", 0)


def _delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    # Negative numbers have ten bytes: https://protobuf.dev/programming-guides/encoding/#signed-ints
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)

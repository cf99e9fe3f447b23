"""The encodings of responses, and which of them a request accepts."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tests.apiserver import protobuf
from tests.apiserver.statuses import JSON
from tests.apiserver.stored import StoredPod
from tests.apiserver.tables import render_table, table, wants_table


class Encoding(Protocol):
    """Encodes the objects of responses."""

    media_type: str
    watch_media_type: str

    def status(self, status: JSON) -> bytes:
        """The body of an error."""

    def pod(self, pod: StoredPod) -> bytes:
        """The body with one pod."""

    def pods(self, metadata: JSON, pods: Iterable[StoredPod]) -> bytes:
        """The body of a list."""

    def pod_event(self, event: str, pod: StoredPod) -> bytes:
        """A watch event with a pod."""

    def bookmark(self, pod: JSON) -> bytes:
        """A watch event with the pod of a bookmark."""

    def error(self, status: JSON) -> bytes:
        """A watch event with a Status."""

    def garbage(self, content: bytes) -> bytes:
        """What has the form of a watch event, but another content."""


class JsonEncoding:
    """JSON; watch events are lines."""

    media_type = "application/json"
    watch_media_type = media_type

    def status(self, status: JSON) -> bytes:
        """The body of an error."""
        return msgspec.json.encode(status)

    def pod(self, pod: StoredPod) -> bytes:
        """The body with one pod."""
        return pod.typed()

    def pods(self, metadata: JSON, pods: Iterable[StoredPod]) -> bytes:
        """The body of a list."""
        head = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata}
        return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(pod.encoded for pod in pods) + b"]}\n"

    def pod_event(self, event: str, pod: StoredPod) -> bytes:
        """A watch event with a pod."""
        return b'{"type":"%s","object":%s}\n' % (event.encode(), self.pod(pod))

    def bookmark(self, pod: JSON) -> bytes:
        """A watch event with the pod of a bookmark."""
        return msgspec.json.encode({"type": "BOOKMARK", "object": pod}) + b"\n"

    def error(self, status: JSON) -> bytes:
        """A watch event with a Status."""
        return msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n"

    def garbage(self, content: bytes) -> bytes:
        """A line."""
        return content + b"\n"


class TableEncoding(JsonEncoding):
    """JSON with tables instead of pods."""

    def pod(self, pod: StoredPod) -> bytes:
        """The body with one pod."""
        return render_table(pod)

    def pods(self, metadata: JSON, pods: Iterable[StoredPod]) -> bytes:
        """The body of a list."""
        return msgspec.json.encode(table((pod.decode() for pod in pods), metadata))


class ProtobufEncoding:
    """Protobuf; watch events are frames with a length."""

    media_type = protobuf.MEDIA_TYPE
    watch_media_type = f"{protobuf.MEDIA_TYPE};stream=watch"

    def status(self, status: JSON) -> bytes:
        """The body of an error."""
        return protobuf.encode_object("Status", protobuf.encode_message("Status", status))

    def pod(self, pod: StoredPod) -> bytes:
        """The body with one pod."""
        return protobuf.encode_object("Pod", pod.protobuf())

    def pods(self, metadata: JSON, pods: Iterable[StoredPod]) -> bytes:
        """The body of a list."""
        return protobuf.encode_list(metadata, (pod.protobuf() for pod in pods))

    def pod_event(self, event: str, pod: StoredPod) -> bytes:
        """A watch event with a pod."""
        return protobuf.encode_event(event, "Pod", pod.protobuf())

    def bookmark(self, pod: JSON) -> bytes:
        """A watch event with the pod of a bookmark."""
        return protobuf.encode_event("BOOKMARK", "Pod", protobuf.encode_message("Pod", pod))

    def error(self, status: JSON) -> bytes:
        """A watch event with a Status."""
        return protobuf.encode_event("ERROR", "Status", protobuf.encode_message("Status", status))

    def garbage(self, content: bytes) -> bytes:
        """A frame."""
        return protobuf.encode_frame(content)


JSON_ENCODING: Encoding = JsonEncoding()
TABLE_ENCODING: Encoding = TableEncoding()
PROTOBUF_ENCODING: Encoding = ProtobufEncoding()

_ENCODINGS = {
    protobuf.MEDIA_TYPE: PROTOBUF_ENCODING,
    "application/json": JSON_ENCODING,
    "application/*": JSON_ENCODING,
    "*/*": JSON_ENCODING,
}


def encoding_for(accept: str) -> Encoding:
    """The encoding that an ``Accept`` header prefers (RFC 9110, section 12.5.1); JSON if there is no better one."""
    if wants_table(accept):
        return TABLE_ENCODING
    for clause in sorted(accept.split(","), key=_quality, reverse=True):
        if encoding := _ENCODINGS.get(clause.partition(";")[0].strip().lower()):
            return encoding
    return JSON_ENCODING


def _quality(clause: str) -> float:
    _, _, value = clause.replace(" ", "").partition(";q=")
    try:
        return float(value.partition(";")[0] or 1)
    except ValueError:
        return 1.0

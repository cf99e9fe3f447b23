"""A list of pods in protobuf, decoded as it arrives: a whole list of any size takes the memory of one pod.

The body is the prefix ``k8s\\0`` and a ``runtime.Unknown``: its type first, then ``raw``, which is the PodList. This
module finds the ends of their fields, and upb decodes complete ones together.
"""

from google.protobuf.message import DecodeError

from pod_index.informer.json_wire import FRAME_LIMIT, ListMetadata
from pod_index.informer.protobuf_messages import (
    POD_LIST,
    PREFIX,
    TYPE_META,
    check_type,
    start_version_of,
    text_of,
)
from pod_index.informer.protobuf_pods import pod_of
from pod_index.pods import Pod

_RUN_BYTES = 256 * 1024
"""Pods are decoded together up to this size: one call for each of them takes longer."""

_TYPE_META_TAG = 1 << 3 | 2
_RAW_TAG = 2 << 3 | 2


class ListDecoder:
    """Decodes one list of pods as it arrives; memory holds one pod, and the pods of one ``feed()``.

    All methods raise DecodeError for invalid input.
    """

    def __init__(self, *, details: bool = True) -> None:
        """Without ``details``, those of the pods are not decoded."""
        self._details = details
        self.metadata: ListMetadata | None = None
        """The metadata of the list, which the API server sends before the pods."""
        self._pending = bytearray()
        """The beginning of a field that is incomplete."""
        self._needed = len(PREFIX)
        """The size that ``_pending`` must have for the next step."""
        self._began = False
        self._is_pod_list = False
        self._list_left = 0
        """The bytes of the PodList that are still to come; 0 outside of it."""

    def feed(self, chunk: bytes | bytearray | memoryview) -> list[Pod]:
        """Take the next bytes; return the pods that are complete with them."""
        pods: list[Pod] = []
        view = memoryview(chunk)
        while view and (self._pending or not self._began):
            # Only the pod that was cut is copied.
            missing = self._needed - len(self._pending)
            self._pending += view[:missing]
            view = view[missing:]
            self._take_pending(pods)
        if view:
            self._read(view, pods)
        return pods

    def finish(self) -> ListMetadata:
        """Return the metadata of the list; raise DecodeError if its end is missing."""
        if self._pending or self._list_left:
            raise DecodeError("the list is incomplete")
        if self.metadata is None:
            raise DecodeError("a list without metadata")
        return self.metadata

    def _take_pending(self, pods: list[Pod]) -> None:
        if len(self._pending) < self._needed:
            return
        pending, self._pending = self._pending, bytearray()
        if self._began:
            self._read(memoryview(pending), pods)
        elif pending == PREFIX:
            self._began = True
        else:
            raise DecodeError(f"{bytes(pending)!r} instead of the prefix {PREFIX!r}")

    def _read(self, view: memoryview, pods: list[Pod]) -> None:
        """Decode all complete fields, and keep the rest for the next chunk."""
        begin = 0
        while begin < len(view):
            end = self._read_list(view, begin, pods) if self._list_left else self._read_envelope(view, begin)
            if end == begin:
                self._pending = bytearray(view[begin:])
                return
            begin = end

    def _read_envelope(self, view: memoryview, begin: int) -> int:
        """Read one field of the Unknown, of PodList only its header; return its end, or ``begin`` if it was cut."""
        try:
            tag, content = _varint(view, begin)
            if tag == _RAW_TAG:
                if not self._is_pod_list:
                    raise DecodeError("the type of the list is missing")
                self._list_left, content = _varint(view, content)
                return content
        except IndexError:
            self._needed = len(view) - begin + 1
            return begin
        end = self._end_of_field(view, begin)
        if end > len(view):
            return begin
        if tag == _TYPE_META_TAG:
            _, content = _varint(view, content)
            check_type(TYPE_META.FromString(view[content:end]), b"PodList")
            self._is_pod_list = True
        return end

    def _read_list(self, view: memoryview, begin: int, pods: list[Pod]) -> int:
        """Read the complete fields of the PodList from ``begin`` on; return the end of the last one."""
        list_end = begin + self._list_left
        end, limit = begin, min(list_end, len(view), begin + _RUN_BYTES)
        while end < limit:
            field_end = self._end_of_field(view, end)
            if field_end > list_end:
                raise DecodeError("a pod exceeds the end of its list")
            if field_end > len(view):
                break
            end = field_end
        if end > begin:
            message = POD_LIST.FromString(view[begin:end])
            if message.HasField("metadata"):
                metadata = message.metadata
                self.metadata = ListMetadata(start_version_of(metadata), text_of(metadata.continue_token) or None)
            pods.extend(pod_of(pod, details=self._details) for pod in message.items)
            self._list_left = list_end - end
        return end

    def _end_of_field(self, view: memoryview, begin: int) -> int:
        """Return the end of the field at ``begin``; set ``_needed`` if it is after the end of ``view``."""
        try:
            end = _end_of_field(view, begin)
        except IndexError:
            end = len(view) + 1
        if end - begin > FRAME_LIMIT:
            raise DecodeError(f"a pod of more than {FRAME_LIMIT} bytes")
        self._needed = end - begin
        return end


def _varint(view: memoryview, begin: int) -> tuple[int, int]:
    """Return the varint at ``begin``, and its end; raise IndexError if it was cut."""
    byte = view[begin]
    if byte < 0x80:
        return byte, begin + 1
    value = byte & 0x7F
    for shift in range(7, 70, 7):
        begin += 1
        byte = view[begin]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, begin + 1
    raise DecodeError("a varint of more than 10 bytes")


def _end_of_field(view: memoryview, begin: int) -> int:
    """Return the end of the field at ``begin``; raise IndexError if its header was cut."""
    tag, content = _varint(view, begin)
    # The wire types: https://protobuf.dev/programming-guides/encoding/#structure
    match tag & 7:
        case 2:  # a string, bytes or a message
            length, content = _varint(view, content)
            return content + length
        case 0:  # a varint
            return _varint(view, content)[1]
        case 1:  # 64 bits
            return content + 8
        case 5:  # 32 bits
            return content + 4
        case wire_type:
            raise DecodeError(f"invalid wire type {wire_type}")

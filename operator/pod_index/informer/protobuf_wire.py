"""The API server's protobuf, decoded to pods and watch events; the interface is that of ``json_wire``.

The body of a list or a Status is the prefix ``k8s\\0`` and a ``runtime.Unknown``, whose ``raw`` is the object. A watch
is a sequence of frames: a length of 32 bits, big-endian, and a ``metav1.WatchEvent``, whose object has the prefix
again. https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
"""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import DecodeError

from pod_index.informer.errors import InconsistentResponse, Unreachable
from pod_index.informer.json_wire import (
    FRAME_LIMIT,
    Added,
    Bookmark,
    BookmarkMetadata,
    BookmarkObject,
    Content,
    Deleted,
    Error,
    Modified,
    PodList,
    Status,
    WatchEvent,
)
from pod_index.informer.protobuf_list import ListDecoder
from pod_index.informer.protobuf_messages import (
    PREFIX,
    UNKNOWN_POD,
    UNKNOWN_STATUS,
    WATCH_EVENT,
    check_type,
    entries_of,
    start_version_of,
    text_of,
)
from pod_index.informer.protobuf_pods import pod_of

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

NAME = "protobuf"
"""The name in the log."""

DECODE_ERRORS = (DecodeError,)
"""The exceptions of ``decode_list``, ``decode_events`` and ``ListDecoder``, for any invalid input."""

SLICE_BYTES = 64 * 1024
"""How much is decoded at once: a few milliseconds, even if the pods are small."""

_FRAME_HEADER = 4
_POD_EVENTS: dict[bytes, type[Added | Modified | Deleted]] = {
    b"ADDED": Added,
    b"MODIFIED": Modified,
    b"DELETED": Deleted,
}


def decode_list(body: bytes | bytearray | memoryview, *, details: bool = True) -> PodList:
    """Decode one page of a list of pods, with or without their details; raise one of DECODE_ERRORS."""
    decoder = ListDecoder(details=details)
    pods = decoder.feed(body)
    return PodList(decoder.finish(), pods)


def decode_events(frames: bytes | memoryview, *, details: bool = True) -> list[WatchEvent | Error]:
    """Decode the frames of a watch, all in one call, with or without details of pods; raise one of DECODE_ERRORS."""
    events = []
    begin = 0
    while begin < len(frames):
        size = _frame_size(frames, begin)
        if size is None or begin + size > len(frames):
            raise DecodeError("an incomplete frame")
        events.append(_decode_event(frames[begin + _FRAME_HEADER : begin + size], details))
        begin += size
    return events


def decode_status(body: bytes) -> Status:
    """Decode the body of an error response; return an empty Status if it is not a Status."""
    try:
        return _status_of(body)
    except DECODE_ERRORS:
        return Status()


async def read_frames(content: Content) -> AsyncIterator[memoryview]:
    """Yield the complete frames, with their lengths, of each read that has any, in parts of about SLICE_BYTES.

    Raise Unreachable if the stream ends within a frame, and InconsistentResponse if a frame exceeds FRAME_LIMIT.
    """
    cut = bytearray()
    async for chunk in content.iter_any():
        begin = 0
        if cut:
            # Only the frame that was cut is copied: copying each one takes a tenth of the time of a large listing.
            size = _frame_size(cut + chunk[:_FRAME_HEADER], 0)
            begin = len(chunk) if size is None else size - len(cut)
            cut += chunk[:begin]
            if size is None or len(cut) < size:
                continue
            yield memoryview(cut)
        end = begin
        while (size := _frame_size(chunk, end)) is not None and end + size <= len(chunk):
            end += size
            if end - begin >= SLICE_BYTES:
                yield memoryview(chunk)[begin:end]
                begin = end
        if begin < end:
            yield memoryview(chunk)[begin:end]
        cut = bytearray(chunk[end:])
    if cut:
        raise Unreachable("the API server's stream ended in the middle of a watch event")


def _frame_size(frames: bytes | bytearray | memoryview, begin: int) -> int | None:
    """Return the size of the frame at ``begin`` with its length; None if the length was cut."""
    header = frames[begin : begin + _FRAME_HEADER]
    if len(header) < _FRAME_HEADER:
        return None
    size = int.from_bytes(header)
    if size > FRAME_LIMIT:
        raise InconsistentResponse(f"the API server sent a watch event of more than {FRAME_LIMIT} bytes")
    return _FRAME_HEADER + size


def _decode_event(frame: bytes | memoryview, details: bool) -> WatchEvent | Error:
    event = WATCH_EVENT.FromString(frame)
    body: bytes = event.object.raw
    if pod_event := _POD_EVENTS.get(event.type):
        return pod_event(pod_of(_object(UNKNOWN_POD, body, b"Pod"), details=details))
    match event.type:
        case b"BOOKMARK":
            metadata = _object(UNKNOWN_POD, body, b"Pod").metadata
            return Bookmark(
                BookmarkObject(BookmarkMetadata(start_version_of(metadata), entries_of(metadata.annotations)))
            )
        case b"ERROR":
            return Error(_status_of(body))
        case unknown:
            raise DecodeError(f"a watch event of the unknown type {unknown[:32]!r}")


def _status_of(body: bytes) -> Status:
    status = _object(UNKNOWN_STATUS, body, b"Status")
    return Status(status.code, text_of(status.reason) or None, text_of(status.message) or None)


def _object(envelope: Any, body: bytes, kind: bytes) -> Any:
    """Return the object in a body with the prefix; ``envelope`` is the class of its Unknown."""
    if not body.startswith(PREFIX):
        raise DecodeError(f"{body[: len(PREFIX)]!r} instead of the prefix {PREFIX!r}")
    unknown = envelope.FromString(memoryview(body)[len(PREFIX) :])
    check_type(unknown.type_meta, kind)
    return unknown.raw

"""The API server's JSON, decoded to pods and watch events.

msgspec decodes only the fields that a Struct names and skips the rest without allocating it, so a pod of
10 KB of JSON costs a few hundred bytes. ``strict=False`` reads resourceVersions, which are strings on
the wire, as the integers that they are: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from collections.abc import AsyncIterator
from typing import Annotated, ClassVar, Protocol

import msgspec
from msgspec import Meta, Struct

from pod_index.informer.errors import InconsistentResponse, Unreachable
from pod_index.pods import Pod
from pod_index.store.deltas import DeltaType
from pod_index.store.details import pack

MEDIA_TYPE = "application/json"

NAME = "JSON"
"""The name in the log."""

FRAME_LIMIT = 32 * 1024 * 1024
"""The maximum size of a watch event or of a page of a list, in bytes. etcd accepts objects of 1.5 MB; the limit
protects the memory."""

Version = Annotated[int, Meta(ge=1)]
"""The resourceVersion of a list or a bookmark. 0 is not a version: a watch from it would start at any state."""


class ListMetadata(Struct, rename={"continue_token": "continue", "resource_version": "resourceVersion"}):
    """``metadata`` of a list: the resourceVersion of all its pages, and the token of the next page."""

    resource_version: Version
    continue_token: str | None = None


class PodList(Struct):
    """One page of a list of pods."""

    metadata: ListMetadata
    items: list[Pod] | None = None


class Status(Struct):
    """A failure: the body of an error response, or the object of an ERROR event."""

    code: int = 0
    reason: str | None = None
    message: str | None = None


class Added(Struct, tag_field="type", tag="ADDED", gc=False):
    """A watch event: the pod was created, or is part of the initial state."""

    type: ClassVar[DeltaType] = "ADDED"
    object: Pod


class Modified(Struct, tag_field="type", tag="MODIFIED", gc=False):
    """A watch event: the pod changed."""

    type: ClassVar[DeltaType] = "MODIFIED"
    object: Pod


class Deleted(Struct, tag_field="type", tag="DELETED", gc=False):
    """A watch event: the pod was deleted; its resourceVersion is that of the deletion."""

    type: ClassVar[DeltaType] = "DELETED"
    object: Pod


class BookmarkMetadata(Struct, rename="camel"):
    """``metadata`` of a bookmark."""

    resource_version: Version
    annotations: dict[str, str] | None = None


class BookmarkObject(Struct):
    """The object of a bookmark, which has only metadata."""

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
    """A watch event: the watch failed."""

    object: Status


WatchEvent = Added | Modified | Deleted | Bookmark
"""The events of a watch that has not failed."""

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The exceptions of ``decode_list`` and ``decode_events``, for any invalid input."""

_list_decoder = msgspec.json.Decoder(PodList, strict=False)
_event_decoder: msgspec.json.Decoder[WatchEvent | Error] = msgspec.json.Decoder(WatchEvent | Error, strict=False)
_status_decoder = msgspec.json.Decoder(Status)


def decode_list(body: bytes | bytearray | memoryview, *, details: bool = True) -> PodList:
    """Decode one page of a list of pods, with or without their details; raise one of DECODE_ERRORS."""
    page = _list_decoder.decode(body)
    if page.items:
        page.items = [pack(pod, details=details) for pod in page.items]
    return page


def decode_events(frames: bytes | memoryview, *, details: bool = True) -> list[WatchEvent | Error]:
    """Decode the frames of a watch, all in one call, with or without details of pods; raise one of DECODE_ERRORS."""
    events = _event_decoder.decode_lines(frames)
    for event in events:
        if isinstance(event, Added | Modified | Deleted):
            event.object = pack(event.object, details=details)
    return events


def decode_status(body: bytes) -> Status:
    """Decode the body of an error response; return an empty Status if it is not a Status."""
    try:
        return _status_decoder.decode(body)
    except DECODE_ERRORS:
        return Status()


class Content(Protocol):
    """The members of ``aiohttp.StreamReader`` that ``read_frames`` uses."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the bytes of each read."""


async def read_frames(content: Content) -> AsyncIterator[memoryview]:
    """Yield the complete frames, which are lines, of each read that has any.

    Raise Unreachable if the stream ends within a line, and InconsistentResponse if a line exceeds FRAME_LIMIT.
    """
    tail = bytearray()  # bytes would be copied at each read of a long line
    async for chunk in content.iter_any():
        end = chunk.rfind(b"\n") + 1
        if not end:
            tail += chunk
            if len(tail) > FRAME_LIMIT:
                raise InconsistentResponse(f"the API server sent a watch event of more than {FRAME_LIMIT} bytes")
            continue
        lines = memoryview(chunk)
        begin = 0
        if tail:
            # Only the line that was cut is copied: copying each line takes a third of the time of a large listing.
            begin = chunk.index(b"\n") + 1
            tail += lines[:begin]
            yield memoryview(tail)
        if begin < end:
            yield lines[begin:end]
        tail = bytearray(lines[end:])  # a new object: the caller may still use the old one
    if tail:
        raise Unreachable("the API server's stream ended in the middle of a line")

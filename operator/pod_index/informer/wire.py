"""The media types in which the API server can send pods, and the module for each."""

from collections.abc import AsyncIterator
from typing import Protocol

from pod_index.informer import json_wire, protobuf_wire
from pod_index.informer.json_wire import Content, Error, PodList, Status, WatchEvent

ACCEPT = f"{protobuf_wire.MEDIA_TYPE},{json_wire.MEDIA_TYPE}"
"""The Accept header: protobuf, or JSON where the server has no protobuf. It is the same for lists and watches."""


class Wire(Protocol):
    """The interface of ``json_wire`` and ``protobuf_wire``; their docstrings have the details."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of the module
        """The name in the log."""

    @property
    def DECODE_ERRORS(self) -> tuple[type[Exception], ...]:  # noqa: N802 - a constant of the module
        """The exceptions of ``decode_list`` and ``decode_events``."""

    def decode_list(self, body: bytes | bytearray | memoryview, *, details: bool = True) -> PodList:
        """Decode one page of a list of pods, with or without their details."""

    def decode_events(self, frames: bytes | memoryview, *, details: bool = True) -> list[WatchEvent | Error]:
        """Decode the frames of a watch, with or without details of pods."""

    def decode_status(self, body: bytes) -> Status:
        """Decode the body of an error response."""

    def read_frames(self, content: Content) -> AsyncIterator[memoryview]:
        """Yield the complete frames of each read."""


def wire_for(content_type: str) -> Wire:
    """Return the module for a Content-Type; JSON's for an unknown one, whose body then fails to decode."""
    media_type = content_type.partition(";")[0].strip().lower()
    return protobuf_wire if media_type == protobuf_wire.MEDIA_TYPE else json_wire

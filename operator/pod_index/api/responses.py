"""Responses of the endpoints: JSON, errors included."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

RETRY_AFTER = (b"retry-after", b"1")
"""Retry after one second: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""

CHUNK_BYTES = 16 * 1024
"""Long bodies are sent in chunks of about this size; the next one when the client has read the previous ones."""

NOT_SYNCED = b'{"error":"cache not synced"}'

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class RequestError(Exception):
    """A request is answered with an error: its status, its message and further headers."""

    def __init__(self, status: int, message: str, *headers: Header) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class ResponseProgress:
    """How far a response has been sent; ``abort`` closes its connection."""

    __slots__ = ("abort", "aborted", "sent_bytes", "started")

    def __init__(self, abort: Callable[[], None] | None) -> None:
        self.abort = abort
        self.aborted = False
        self.sent_bytes = 0
        self.started = math.inf
        """The monotonic time at which sending began."""


def encode(value: Any) -> bytes:
    """Encode a JSON value; characters that UTF-8 cannot represent become question marks."""
    return _json.encode(value).encode("utf-8", "replace")


def error(message: str) -> bytes:
    """Encode the body of an error."""
    return encode({"error": message})


def json_response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Return a Starlette response with a body of encoded JSON."""
    return Response(body, status, headers=headers, media_type="application/json")


async def respond(send: Send, status: int, body: bytes, *headers: Header) -> None:
    """Send a JSON response over ASGI."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send_body(send, body)


async def send_body(send: Send, body: bytes) -> None:
    """Send a whole body over ASGI, in chunks: with TLS, the server would encrypt all of it at once."""
    sent = 0
    while len(body) - sent > CHUNK_BYTES:
        await send({"type": "http.response.body", "body": body[sent : sent + CHUNK_BYTES], "more_body": True})
        sent += CHUNK_BYTES
    await send({"type": "http.response.body", "body": body[sent:]})


class LongResponse(Response):
    """A Starlette response that is sent in chunks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send_body(send, bytes(self.body))


class LazyBody(Protocol):
    """A body whose parts are made each time they are iterated over: all of them would take too much memory."""

    length: int
    """The size of all parts, in bytes."""

    def step(self) -> AbstractAsyncContextManager[None]:
        """Return the context in which a chunk is made."""

    def __iter__(self) -> Iterator[bytes]:
        """Make the parts."""


Body = tuple[bytes, ...] | LazyBody
"""The garbage collector stops tracking a tuple of bytes after its first pass. A hundred lists of ten thousand parts
each would take it 30 ms at every pass, while no request is served."""


async def respond_in_chunks(
    send: Send, parts: Body, *headers: Header, progress: ResponseProgress | None = None
) -> None:
    """Send a 200 JSON response over ASGI whose body consists of ``parts``, in chunks of about CHUNK_BYTES.

    A record may have 256 KiB of annotations: a thousand of them in one piece exceed the container's memory.
    ``progress`` is updated. The response ends when it has been aborted.
    """
    if progress is not None:
        progress.started = time.monotonic()
    lazy = None
    if isinstance(parts, tuple):
        length = sum(map(len, parts))
    else:
        lazy, length = parts, parts.length
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % length), *headers],
        }
    )
    if lazy is None and length < CHUNK_BYTES:
        await send({"type": "http.response.body", "body": b"".join(parts)})
        return
    rest = iter(parts)
    while True:
        if lazy is None:
            chunk = join_parts(rest, CHUNK_BYTES)
        else:
            async with lazy.step():
                chunk = join_parts(rest, CHUNK_BYTES)
        if len(chunk) < CHUNK_BYTES:
            break
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if progress is not None:
            progress.sent_bytes += len(chunk)
            if progress.aborted:
                return
        # ``send`` does not yield to the event loop if the client is gone or reads everything at once.
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": chunk})


def join_parts(parts: Iterator[bytes], size: int) -> bytes:
    """Join the next parts, up to the one that makes it ``size`` bytes; fewer at the end."""
    chunk = bytearray()
    for part in parts:
        chunk += part
        if len(chunk) >= size:
            break
    return bytes(chunk)

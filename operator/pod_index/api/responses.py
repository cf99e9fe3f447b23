"""Answers as ASGI messages: JSON in all of them, errors included, but for the metrics."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.types import Send

Header = tuple[bytes, bytes]

RETRY_AFTER = (b"retry-after", b"1")
"""Ask again in a second: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""

PART = 16 * 1024
"""How many bytes of a long answer are sent at once; the next ones when the client has taken them."""

NOT_SYNCED = b'{"error":"cache not synced"}'

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class RequestError(Exception):
    """A request that is answered with an error: its status and its text."""

    def __init__(self, status: int, message: str, *headers: Header) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def encode(value: Any) -> bytes:
    """Encode a JSON value; what no UTF-8 can hold becomes a question mark."""
    return _json.encode(value).encode("utf-8", "replace")


def error(message: str) -> bytes:
    """Encode the body of every answer that is not a success."""
    return encode({"error": message})


async def respond(
    send: Send, status: int, body: bytes, *headers: Header, content_type: bytes = b"application/json"
) -> None:
    """Send a whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_in_parts(send: Send, pieces: Sequence[bytes], *headers: Header) -> None:
    """Send a success that may be long, never more of it at once than about PART.

    A record may have 256 KiB of annotations: a thousand of them in one piece are more than the memory of a container.
    """
    length = b"%d" % sum(map(len, pieces))
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", length), *headers],
        }
    )
    part = bytearray()
    for piece in pieces:
        part += piece
        if len(part) >= PART:
            await send({"type": "http.response.body", "body": bytes(part), "more_body": True})
            part.clear()
            await asyncio.sleep(0)  # Nothing waits if the client is gone, or takes it all at once.
    await send({"type": "http.response.body", "body": bytes(part)})

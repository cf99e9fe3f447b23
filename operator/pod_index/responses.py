"""Answers as ASGI messages: JSON in all of them, errors included."""

import json
from typing import Any

from starlette.types import Send

Header = tuple[bytes, bytes]

RETRY_AFTER = (b"retry-after", b"1")
"""Ask again in a second: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""

NOT_SYNCED = b'{"error":"cache not synced"}'

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Refused(Exception):
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


async def respond(send: Send, status: int, body: bytes, *headers: Header) -> None:
    """Send a whole answer."""
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
    await send({"type": "http.response.body", "body": body})

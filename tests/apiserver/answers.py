"""Answers that are made of bytes which are encoded already."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.apiserver.statuses import JSON, ApiError

# enough to keep the socket busy, little enough to let other requests in between
_CHUNK = 1 << 20


def encoded(body: bytes, code: int = 200) -> Response:
    """JSON that is encoded already."""
    return Response(body, code, media_type="application/json")


def answer(content: JSON, code: int = 200) -> Response:
    """An object."""
    return encoded(msgspec.json.encode(content), code)


def failure(error: ApiError) -> Response:
    """The Status of an error, with its Retry-After."""
    response = answer(error.status(), error.code)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def api_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for an ApiError that was raised."""
    assert isinstance(error, ApiError)
    return failure(error)


class EncodedList(Response):
    """A list whose items are encoded already; sent piecemeal, since 50,000 pods are 500 MB."""

    media_type = "application/json"

    def __init__(self, head: JSON, items: Iterable[bytes]) -> None:
        """`head` is the list without its items."""
        opening = msgspec.json.encode(head)[:-1] + b',"items":['
        pieces: list[bytes] = [opening]
        for item in items:
            pieces += (item, b",")
        pieces[-1:] = [b"]}\n"] if len(pieces) > 1 else [opening, b"]}\n"]
        self._pieces = pieces
        super().__init__(headers={"Content-Length": str(sum(map(len, pieces)))})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        chunk: list[bytes] = []
        size = 0
        for piece in self._pieces:
            chunk.append(piece)
            size += len(piece)
            if size >= _CHUNK:
                await send({"type": "http.response.body", "body": b"".join(chunk), "more_body": True})
                chunk, size = [], 0
        await send({"type": "http.response.body", "body": b"".join(chunk)})

"""Files that are read once and served as they are."""

import hashlib

from starlette.types import Receive, Scope, Send

from pod_index.api.responses import Header

_HEADERS: tuple[Header, ...] = (
    # Kept, but asked for each time: after an upgrade nobody has half of the old ones.
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
)


class FileEndpoint:
    """One file, held in memory; ``headers`` are sent besides those that all files have."""

    def __init__(self, content: bytes, media_type: str, *headers: Header) -> None:
        self._content = content
        self._etag = b'"%b"' % hashlib.sha256(content).hexdigest()[:32].encode()
        self._headers = [*_HEADERS, *headers, (b"etag", self._etag)]
        self._type_and_length = [
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(content)),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200, or 304 to who has it already."""
        if self._is_known_to(scope["headers"]):
            await send({"type": "http.response.start", "status": 304, "headers": self._headers})
            await send({"type": "http.response.body"})
        else:
            headers = [*self._type_and_length, *self._headers]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": self._content})

    def _is_known_to(self, headers: list[Header]) -> bool:
        """Compare weakly, since proxies that compress weaken it: RFC 9110, section 13.1.2."""
        tags = [tag.strip() for name, value in headers if name == b"if-none-match" for tag in value.split(b",")]
        return b"*" in tags or self._etag in [tag.removeprefix(b"W/") for tag in tags]

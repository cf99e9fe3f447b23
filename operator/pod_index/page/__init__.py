"""The page for people: a few files beside this one, read once and served as they are.

It asks the API as any other client would. Since pods are named by strangers, its Content-Security-Policy bounds what it
may do: no script and no style but its own, no request to anywhere else, and no text that becomes markup.
"""

import hashlib
from pathlib import Path

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pod_index.responses import Header

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}
"""What each path answers: a file of this folder, and its type."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # innerHTML and its like fail: https://www.w3.org/TR/trusted-types/#require-trusted-types-for-csp-directive
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""https://www.w3.org/TR/CSP3/"""

_HEADERS: tuple[Header, ...] = (
    # Kept, but asked for each time: after an upgrade nobody has half of the old page.
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


def page_routes() -> list[Route]:
    """Read the files of the page; return the routes that serve them."""
    folder = Path(__file__).parent
    return [
        Route(path, FileEndpoint((folder / name).read_bytes(), media_type), methods=["GET"])
        for path, (name, media_type) in FILES.items()
    ]


class FileEndpoint:
    """One file, held in memory."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content = content
        self._etag = b'"%b"' % hashlib.sha256(content).hexdigest()[:32].encode()
        self._headers = [*_HEADERS, (b"etag", self._etag)]
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

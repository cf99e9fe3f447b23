"""The page for people: a few files beside this one, read once and served as they are.

It asks the API as any other client would. Since pods are named by strangers, its Content-Security-Policy bounds what it
may do: no script and no style but its own, no request to anywhere else, and no text that becomes markup.
"""

from pathlib import Path

from starlette.routing import Route

from pod_index.api.responses import Header
from pod_index.api.static_files import FileEndpoint

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
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)


def page_routes() -> list[Route]:
    """Read the files of the page; return the routes that serve them."""
    folder = Path(__file__).parent
    return [
        Route(path, FileEndpoint((folder / name).read_bytes(), media_type, *_HEADERS), methods=["GET"])
        for path, (name, media_type) in FILES.items()
    ]

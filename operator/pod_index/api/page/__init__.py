"""The HTML page for people: static files that use the API like any other client.

Pods may have hostile names and annotations. So the Content-Security-Policy allows only the page's own scripts and
styles, no requests to other sites, and no text that becomes markup.
"""

import re
from pathlib import Path

from starlette.routing import Route

from pod_index.api.static_files import file_route

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("*.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}
"""The file of this directory and its media type, by path."""

SCRIPTS = (
    *("text", "elements", "rows", "containers", "found", "card", "table", "list", "failure"),
    *("token", "service", "status", "stream", "visit", "page"),
)
"""The parts of ``/page.js``. One file has them all, so that no upgrade mixes old and new parts in a browser."""

_UNSENT = re.compile(rb"^\s+|\s*// .*$|/\*.*\*/\n", re.MULTILINE)
"""Indentation, empty lines and comments, which only readers of the source need: a sixth of the files."""

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
        # Assignments of strings to innerHTML and the like fail:
        # https://www.w3.org/TR/trusted-types/#require-trusted-types-for-csp-directive
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""https://www.w3.org/TR/CSP3/"""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


def page_routes(cluster: str = "") -> list[Route]:
    """Read the files of the page, and return the routes that serve them.

    If this cluster has a name, the page asks other clusters, too.
    """
    contents = {path: _read(name) for path, (name, _) in FILES.items()}
    contents["/"] = contents["/"].replace(b'data-cluster=""', b'data-cluster="%b"' % cluster.encode(), 1)
    return [file_route(path, contents[path], media_type, _HEADERS) for path, (_, media_type) in FILES.items()]


def _read(name: str) -> bytes:
    directory = Path(__file__).parent
    names = [f"{part}.js" for part in SCRIPTS] if name == "*.js" else [name]
    return _UNSENT.sub(b"", b"".join((directory / name).read_bytes() for name in names))

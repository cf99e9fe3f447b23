"""Routes of static files, whose content is read once at the start."""

import hashlib
from collections.abc import Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pod_index.api.responses import LongResponse

_HEADERS = {
    # Cached, but revalidated every time: after an upgrade no browser mixes old and new files.
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


def file_route(path: str, content: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Route:
    """Return the route that serves ``content`` at ``path``: 200, or 304 if the client has it already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    all_headers = {**_HEADERS, **(headers or {}), "ETag": etag}

    async def serve(request: Request) -> Response:
        if _matches(request.headers.getlist("If-None-Match"), etag):
            return Response(status_code=304, headers=all_headers)
        return LongResponse(content, headers=all_headers, media_type=media_type)

    return Route(path, serve, methods=["GET"])


def _matches(if_none_match: Iterable[str], etag: str) -> bool:
    """Compare weakly, since proxies that compress weaken the ETag: RFC 9110, section 13.1.2."""
    tags = [tag.strip() for value in if_none_match for tag in value.split(",")]
    return "*" in tags or etag in [tag.removeprefix("W/") for tag in tags]

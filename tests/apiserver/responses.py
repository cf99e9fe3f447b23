"""Responses in JSON."""

from collections.abc import Iterable

import msgspec
from starlette.responses import Response

from tests.apiserver.statuses import JSON, ApiError


def encoded_response(body: bytes, code: int = 200) -> Response:
    """A response with an object that is encoded already."""
    return Response(body, code, media_type="application/json")


def json_response(content: JSON, code: int = 200) -> Response:
    """A response with an object."""
    return encoded_response(msgspec.json.encode(content), code)


def list_response(head: JSON, items: Iterable[bytes]) -> Response:
    """A response with a list: ``head`` is the list without its items, which are encoded already."""
    return encoded_response(msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(items) + b"]}\n")


def error_response(error: ApiError) -> Response:
    """A response with the ``Status`` of an error."""
    response = json_response(error.status(), error.code)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

"""Responses, in JSON or in the encoding that the client accepts."""

import msgspec
from starlette.responses import Response

from tests.apiserver.encodings import encoding_for
from tests.apiserver.statuses import JSON, ApiError


def encoded_response(body: bytes, code: int = 200, media_type: str = "application/json") -> Response:
    """A response with an object that is encoded already."""
    return Response(body, code, media_type=media_type)


def json_response(content: JSON, code: int = 200) -> Response:
    """A response with an object."""
    return encoded_response(msgspec.json.encode(content), code)


def error_response(error: ApiError, accept: str = "") -> Response:
    """A response with the ``Status`` of an error, for the ``Accept`` header of its request."""
    encoding = encoding_for(accept)
    response = encoded_response(encoding.status(error.status()), error.code, encoding.media_type)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response

"""The routes of the API."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.apiserver import discovery
from tests.apiserver.access import Access
from tests.apiserver.answers import api_error, failure
from tests.apiserver.collection import Collection
from tests.apiserver.deletion import Deletion
from tests.apiserver.faults import Faults
from tests.apiserver.gate import Gate
from tests.apiserver.objects import Objects
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.statuses import ApiError

_NAMESPACE = "/api/v1/namespaces/{namespace}"
_POD = _NAMESPACE + "/pods/{name}"
_MESSAGES = {
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
}


def create_application(
    collection: Collection,
    access: Access,
    deletion: Deletion,
    faults: Faults,
    requests: list[RecordedRequest],
) -> Starlette:
    """The ASGI application of the API server; `requests` gets a record of each request."""
    objects = Objects(collection.store, access, deletion)
    namespaces = discovery.Namespaces(collection.store, access)
    return Starlette(
        routes=[
            Route("/healthz", discovery.health),
            Route("/livez", discovery.health),
            Route("/readyz", discovery.health),
            Route("/version", discovery.version),
            Route("/api", discovery.api_versions),
            Route("/apis", discovery.api_groups),
            Route("/api/v1", discovery.api_resources),
            Route("/openapi/v3", discovery.openapi),
            Route("/openapi/v3/api/v1", discovery.openapi_v1),
            Route("/api/v1/pods", collection.read, methods=["GET"]),
            Route("/api/v1/namespaces", namespaces.list, methods=["GET"]),
            Route(_NAMESPACE, namespaces.read, methods=["GET"]),
            Route(_NAMESPACE + "/pods", collection.read, methods=["GET"]),
            Route(_NAMESPACE + "/pods", objects.create, methods=["POST"]),
            Route(_POD, objects.read, methods=["GET"]),
            Route(_POD, objects.replace, methods=["PUT"]),
            Route(_POD, objects.patch, methods=["PATCH"]),
            Route(_POD, objects.delete, methods=["DELETE"]),
            Route(_POD + "/status", objects.read, methods=["GET"]),
            Route(_POD + "/status", objects.replace, methods=["PUT"]),
            Route(_POD + "/status", objects.patch, methods=["PATCH"]),
        ],
        middleware=[Middleware(Gate, access=access, faults=faults, requests=requests)],
        exception_handlers={ApiError: api_error, HTTPException: _http_error, Exception: _internal_error},
    )


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failure(ApiError(error.status_code, _MESSAGES.get(error.status_code, error.detail)))


async def _internal_error(_request: Request, error: Exception) -> Response:
    return failure(ApiError(500, f"Internal error occurred: {error!r}"))

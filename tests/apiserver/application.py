"""The routes of the API, and the endpoints for pods."""

import dataclasses
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.apiserver import discovery
from tests.apiserver.access import Access
from tests.apiserver.connections import Connections
from tests.apiserver.encodings import Encoding, encoding_for
from tests.apiserver.faults import Fault, Faults
from tests.apiserver.listing import list_metadata, read_page
from tests.apiserver.middleware import RequestMiddleware
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.responses import encoded_response, error_response, json_response
from tests.apiserver.selection import Selection, parse_selection
from tests.apiserver.statuses import JSON, ApiError
from tests.apiserver.store import PodStore, now
from tests.apiserver.watching import Watch, Watches
from tests.apiserver.watchstart import begin_watch

_PODS = "/api/v1/namespaces/{namespace}/pods"
_SET_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_MESSAGES = {
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
}


def create_application(
    pods: "PodEndpoints", access: Access, faults: Faults, requests: list[RecordedRequest], connections: Connections
) -> Starlette:
    """The ASGI application of the API server; it adds a record of each request to ``requests``."""
    return Starlette(
        routes=[
            *discovery.ROUTES,
            Route("/api/v1/pods", pods.list_or_watch, methods=["GET"]),
            Route(_PODS, pods.list_or_watch, methods=["GET"]),
            Route(_PODS, pods.create, methods=["POST"]),
            Route(_PODS + "/{name}", pods.get, methods=["GET"]),
            Route(_PODS + "/{name}", pods.patch, methods=["PATCH"]),
            Route(_PODS + "/{name}", pods.delete, methods=["DELETE"]),
        ],
        middleware=[
            Middleware(RequestMiddleware, access=access, faults=faults, requests=requests, connections=connections)
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error, Exception: _internal_error},
    )


class PodEndpoints:
    """The endpoints for pods. ``bookmark_interval`` is in seconds."""

    def __init__(
        self, store: PodStore, access: Access, watches: Watches, *, streaming_list: bool, bookmark_interval: float
    ) -> None:
        self._store = store
        self._access = access
        self._watches = watches
        self._streaming_list = streaming_list
        self._bookmark_interval = bookmark_interval

    async def list_or_watch(self, request: Request) -> Response:
        """GET .../pods: a list, or a watch with ``watch=true``."""
        query = request.query_params
        watching = query.get("watch") in ("true", "1")
        namespace = request.path_params.get("namespace", "")
        self._access.check(request.state.user, "watch" if watching else "list", namespace)
        selection = parse_selection(namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        encoding = encoding_for(_accept(request))
        if not watching:
            return self._list(request, selection, encoding)
        start = begin_watch(self._store, selection, query, streaming_list=self._streaming_list, encoding=encoding)
        fault: Fault | None = request.state.fault
        if fault is not None and fault.withhold_end:
            start = dataclasses.replace(start, end_mark=False)
        return Watch(start, self._watches, self._bookmark_interval, fault)

    def _list(self, request: Request, selection: Selection, encoding: Encoding) -> Response:
        page = read_page(self._store, selection, request.query_params)
        return encoded_response(encoding.pods(list_metadata(page), page.pods), media_type=encoding.media_type)

    async def create(self, request: Request) -> Response:
        """POST .../pods."""
        namespace = request.path_params["namespace"]
        self._access.check(request.state.user, "create", namespace)
        pod = await _body(request)
        metadata = pod.get("metadata") or {}
        if metadata.get("namespace", namespace) != namespace:
            raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
        if not metadata.get("name"):
            raise ApiError(422, 'Pod "" is invalid: metadata.name: Required value: name or generateName is required')
        kept = {key: value for key, value in metadata.items() if key not in _SET_BY_SERVER}
        # The kubelet writes the status, through pods/status.
        created = self._store.create({**pod, "metadata": kept | {"namespace": namespace}, "status": {}})
        return json_response(created, 201)

    async def get(self, request: Request) -> Response:
        """GET .../pods/NAME."""
        pod = self._store.stored(*self._authorized(request, "get"))
        encoding = encoding_for(_accept(request))
        return encoded_response(encoding.pod(pod), media_type=encoding.media_type)

    async def patch(self, request: Request) -> Response:
        """PATCH .../pods/NAME; a terminating pod without finalizers is removed."""
        namespace, name = self._authorized(request, "patch")
        patch = await _body(request)
        pod = self._store.update(namespace, name, lambda pod: _merge(pod, patch))
        if pod["metadata"].get("deletionTimestamp") and not pod["metadata"].get("finalizers"):
            self._store.delete(namespace, name)
        return json_response(pod)

    async def delete(self, request: Request) -> Response:
        """DELETE .../pods/NAME: remove the pod, or mark it as terminating if it has finalizers."""
        namespace, name = self._authorized(request, "delete")
        if self._store.get(namespace, name)["metadata"].get("finalizers"):
            return json_response(self._store.update(namespace, name, _mark_as_terminating))
        return json_response(self._store.delete(namespace, name))

    def _authorized(self, request: Request, verb: str) -> tuple[str, str]:
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        self._access.check(request.state.user, verb, namespace, name)
        return namespace, name


def _mark_as_terminating(pod: JSON) -> None:
    pod["metadata"].setdefault("deletionTimestamp", now())
    pod["metadata"]["deletionGracePeriodSeconds"] = 0


def _merge(target: JSON, patch: JSON) -> None:
    """Apply a merge patch: RFC 7386, section 2."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = value


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object in the body."""
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ApiError(400, f"the object provided is unrecognized: {error}") from error


def _accept(request: Request) -> str:
    return request.headers.get("accept", "")


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error, _accept(request))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _MESSAGES.get(error.status_code, error.detail)
    return error_response(ApiError(error.status_code, message), _accept(request))


async def _internal_error(request: Request, error: Exception) -> Response:
    return error_response(ApiError(500, f"Internal error occurred: {error!r}"), _accept(request))

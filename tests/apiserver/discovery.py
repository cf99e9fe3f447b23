"""API discovery: what kubectl asks for before it asks for pods."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.apiserver.responses import json_response
from tests.apiserver.statuses import JSON

_PODS = {
    "name": "pods",
    "singularName": "pod",
    "namespaced": True,
    "kind": "Pod",
    "verbs": ["create", "delete", "get", "list", "patch", "watch"],
    "shortNames": ["po"],
    "categories": ["all"],
}
# Where the server validates fields itself, kubectl does not load the schemas: this is where it looks for that.
_OPENAPI_V1 = {
    "openapi": "3.0.0",
    "info": {"title": "Kubernetes", "version": "v1.34.0"},
    "paths": {
        "/api/v1/namespaces/{namespace}/pods/{name}": {
            "patch": {
                "operationId": "patchCoreV1NamespacedPod",
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": {"group": "", "version": "v1", "kind": "Pod"},
            }
        }
    },
}
_DOCUMENTS: dict[str, JSON] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_PODS]},
    "/openapi/v3": {"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}},
    "/openapi/v3/api/v1": _OPENAPI_V1,
}


async def _document(request: Request) -> Response:
    return json_response(_DOCUMENTS[request.url.path])


ROUTES = [Route(path, _document) for path in _DOCUMENTS]
"""Allowed for every user with a valid token."""

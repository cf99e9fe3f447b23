"""What clients ask before they ask for pods: API versions, resources, namespaces, health."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.apiserver.access import Access
from tests.apiserver.answers import answer
from tests.apiserver.statuses import JSON, NotFound
from tests.apiserver.store import PodStore

_VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-08-27T10:17:43Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_RESOURCES = [
    {
        "name": "namespaces",
        "singularName": "namespace",
        "namespaced": False,
        "kind": "Namespace",
        "verbs": ["get", "list"],
        "shortNames": ["ns"],
    },
    {
        "name": "pods",
        "singularName": "pod",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        "shortNames": ["po"],
        "categories": ["all"],
    },
    {
        "name": "pods/status",
        "singularName": "",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["get", "patch", "update"],
    },
]
# kubectl asks only whether the server validates fields itself; without it, it would want all schemas
_OPENAPI_V1 = {
    "openapi": "3.0.0",
    "info": {"title": "Kubernetes", "version": _VERSION["gitVersion"]},
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


async def health(_request: Request) -> Response:
    """GET /healthz, /livez, /readyz."""
    return PlainTextResponse("ok")


async def version(_request: Request) -> Response:
    """GET /version."""
    return answer(_VERSION)


async def api_versions(_request: Request) -> Response:
    """GET /api: the versions of the core group."""
    return answer({"kind": "APIVersions", "versions": ["v1"]})


async def api_groups(_request: Request) -> Response:
    """GET /apis: there are no other groups."""
    return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})


async def api_resources(_request: Request) -> Response:
    """GET /api/v1: the resources of the core group that are served."""
    return answer({"kind": "APIResourceList", "groupVersion": "v1", "resources": _RESOURCES})


async def openapi(_request: Request) -> Response:
    """GET /openapi/v3: where the schemas are."""
    return answer({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}})


async def openapi_v1(_request: Request) -> Response:
    """GET /openapi/v3/api/v1: just enough for kubectl to leave the validation to the server."""
    return answer(_OPENAPI_V1)


class Namespaces:
    """The namespaces, which nobody creates: default, kube-system and those of the pods."""

    def __init__(self, store: PodStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def list(self, request: Request) -> Response:
        """GET /api/v1/namespaces."""
        self._access.check(request.state.user, "list", "namespaces")
        metadata = {"resourceVersion": str(self._store.resource_version)}
        items = [_namespace(name) for name in sorted(self._names())]
        return answer({"kind": "NamespaceList", "apiVersion": "v1", "metadata": metadata, "items": items})

    async def read(self, request: Request) -> Response:
        """GET /api/v1/namespaces/NAME."""
        name = request.path_params["namespace"]
        self._access.check(request.state.user, "get", "namespaces", name, name)
        if name not in self._names():
            raise NotFound(name, "namespaces")
        return answer(_namespace(name))

    def _names(self) -> set[str]:
        return {"default", "kube-system"} | self._store.namespaces()


def _namespace(name: str) -> JSON:
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": f"00000000-0000-4000-8000-{name.encode().hex()[:12]:0>12}",
            "resourceVersion": "1",
            "creationTimestamp": "2025-01-01T00:00:00Z",
            "labels": {"kubernetes.io/metadata.name": name},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }

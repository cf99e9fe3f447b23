"""Single pods: reading, creating, replacing, patching, deleting."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tests.apiserver.access import Access
from tests.apiserver.answers import answer, encoded
from tests.apiserver.deletion import Deletion
from tests.apiserver.listing import number
from tests.apiserver.statuses import JSON, ApiError, Conflict
from tests.apiserver.store import PodStore
from tests.apiserver.tables import table, wants_table

# what a client cannot change (k8s.io/apiserver/pkg/registry/rest, BeforeUpdate)
_SET_BY_SERVER = (
    "namespace",
    "name",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_MERGE_PATCHES = ("application/merge-patch+json", "application/strategic-merge-patch+json")

Editor = Callable[[JSON], JSON]


class Objects:
    """The endpoints below .../pods/NAME, and the creation of pods."""

    def __init__(self, store: PodStore, access: Access, deletion: Deletion) -> None:
        self._store = store
        self._access = access
        self._deletion = deletion

    async def create(self, request: Request) -> Response:
        """POST .../pods."""
        namespace = request.path_params["namespace"]
        self._access.check(request.state.user, "create", "pods", namespace)
        pod = await _body(request)
        metadata = pod.setdefault("metadata", {})
        if metadata.get("namespace", namespace) != namespace:
            raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
        if metadata.get("resourceVersion"):
            raise ApiError(400, "resourceVersion should not be set on objects to be created")
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise ApiError(
                    422,
                    'Pod "" is invalid: metadata.name: Required value: name or generateName is required',
                    details={"kind": "Pod"},
                )
            metadata["name"] = metadata["generateName"] + secrets.token_hex(3)[:5]
        for name in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
            metadata.pop(name, None)
        metadata["namespace"] = namespace
        # the status is the kubelet's to write, through pods/status
        pod.pop("status", None)
        return answer(self._store.create(pod), 201)

    async def read(self, request: Request) -> Response:
        """GET .../pods/NAME and its status."""
        namespace, name = self._authorized(request, "get")
        pod = self._store.stored(namespace, name)
        if wants_table(request.headers.get("accept", "")):
            return answer(table([pod.decode()]))
        return encoded(pod.typed())

    async def replace(self, request: Request) -> Response:
        """PUT .../pods/NAME and its status."""
        namespace, name = self._authorized(request, "update")
        wanted = await _body(request)
        if (wanted.get("metadata") or {}).get("name") != name:
            raise ApiError(400, "the name of the object does not match the name on the URL")
        return self._edit(request, namespace, name, lambda _current: wanted)

    async def patch(self, request: Request) -> Response:
        """PATCH .../pods/NAME and its status: a merge patch, RFC 7386."""
        namespace, name = self._authorized(request, "patch")
        form = request.headers.get("content-type", "").partition(";")[0].strip()
        if form not in _MERGE_PATCHES:
            raise ApiError(
                415,
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(_MERGE_PATCHES),
            )
        patch = await _body(request)
        return self._edit(request, namespace, name, lambda current: merged(current, patch))

    async def delete(self, request: Request) -> Response:
        """DELETE .../pods/NAME."""
        namespace, name = self._authorized(request, "delete")
        options = await _body(request)
        if "gracePeriodSeconds" in request.query_params:
            options["gracePeriodSeconds"] = number(request.query_params, "gracePeriodSeconds")
        return answer(self._deletion.delete(namespace, name, options))

    def _authorized(self, request: Request, verb: str) -> tuple[str, str]:
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        resource = "pods/status" if _is_status(request) else "pods"
        self._access.check(request.state.user, verb, resource, namespace, name)
        return namespace, name

    def _edit(self, request: Request, namespace: str, name: str, editor: Editor) -> Response:
        # through /status all but the spec can be written, through the pod itself all but the status
        kept = "spec" if _is_status(request) else "status"

        def change(current: JSON) -> None:
            wanted = editor(current)
            metadata = dict(wanted.get("metadata") or {})
            for field in ("uid", "resourceVersion"):
                if metadata.get(field) and metadata[field] != current["metadata"][field]:
                    raise Conflict(name)
            for field in _SET_BY_SERVER:
                metadata.pop(field, None)
                if field in current["metadata"]:
                    metadata[field] = current["metadata"][field]
            edited = {**wanted, "kind": "Pod", "apiVersion": "v1", "metadata": metadata}
            edited.pop(kept, None)
            if kept in current:
                edited[kept] = current[kept]
            current.clear()
            current.update(edited)

        pod = self._store.update(namespace, name, change)
        self._deletion.finish(pod)
        return answer(pod)


def merged(target: object, patch: object) -> JSON:
    """The target with a merge patch applied, both left as they are: RFC 7386, section 2."""
    return cast(JSON, _merged(target, patch))


def _merged(target: object, patch: object) -> object:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _is_status(request: Request) -> bool:
    return request.url.path.endswith("/status")


async def _body(request: Request) -> JSON:
    """The JSON object of the body; empty if there is none. Raises a 400."""
    body = await request.body()
    try:
        content = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError as error:
        raise ApiError(400, f"the object provided is unrecognized: {error}") from error
    if not isinstance(content, dict):
        raise ApiError(400, "the object provided is unrecognized: it is no JSON object")
    return content

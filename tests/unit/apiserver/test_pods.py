"""Single pods over HTTP: create, read, patch, delete."""

from typing import Any

import httpx
import pytest

from tests.apiserver import ApiServer, make_pod

PODS = "/api/v1/namespaces/default/pods"
WEB = PODS + "/web"


def test_a_pod_is_created_with_what_the_server_sets_and_read(server: ApiServer, http: httpx.Client) -> None:
    pod = make_pod("web", phase="Running")
    pod["metadata"] |= {"uid": "mine", "creationTimestamp": None, "resourceVersion": "1"}
    created = http.post(PODS, json=pod)
    assert created.status_code == 201
    assert created.json()["status"] == {"phase": "Pending"}
    assert created.json()["metadata"]["uid"] != "mine"
    assert created.json()["metadata"]["creationTimestamp"]
    assert http.get(WEB).json() == created.json() == server.pods.get("default", "web")


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b"{", 400, "BadRequest"),
        (b"[]", 400, "BadRequest"),
        (b'{"metadata":{}}', 422, "Invalid"),
        (b'{"metadata":{"name":"x","namespace":"other"}}', 400, "BadRequest"),
        (b'{"metadata":{"name":"web"}}', 409, "AlreadyExists"),
    ],
)
def test_an_invalid_pod_is_not_created(
    server: ApiServer, http: httpx.Client, body: bytes, code: int, reason: str
) -> None:
    server.pods.create(make_pod("web"))
    response = http.post(PODS, content=body)
    assert (response.status_code, response.json()["code"], response.json()["reason"]) == (code, code, reason)


def test_a_patch_is_merged_as_in_rfc_7386(server: ApiServer, http: httpx.Client) -> None:
    created = server.pods.create(make_pod("web", labels={"app": "web"}))
    patch: dict[str, Any] = {
        "metadata": {"labels": {"app": None, "tier": "front"}, "annotations": {"a": "b", "absent": None}}
    }
    patched = http.patch(WEB, json=patch).json()
    assert patched["metadata"]["labels"] == {"tier": "front"}
    assert patched["metadata"]["annotations"] == {"a": "b"}
    assert patched["spec"] == created["spec"]
    assert int(patched["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


def test_a_finalizer_keeps_a_deleted_pod_until_it_is_removed(server: ApiServer, http: httpx.Client) -> None:
    pod = make_pod("web")
    pod["metadata"]["finalizers"] = ["example.com/hold"]
    server.pods.create(pod)
    assert http.delete(WEB).json()["metadata"]["deletionTimestamp"].endswith("Z")
    http.patch(WEB, json={"metadata": {"annotations": {"a": "b"}}})
    assert len(server.pods) == 1
    http.patch(WEB, json={"metadata": {"finalizers": None}})
    assert len(server.pods) == 0


@pytest.mark.parametrize(
    ("method", "path", "code", "message"),
    [
        ("GET", WEB, 404, 'pods "web" not found'),
        ("DELETE", WEB, 404, 'pods "web" not found'),
        ("GET", "/api/v1/services", 404, "the server could not find the requested resource"),
        ("POST", "/api/v1/pods", 405, "the server does not allow this method on the requested resource"),
    ],
)
def test_unknown_pods_and_paths_are_refused_with_a_status(
    http: httpx.Client, method: str, path: str, code: int, message: str
) -> None:
    response = http.request(method, path)
    status = response.json()
    assert (response.status_code, status["kind"], status["message"]) == (code, "Status", message)

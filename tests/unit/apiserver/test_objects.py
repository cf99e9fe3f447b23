"""Single pods over HTTP: create, read, replace, patch, delete."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.apiserver import ApiServer, make_pod
from tests.apiserver.objects import merged
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

PODS = "/api/v1/namespaces/default/pods"
WEB = PODS + "/web"
MERGE = {"Content-Type": "application/merge-patch+json"}


def status_of(response: httpx.Response) -> tuple[int, str]:
    status = response.json()
    assert (status["kind"], status["code"]) == ("Status", response.status_code)
    return response.status_code, status["reason"]


@pytest.fixture
def web(server: ApiServer) -> dict[str, Any]:
    return server.pods.create(make_pod("web", labels={"app": "web"}, phase="Running"))


@pytest.fixture
def running(server: ApiServer) -> dict[str, Any]:
    """A pod that a kubelet has to end."""
    return server.pods.create(make_pod("web", node="node-1", phase="Running"))


def test_a_pod_is_created_and_read(server: ApiServer, http: httpx.Client) -> None:
    created = http.post(PODS, json=make_pod("web", phase="Running"))
    assert created.status_code == 201
    assert created.json()["status"] == {"phase": "Pending"}
    assert http.get(WEB).json() == created.json() == server.pods.get("default", "web")
    assert http.get(WEB + "/status").json() == created.json()


def test_a_name_is_generated(http: httpx.Client) -> None:
    names = {http.post(PODS, json={"metadata": {"generateName": "web-"}}).json()["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


def test_what_the_server_sets_is_not_taken_from_a_new_pod(http: httpx.Client) -> None:
    pod = make_pod("web")
    pod["metadata"] |= {"uid": "mine", "creationTimestamp": None, "deletionTimestamp": "2025-01-01T00:00:00Z"}
    metadata = http.post(PODS, json=pod).json()["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"]
    assert "deletionTimestamp" not in metadata


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b"{", 400, "BadRequest"),
        (b"[]", 400, "BadRequest"),
        (b'{"metadata":{}}', 422, "Invalid"),
        (b'{"metadata":{"name":"x","namespace":"other"}}', 400, "BadRequest"),
        (b'{"metadata":{"name":"x","resourceVersion":"1"}}', 400, "BadRequest"),
        (b'{"metadata":{"name":"web"}}', 409, "AlreadyExists"),
    ],
)
def test_a_pod_that_cannot_be_created_is_refused(
    web: dict[str, Any], http: httpx.Client, body: bytes, code: int, reason: str
) -> None:
    assert status_of(http.post(PODS, content=body)) == (code, reason)


def test_what_does_not_exist_is_not_found(http: httpx.Client) -> None:
    for method in ("GET", "DELETE"):
        response = http.request(method, WEB)
        assert status_of(response) == (404, "NotFound")
        assert response.json()["message"] == 'pods "web" not found'
        assert response.json()["details"] == {"name": "web", "kind": "pods"}


def test_replacing_keeps_identity_and_status(web: dict[str, Any], http: httpx.Client) -> None:
    wanted = make_pod("web", labels={"app": "new"}, phase="Failed")
    replaced = http.put(WEB, json=wanted).json()
    assert replaced["metadata"]["labels"] == {"app": "new"}
    assert replaced["metadata"]["uid"] == web["metadata"]["uid"]
    assert replaced["status"] == web["status"]
    assert int(replaced["metadata"]["resourceVersion"]) > int(web["metadata"]["resourceVersion"])


def test_replacing_the_status_keeps_the_spec(web: dict[str, Any], http: httpx.Client) -> None:
    wanted = web | {"spec": {"containers": []}, "status": {"phase": "Succeeded"}}
    replaced = http.put(WEB + "/status", json=wanted).json()
    assert (replaced["spec"], replaced["status"]) == (web["spec"], {"phase": "Succeeded"})


def test_a_stale_writer_gets_a_conflict(server: ApiServer, web: dict[str, Any], http: httpx.Client) -> None:
    current = http.patch(WEB, json={"metadata": {"labels": {"app": "new"}}}, headers=MERGE).json()
    response = http.put(WEB, json=web)
    assert status_of(response) == (409, "Conflict")
    assert response.json()["message"] == (
        'Operation cannot be fulfilled on pods "web": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    other = {"metadata": {"uid": "another"}}
    assert status_of(http.patch(WEB, json=other, headers=MERGE)) == (409, "Conflict")
    assert server.pods.get("default", "web") == current
    assert http.put(WEB, json=current).status_code == 200


def test_a_name_cannot_be_replaced(web: dict[str, Any], http: httpx.Client) -> None:
    assert status_of(http.put(WEB, json=make_pod("other"))) == (400, "BadRequest")


@pytest.mark.parametrize("form", ["application/merge-patch+json", "application/strategic-merge-patch+json"])
def test_a_patch_is_merged(web: dict[str, Any], http: httpx.Client, form: str) -> None:
    patch = {"metadata": {"labels": {"app": None, "tier": "front"}, "annotations": {"a": "b"}}}
    patched = http.patch(WEB, json=patch, headers={"Content-Type": form}).json()
    assert patched["metadata"]["labels"] == {"tier": "front"}
    assert patched["metadata"]["annotations"] == {"a": "b"}
    assert patched["spec"] == web["spec"]


def test_a_status_is_patched(web: dict[str, Any], http: httpx.Client) -> None:
    patch = {"spec": {"nodeName": "elsewhere"}, "status": {"podIP": "10.0.0.1"}}
    patched = http.patch(WEB + "/status", json=patch, headers=MERGE).json()
    assert (patched["spec"], patched["status"]) == (web["spec"], {"phase": "Running", "podIP": "10.0.0.1"})


def test_a_patch_in_another_form_is_refused(web: dict[str, Any], http: httpx.Client) -> None:
    headers = {"Content-Type": "application/json-patch+json"}
    assert status_of(http.patch(WEB, json=[], headers=headers)) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [1]}, {"a": 1}, {"a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ([1], {"a": "b", "c": None}, {"a": "b"}),
    ],
)
def test_the_examples_of_rfc_7386_are_merged(target: object, patch: object, result: object) -> None:
    assert merged(target, patch) == result


# ---- deletion


def test_a_grace_period_is_a_number(web: dict[str, Any], http: httpx.Client) -> None:
    assert status_of(http.delete(WEB, params={"gracePeriodSeconds": "soon"})) == (400, "BadRequest")


def test_a_pod_that_does_not_run_is_gone_at_once(server: ApiServer, web: dict[str, Any], http: httpx.Client) -> None:
    deleted = http.delete(WEB).json()
    assert deleted["metadata"]["uid"] == web["metadata"]["uid"]
    assert server.pods.pods() == {}


def test_a_running_pod_is_marked_first_and_gone_a_little_later(
    server: ApiServer, running: dict[str, Any], http: httpx.Client
) -> None:
    with Watcher(http, resourceVersion=server.pods.resource_version) as watcher:
        marked = http.delete(WEB).json()
        assert marked["metadata"]["deletionTimestamp"].endswith("Z")
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
        assert http.delete(WEB).json() == marked
        events = watcher.wait_for(2)
    assert watcher.told == [("MODIFIED", "web"), ("DELETED", "web")]
    assert events[0]["object"] == marked
    assert "deletionTimestamp" in events[1]["object"]["metadata"]
    assert len(server.pods) == 0


def test_a_running_pod_without_grace_is_gone_at_once(
    server: ApiServer, running: dict[str, Any], http: httpx.Client
) -> None:
    http.delete(WEB, params={"gracePeriodSeconds": 0})
    assert len(server.pods) == 0


def test_a_grace_period_is_written_down(running: dict[str, Any], http: httpx.Client) -> None:
    marked = http.request("DELETE", WEB, json={"gracePeriodSeconds": 5}).json()
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 5


def test_a_completed_pod_is_gone_at_once(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web", node="node-1", phase="Succeeded"))
    http.delete(WEB)
    assert len(server.pods) == 0


def test_a_pod_that_is_forced_away_while_it_ends_does_not_take_its_successor_along(
    server: ApiServer, running: dict[str, Any], http: httpx.Client
) -> None:
    http.delete(WEB)
    http.delete(WEB, params={"gracePeriodSeconds": 0})
    # the successor has the same name, and another one takes just as long to end: then its turn is over
    server.pods.create(make_pod("web"))
    server.pods.create(make_pod("other", node="node-1"))
    http.delete(PODS + "/other")
    eventually(lambda: len(server.pods) == 1)
    assert server.pods.get("default", "web")["metadata"]["uid"] != running["metadata"]["uid"]


def test_a_pod_that_ends_while_the_server_is_down_is_ended_after_its_start(connect: Connect) -> None:
    with ApiServer(termination_seconds=1) as server:
        server.pods.create(make_pod("web", node="node-1", phase="Running"))
        connect(server).delete(WEB)
        server.stop()
        assert len(server.pods) == 1
        server.start()
        eventually(lambda: len(server.pods) == 0)


@pytest.mark.parametrize("node", ["", "node-1"])
def test_a_finalizer_keeps_a_pod_until_it_is_removed(server: ApiServer, http: httpx.Client, node: str) -> None:
    pod = make_pod("web", node=node)
    pod["metadata"]["finalizers"] = ["example.com/hold"]
    server.pods.create(pod)
    http.delete(WEB)
    eventually(lambda: server.pods.get("default", "web")["metadata"]["deletionGracePeriodSeconds"] == 0)
    http.patch(WEB, json={"metadata": {"annotations": {"a": "b"}}}, headers=MERGE)
    assert len(server.pods) == 1
    http.patch(WEB, json={"metadata": {"finalizers": None}}, headers=MERGE)
    assert len(server.pods) == 0


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_a_deletion_can_be_of_one_pod_only(
    server: ApiServer, web: dict[str, Any], http: httpx.Client, field: str
) -> None:
    refused = http.request("DELETE", WEB, json={"preconditions": {field: "0"}})
    assert status_of(refused) == (409, "Conflict")
    assert "Precondition failed" in refused.json()["message"]
    assert http.request("DELETE", WEB, json={"preconditions": {field: web["metadata"][field]}}).is_success
    assert len(server.pods) == 0

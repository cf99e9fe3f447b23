"""Responses in protobuf, for the clients that accept it."""

import httpx
import pytest

from pod_index.informer import json_wire, protobuf_wire
from tests.apiserver import ApiServer, Fault, make_pod, realistic_pod
from tests.apiserver.protobuf import encode_message, encode_object
from tests.support.polling import eventually
from tests.support.samepod import content_of

PODS = "/api/v1/pods"
PROTOBUF = "application/vnd.kubernetes.protobuf"
ACCEPT = {"Accept": f"{PROTOBUF},application/json"}
STREAMING_LIST = {
    "watch": "1",
    "allowWatchBookmarks": "1",
    "sendInitialEvents": "1",
    "resourceVersionMatch": "NotOlderThan",
    "timeoutSeconds": "1",
}


def test_a_status_is_the_same_as_from_kube_apiserver() -> None:
    status = {
        "status": "Failure",
        "message": 'pods "y" not found',
        "reason": "NotFound",
        "details": {"name": "y", "kind": "pods"},
        "code": 404,
    }
    assert encode_object("Status", encode_message("Status", status)) == (
        b"k8s\x00\n\x0c\n\x02v1\x12\x06Status\x12C\n\x06\n\x00\x12\x00\x1a\x00\x12\x07Failure\x1a\x12pods "
        b'"y" not found"\x08NotFound*\x0f\n\x01y\x12\x00\x1a\x04pods(\x002\x000\x94\x03\x1a\x00"\x00'
    )


def test_a_list_in_protobuf_has_the_same_pods_as_in_json(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(map(realistic_pod, range(5)))
    in_protobuf = http.get(PODS, params={"limit": "3"}, headers=ACCEPT)
    assert in_protobuf.headers["content-type"] == PROTOBUF
    in_json = http.get(PODS, params={"limit": "3"})
    assert in_json.headers["content-type"] == "application/json"
    pods, expected = protobuf_wire.decode_list(in_protobuf.content), json_wire.decode_list(in_json.content)
    assert pods.metadata == expected.metadata
    assert list(map(content_of, pods.items or [])) == list(map(content_of, expected.items or []))


def test_a_streaming_list_in_protobuf_has_the_same_events_as_in_json(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(map(realistic_pod, range(5)))
    in_protobuf = http.get(PODS, params=STREAMING_LIST, headers=ACCEPT)
    assert in_protobuf.headers["content-type"] == f"{PROTOBUF};stream=watch"
    events = protobuf_wire.decode_events(in_protobuf.content)
    expected = json_wire.decode_events(http.get(PODS, params=STREAMING_LIST).content)
    assert len(events) > 5
    assert list(map(type, events[:6])) == list(map(type, expected[:6]))
    assert [content_of(event.object) for event in events if isinstance(event, json_wire.Added)] == [
        content_of(event.object) for event in expected if isinstance(event, json_wire.Added)
    ]


def test_a_watch_in_protobuf_ends_with_the_same_error_as_in_json(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web"))
    server.pods.compact()
    params = {"watch": "1", "resourceVersion": "1"}
    (error,) = protobuf_wire.decode_events(http.get(PODS, params=params, headers=ACCEPT).content)
    assert [error] == json_wire.decode_events(http.get(PODS, params=params).content)
    assert isinstance(error, json_wire.Error)
    assert error.object.code == 410


@pytest.mark.parametrize("path", ["/api/v1/namespaces/default/pods/unknown", f"{PODS}?limit=x", "/unknown"])
def test_an_error_in_protobuf_has_the_same_status_as_in_json(http: httpx.Client, path: str) -> None:
    in_protobuf, in_json = http.get(path, headers=ACCEPT), http.get(path)
    assert in_protobuf.headers["content-type"] == PROTOBUF
    status = protobuf_wire.decode_status(in_protobuf.content)
    assert status == json_wire.decode_status(in_json.content)
    assert status.code == in_protobuf.status_code == in_json.status_code


def test_errors_before_the_api_and_injected_ones_are_in_protobuf_too(server: ApiServer, http: httpx.Client) -> None:
    refused = http.get(PODS, headers=ACCEPT | {"Authorization": "Bearer unknown"})
    assert protobuf_wire.decode_status(refused.content).code == 401
    server.faults.add(Fault(status=503))
    assert protobuf_wire.decode_status(http.get(PODS, headers=ACCEPT).content).code == 503


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (f"{PROTOBUF}, application/json", PROTOBUF),
        (f"{PROTOBUF};stream=watch,application/json;q=0.5", PROTOBUF),
        (f"application/json;q=0.8,{PROTOBUF};q=0.9", PROTOBUF),
        (f"application/yaml,{PROTOBUF};q=0.1", PROTOBUF),
        (f"application/json,{PROTOBUF}", "application/json"),
        (f"{PROTOBUF};q=0.5,*/*", "application/json"),
        (f"{PROTOBUF};q=x,application/json", PROTOBUF),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_accept_header_decides(http: httpx.Client, accept: str, content_type: str) -> None:
    assert http.get(PODS, headers={"Accept": accept}).headers["content-type"] == content_type


def test_faults_of_watches_are_in_protobuf_too(server: ApiServer, http: httpx.Client) -> None:
    params = {"watch": "1", "resourceVersion": str(server.pods.resource_version)}
    with http.stream("GET", PODS, params=params, headers=ACCEPT) as response:
        eventually(lambda: server.open_watches)
        server.faults.garbage_line(b"<html>proxy</html>")
        server.faults.watch_error(500, "InternalError", "etcd has no leader")
        frames = response.read()
    garbage = len(b"<html>proxy</html>").to_bytes(4) + b"<html>proxy</html>"
    assert frames.startswith(garbage)
    (error,) = protobuf_wire.decode_events(frames[len(garbage) :])
    assert error == json_wire.Error(json_wire.Status(500, "InternalError", "etcd has no leader"))

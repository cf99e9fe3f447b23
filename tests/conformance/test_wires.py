"""Pods are the same in protobuf and in JSON: what both servers send is decoded and compared."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from pod_index.informer import json_wire, protobuf_wire
from pod_index.informer.protobuf_list import ListDecoder
from pod_index.informer.wire import ACCEPT, wire_for
from pod_index.pods import Pod
from tests.apiserver import ApiServer as SmallApiServer
from tests.apiserver import Rule, container_status, make_pod, realistic_pod
from tests.apiserver.protobuf import encode_message, encode_object
from tests.conformance.cluster import Cluster
from tests.support.samepod import content_of

COUNT = 40

Get = Callable[..., tuple[int, str, bytes]]
"""Send a GET request with an Accept header; return the status, the Content-Type and the body."""


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def get(shared_cluster: Cluster, token: str, context: ssl.SSLContext) -> Get:
    def get(accept: str, path: str = "/api/v1/pods", **query: str) -> tuple[int, str, bytes]:
        url = f"https://127.0.0.1:{shared_cluster.server.port}{path}?{urlencode(query)}"
        headers = {"Accept": accept, "Authorization": f"Bearer {token}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=context) as response:
                return response.status, response.headers["Content-Type"], response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read()

    return get


def odd_pods() -> Iterator[dict[str, Any]]:
    """Pods with contents at which an encoding can fail."""
    texts = {
        "nul": "a\0b",
        "controls": "\x01\x1f\x7f",
        "html": "<&>\u2028",
        "wide": "\U0001f680\uffff\ufeff",
        "empty": "",
    }
    yield make_pod("texts", annotations={f"example.com/{name}": text for name, text in texts.items()})
    keys = [f"example.com/{(number * 7919) % 100:02}" for number in range(100)]
    yield make_pod("order", annotations=dict.fromkeys(keys, "x"), labels=dict.fromkeys(keys, "y"))
    yield make_pod("large", annotations={"example.com/large": "x" * 200_000})
    yield make_pod("bare")
    restarted = make_pod("restarted", node="node-1", ip="10.0.0.1", phase="Running")
    restarted["status"]["containerStatuses"] = [container_status("main", "containerd://b", last_id="containerd://a")]
    restarted["status"] |= {"startTime": "1970-01-01T00:00:00Z", "reason": "Evicted"}
    restarted["spec"] |= {
        "serviceAccountName": "default",
        "hostNetwork": True,
        "initContainers": [{"name": "sidecar", "image": "registry.example.com/proxy:1", "restartPolicy": "Always"}],
    }
    waiting = {"name": "sidecar", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    restarted["status"]["initContainerStatuses"] = [waiting | {"state": {"waiting": {"reason": "ErrImagePull"}}}]
    owner = {"apiVersion": "example.com/v1", "kind": "Workflow", "name": "nightly", "uid": "5678"}
    restarted["metadata"]["ownerReferences"] = [owner, owner | {"uid": "9012", "controller": True}]
    yield restarted


@pytest.fixture(scope="module", autouse=True)
def _pods(shared_cluster: Cluster) -> None:
    shared_cluster.pods.load([realistic_pod(number) for number in range(COUNT)])
    shared_cluster.pods.load(odd_pods())


def same(left: Iterable[Pod], right: Iterable[Pod]) -> bool:
    """Whether the pods, and the records of the index, are the same to the byte."""
    return list(map(content_of, left)) == list(map(content_of, right))


@pytest.mark.parametrize("query", [{}, {"limit": "7"}, {"resourceVersion": "0"}, {"fieldSelector": "metadata.name=x"}])
def test_a_list_is_the_same(get: Get, query: dict[str, str]) -> None:
    _, protobuf_type, in_protobuf = get(ACCEPT, **query)
    _, json_type, in_json = get("application/json", **query)
    assert (wire_for(protobuf_type), wire_for(json_type)) == (protobuf_wire, json_wire)
    pods, expected = protobuf_wire.decode_list(in_protobuf), json_wire.decode_list(in_json)
    assert len(pods.items or ()) in (0, 7, COUNT + 5)
    assert same(pods.items or (), expected.items or ())
    assert (pods.metadata.continue_token is None) is (expected.metadata.continue_token is None)
    assert pods.metadata.resource_version >= max((pod.metadata.resource_version for pod in pods.items or ()), default=1)


def test_a_list_that_is_decoded_as_it_arrives_is_the_same(get: Get) -> None:
    body = get(ACCEPT)[2]
    decoder = ListDecoder()
    pods = [pod for begin in range(0, len(body), 1000) for pod in decoder.feed(body[begin : begin + 1000])]
    assert same(pods, json_wire.decode_list(get("application/json")[2]).items or ())
    assert decoder.finish().continue_token is None


def test_a_streaming_list_is_the_same(get: Get) -> None:
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "timeoutSeconds": "1",
    }
    _, content_type, in_protobuf = get(ACCEPT, **query)
    assert wire_for(content_type) is protobuf_wire
    events = protobuf_wire.decode_events(in_protobuf)
    expected = json_wire.decode_events(get("application/json", **query)[2])
    end = COUNT + 5
    assert same(pods_of(events[:end]), pods_of(expected[:end]))
    for last in (events[end], expected[end]):
        assert isinstance(last, json_wire.Bookmark)
        assert last.ends_initial_events


@pytest.mark.slow
def test_changes_are_the_same(shared_cluster: Cluster, get: Get) -> None:
    version = str(protobuf_wire.decode_list(get(ACCEPT, limit="1")[2]).metadata.resource_version)

    def label(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = {"example.com/changed": "yes"}

    shared_cluster.pods.create(make_pod("changed", "changes"))
    shared_cluster.pods.update("changes", "changed", label)
    shared_cluster.pods.delete("changes", "changed")
    query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "2"}
    path = "/api/v1/namespaces/changes/pods"
    events = protobuf_wire.decode_events(get(ACCEPT, path, **query)[2])
    expected = json_wire.decode_events(get("application/json", path, **query)[2])
    assert [type(event) for event in events] == [type(event) for event in expected]
    assert {json_wire.Added, json_wire.Modified, json_wire.Deleted} == {type(event) for event in events}
    assert same(pods_of(events), pods_of(expected))


def test_a_status_is_the_same(get: Get) -> None:
    code, content_type, body = get(ACCEPT, limit="1", resourceVersion="x")
    assert (code, wire_for(content_type)) == (400, protobuf_wire)
    status = protobuf_wire.decode_status(body)
    assert status.code == 400
    assert status == json_wire.decode_status(get("application/json", limit="1", resourceVersion="x")[2])


def test_a_refusal_is_the_same(get: Get) -> None:
    code, content_type, body = get(ACCEPT, "/api/v1/namespaces/default/pods/web/log")
    status = wire_for(content_type).decode_status(body)
    assert status == json_wire.decode_status(get("application/json", "/api/v1/namespaces/default/pods/web/log")[2])
    assert status.code == code


def test_invalid_utf_8_of_one_pod_is_the_same_and_does_not_stop_a_listing(
    shared_cluster: Cluster, get: Get, context: ssl.SSLContext
) -> None:
    if isinstance(shared_cluster.server, SmallApiServer):
        pytest.skip("it takes no protobuf in requests, and JSON cannot be invalid UTF-8")
    raw = {"cut": b"a\xf0\x9f\x98", "surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\x80", "latin-1": b"caf\xe9 x"}
    annotations = {f"example.com/{name}": text.decode("utf-8", "surrogateescape") for name, text in raw.items()}
    pod = make_pod("invalid", "invalid-utf-8", annotations=annotations)
    # Only a request in protobuf can do this; the namespace is there after the first pod.
    shared_cluster.pods.create(make_pod("valid", "invalid-utf-8"))
    token = shared_cluster.access.issue_token("writer", [Rule(["create"], ["pods"])])
    request = urllib.request.Request(
        f"https://127.0.0.1:{shared_cluster.server.port}/api/v1/namespaces/invalid-utf-8/pods",
        encode_object("Pod", encode_message("Pod", pod)),
        {"Content-Type": protobuf_wire.MEDIA_TYPE, "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, context=context) as response:
        assert response.status == 201
    try:
        pods = protobuf_wire.decode_list(get(ACCEPT)[2]).items or []
        assert same(pods, json_wire.decode_list(get("application/json")[2]).items or [])
        (found,) = (pod for pod in pods if pod.metadata.name == "invalid")
        assert found.metadata.annotations == {
            "example.com/cut": "a\ufffd\ufffd\ufffd",
            "example.com/latin-1": "caf\ufffd x",
            "example.com/overlong": "\ufffd\ufffd",
            "example.com/surrogate": "\ufffd\ufffd\ufffd",
        }
    finally:
        shared_cluster.pods.delete("invalid-utf-8", "invalid")
        shared_cluster.pods.delete("invalid-utf-8", "valid")


def pods_of(events: Iterable[object]) -> list[Pod]:
    """The pods of events that are no bookmarks."""
    pods = []
    for event in events:
        assert isinstance(event, json_wire.Added | json_wire.Modified | json_wire.Deleted)
        pods.append(event.object)
    return pods

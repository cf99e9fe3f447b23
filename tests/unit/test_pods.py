"""What is read of a pod, and the record that is answered."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.pods import (
    NOT_JSON,
    Added,
    Bookmark,
    Error,
    Pod,
    decode_events,
    decode_list,
    decode_status,
    encode_record,
)


def sent(**metadata: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": "web-0",
            "namespace": "default",
            "uid": "1234abcd-5678-90ef-aaaa-bbbbccccdddd",
            "resourceVersion": "41",
            "creationTimestamp": "2024-01-01T00:00:00Z",
            **metadata,
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": "web"}]},
        "status": {"phase": "Running", "podIP": "10.244.1.5", "podIPs": [{"ip": "10.244.1.5"}]},
    }


def record(pod: dict[str, Any]) -> bytes:
    page = {"kind": "PodList", "metadata": {"resourceVersion": "50"}, "items": [pod]}
    items = decode_list(json.dumps(page).encode()).items
    assert items is not None
    return encode_record(items[0])


def test_a_record_has_the_fields_of_the_contract_in_their_order() -> None:
    pod = sent(labels={"app": "web"}, annotations={"note": "x"})
    assert record(pod) == (
        b'{"uid":"1234abcd-5678-90ef-aaaa-bbbbccccdddd","name":"web-0","namespace":"default","nodeName":"node-1",'
        b'"phase":"Running","podIP":"10.244.1.5","labels":{"app":"web"},"annotations":{"note":"x"},'
        b'"createdAt":"2024-01-01T00:00:00Z"}'
    )


def test_an_unscheduled_pod_has_empty_strings() -> None:
    pod = sent() | {"spec": {}, "status": {"phase": "Pending"}}
    answer = json.loads(record(pod))
    assert (answer["nodeName"], answer["podIP"], answer["phase"]) == ("", "", "Pending")


@pytest.mark.parametrize("absent", [{}, None, "left out"])
def test_empty_labels_and_annotations_are_left_out(absent: object) -> None:
    pod = sent() if absent == "left out" else sent(labels=absent, annotations=absent)
    assert {"labels", "annotations"}.isdisjoint(json.loads(record(pod)))


def test_a_pod_without_spec_and_status_is_a_pod() -> None:
    pod = sent()
    del pod["spec"], pod["status"]
    assert json.loads(record(pod))["phase"] == ""


def decoded(pod: dict[str, Any]) -> Pod:
    (event,) = decode_events(json.dumps({"type": "ADDED", "object": pod}).encode())
    assert isinstance(event, Added)
    return event.object


STATUSES = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]
ATTRIBUTES = ["container_statuses", "init_container_statuses", "ephemeral_container_statuses"]


@pytest.mark.parametrize(("field", "attribute"), list(zip(STATUSES, ATTRIBUTES, strict=True)))
def test_container_ids_are_read_from_each_list_of_statuses_and_from_what_was_before_a_restart(
    field: str, attribute: str
) -> None:
    pod = sent()
    pod["status"][field] = [
        {
            "name": "web",
            "containerID": "containerd://new",
            "state": {"terminated": {"exitCode": 0, "containerID": "containerd://other"}},
            "lastState": {"terminated": {"exitCode": 1, "containerID": "containerd://old"}},
        }
    ]
    (status,) = getattr(decoded(pod).status, attribute)
    assert status.container_id == "containerd://new"
    assert status.last_state.terminated.container_id == "containerd://old"


@pytest.mark.parametrize("last_state", [{}, None, {"terminated": None}, {"running": {}}, {"waiting": {}}, "left out"])
def test_a_container_that_was_not_restarted_has_no_former_id(last_state: object) -> None:
    pod = sent()
    status = {"name": "web", "state": {"waiting": {"reason": "ContainerCreating"}}}
    pod["status"]["containerStatuses"] = [status if last_state == "left out" else status | {"lastState": last_state}]
    (container,) = decoded(pod).status.container_statuses or []
    assert container.container_id is None
    assert container.last_state is None or container.last_state.terminated is None


@pytest.mark.parametrize("absent", [None, [], "left out"])
def test_a_pod_that_no_kubelet_has_seen_has_no_statuses_ips_or_start(absent: object) -> None:
    pod = sent()
    pod["status"] = {"phase": "Pending"}
    if absent != "left out":
        pod["status"] |= dict.fromkeys([*STATUSES, "podIPs"], absent) | {"startTime": None, "podIP": None}
    status = decoded(pod).status
    assert not any(getattr(status, attribute) for attribute in [*ATTRIBUTES, "pod_ips", "start_time", "pod_ip"])


def test_ips_start_and_hosts_network_are_read() -> None:
    pod = sent()
    pod["spec"]["hostNetwork"] = True
    pod["status"] |= {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "startTime": "2024-01-01T00:00:01Z"}
    read = decoded(pod)
    assert [ip.ip for ip in read.status.pod_ips or ()] == ["10.0.0.1", "fd00::1"]
    assert (read.status.start_time, read.spec.host_network) == ("2024-01-01T00:00:01Z", True)
    assert not decoded(sent()).spec.host_network


def test_unicode_is_served_as_it_was_sent() -> None:
    annotations = {"größe": '日本語 🦭 \u2028 \\ " <&>'}
    assert json.loads(record(sent(annotations=annotations)))["annotations"] == annotations


def test_an_annotation_of_256_kib_is_served_whole() -> None:
    annotations = {"large": "x" * 262_144}
    assert json.loads(record(sent(annotations=annotations)))["annotations"] == annotations


def test_a_pod_that_is_being_deleted_is_still_there() -> None:
    assert json.loads(record(sent(deletionTimestamp="2024-01-02T00:00:00Z")))["name"] == "web-0"


def test_the_resource_version_is_read_as_an_integer() -> None:
    (event,) = decode_events(json.dumps({"type": "ADDED", "object": sent()}).encode())
    assert isinstance(event, Added)
    assert event.object.metadata.resource_version == 41


def test_a_bookmark_says_whether_it_ends_the_initial_events() -> None:
    metadata: dict[str, Any] = {"resourceVersion": "7"}
    line = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}
    (plain,) = decode_events(json.dumps(line).encode())
    metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    (last,) = decode_events(json.dumps(line).encode())
    assert isinstance(plain, Bookmark)
    assert isinstance(last, Bookmark)
    assert (plain.ends_initial_events, last.ends_initial_events) == (False, True)


def test_an_error_event_carries_the_status() -> None:
    (event,) = decode_events(
        b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","code":410,"reason":"Gone"}}'
    )
    assert isinstance(event, Error)
    assert (event.object.code, event.object.reason) == (410, "Gone")


@pytest.mark.parametrize("line", [b"{", b"null", b"<html>", b'{"type":"HELLO","object":{}}', b"\xff\xfe"])
def test_what_is_no_watch_event_is_an_error(line: bytes) -> None:
    with pytest.raises(NOT_JSON):
        decode_events(line)


@pytest.mark.parametrize("decode", [decode_events, decode_list])
def test_json_that_is_nested_without_end_is_an_error(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(NOT_JSON):
        decode(b'{"metadata":' + b'{"x":[' * 200_000)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_raise_anything_else(line: bytes) -> None:
    for decode in (decode_events, decode_list):
        with contextlib.suppress(*NOT_JSON):
            decode(line)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b"\xff", b"[" * 200_000])
def test_an_error_body_that_is_no_status_is_an_empty_one(body: bytes) -> None:
    assert decode_status(body).message is None

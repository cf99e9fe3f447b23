"""Pods as read from JSON, and the record that answers a lookup."""

import json
from typing import Any

import msgspec
import pytest

from pod_index.keeping import LAST_APPLIED
from pod_index.pods import Pod, encode_record


def pod_json(**metadata: Any) -> dict[str, Any]:
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
    return encode_record(msgspec.json.decode(json.dumps(pod), type=Pod, strict=False))


def test_a_record_has_the_fields_of_the_contract_in_their_order() -> None:
    pod = pod_json(labels={"app": "web"}, annotations={"note": "x"})
    assert record(pod) == (
        b'{"uid":"1234abcd-5678-90ef-aaaa-bbbbccccdddd","name":"web-0","namespace":"default","nodeName":"node-1",'
        b'"phase":"Running","podIP":"10.244.1.5","labels":{"app":"web"},"annotations":{"note":"x"},'
        b'"createdAt":"2024-01-01T00:00:00Z"}'
    )


def test_an_unscheduled_pod_has_empty_strings() -> None:
    pod = pod_json() | {"spec": {}, "status": {"phase": "Pending"}}
    response = json.loads(record(pod))
    assert (response["nodeName"], response["podIP"], response["phase"]) == ("", "", "Pending")


@pytest.mark.parametrize("absent", [{}, None, "omitted"])
def test_empty_labels_and_annotations_are_omitted(absent: object) -> None:
    pod = pod_json() if absent == "omitted" else pod_json(labels=absent, annotations=absent)
    assert {"labels", "annotations"}.isdisjoint(json.loads(record(pod)))


def test_a_pod_without_spec_and_status_is_a_pod() -> None:
    pod = pod_json()
    del pod["spec"], pod["status"]
    assert json.loads(record(pod))["phase"] == ""


def test_unicode_is_served_as_it_was_sent() -> None:
    annotations = {"größe": '日本語 🦭 \u2028 \\ " <&>'}
    assert json.loads(record(pod_json(annotations=annotations)))["annotations"] == annotations


def test_labels_and_annotations_are_in_the_order_of_their_keys() -> None:
    response = json.loads(record(pod_json(labels={"b": "1", "a": "2"}, annotations={"d": "3", "c": "4"})))
    assert (list(response["labels"]), list(response["annotations"])) == (["a", "b"], ["c", "d"])


def test_an_annotation_of_256_kib_is_served_whole() -> None:
    annotations = {"large": "x" * 262_144}
    assert json.loads(record(pod_json(annotations=annotations)))["annotations"] == annotations


def test_a_pod_that_is_being_deleted_is_still_there() -> None:
    assert json.loads(record(pod_json(deletionTimestamp="2024-01-02T00:00:00Z")))["name"] == "web-0"


@pytest.mark.parametrize("others", [{}, {"note": "x"}])
def test_the_manifest_that_kubectl_apply_stores_is_not_served(others: dict[str, str]) -> None:
    manifest = json.dumps({"spec": {"containers": [{"env": [{"name": "PASSWORD", "value": "s3cret"}]}]}})
    without = record(pod_json(annotations=others))
    assert record(pod_json(annotations={LAST_APPLIED: manifest, **others})) == without
    assert record(pod_json(annotations={**others, LAST_APPLIED: manifest})) == without
    assert b"s3cret" not in without

"""Protobuf messages as pods, equal to those from JSON."""

import json
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from pod_index.informer import json_wire, protobuf_wire
from pod_index.informer.protobuf_messages import text_of, version_of
from pod_index.pods import Pod, encode_record
from pod_index.store.details import SHARED_PART_BYTES
from pod_index.store.indexers import index_values
from pod_index.store.packed_parts import PackedPod
from tests.apiserver.protobuf import encode_event, encode_message
from tests.support.samepod import content_of
from tests.unit.informer.anypods import encoded_pods, go_text


def from_protobuf(message: bytes) -> Pod:
    (event,) = protobuf_wire.decode_events(encode_event("ADDED", "Pod", message))
    assert isinstance(event, json_wire.Added)
    return event.object


def from_json(encoded: bytes) -> Pod:
    (event,) = json_wire.decode_events(b'{"type":"ADDED","object":%s}' % encoded)
    assert isinstance(event, json_wire.Added)
    return event.object


def pod(metadata: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-0", "uid": "1234", "resourceVersion": "41"} | (metadata or {})} | parts


def decoded(content: dict[str, Any]) -> Pod:
    return from_protobuf(encode_message("Pod", content))


@given(encoded_pods)
def test_any_pod_is_the_same_in_protobuf_as_in_json(encodings: tuple[bytes, bytes]) -> None:
    in_protobuf, in_json = from_protobuf(encodings[0]), from_json(encodings[1])
    assert content_of(in_protobuf) == content_of(in_json)


@given(encoded_pods)
def test_a_pod_is_indexed_in_the_same_way_without_its_details(encodings: tuple[bytes, bytes]) -> None:
    event = encode_event("ADDED", "Pod", encodings[0]), b'{"type":"ADDED","object":%s}' % encodings[1]
    for wire, frame in zip((protobuf_wire, json_wire), event, strict=True):
        (kept,), (plain,) = wire.decode_events(frame), wire.decode_events(frame, details=False)
        assert isinstance(kept, json_wire.Added)
        assert isinstance(plain, json_wire.Added)
        assert isinstance(plain.object, PackedPod)
        assert plain.object.details is None
        assert encode_record(plain.object) == encode_record(kept.object)
        assert index_values(plain.object) == index_values(kept.object)


@given(st.binary())
@example(b"\xe2\x82")  # a character that was cut
@example(b"\xf0\x9f\x98x")
@example(b"\xed\xa0\x80")  # a surrogate
@example(b"\xc0\x80")  # an overlong NUL
@example(b"\xf4\x90\x80\x80")  # above U+10FFFF
def test_each_byte_of_invalid_utf_8_is_replaced_as_in_go(raw: bytes) -> None:
    assert text_of(raw) == go_text(raw)


def test_a_character_that_was_cut_is_replaced_byte_by_byte() -> None:
    # Python's own "replace" makes one U+FFFD of these three bytes.
    assert text_of(b"a\xf0\x9f\x98b\0") == "a\ufffd\ufffd\ufffdb\0"


def test_invalid_utf_8_in_one_annotation_leaves_all_else_as_it_is() -> None:
    annotations = {"a": "fine", "b": b"\xffx".decode("utf-8", "surrogateescape"), "c": "\0\ud7ff\U0010ffff"}
    metadata = decoded(pod({"annotations": annotations})).metadata
    assert metadata.annotations == {"a": "fine", "b": "\ufffdx", "c": "\0\ud7ff\U0010ffff"}
    assert metadata.name == "web-0"


def test_labels_and_annotations_keep_the_order_of_the_server() -> None:
    keys = [f"key-{number:02}" for number in range(50)]
    metadata = decoded(pod({"labels": dict.fromkeys(keys, "x"), "annotations": dict.fromkeys(keys, "y")})).metadata
    assert list(metadata.labels or ()) == list(metadata.annotations or ()) == keys


@pytest.mark.parametrize("time", [None, "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2024-02-29T12:00:01Z"])
def test_a_time_is_as_in_json_and_the_epoch_is_not_unset(time: str | None) -> None:
    read = decoded(pod({"creationTimestamp": time}, status={"startTime": time}))
    assert (read.metadata.creation_timestamp, read.status.start_time) == (time, time)


def test_fractions_of_a_second_are_omitted_as_in_json() -> None:
    # Seconds and nanos of a Timestamp.
    creation = b"\x42\x08\x08\x01\x10\xff\x93\xeb\xdc\x03"
    metadata = encode_message("ObjectMeta", pod()["metadata"]) + creation
    read = from_protobuf(b"\x0a" + bytes([len(metadata)]) + metadata)
    assert read.metadata.creation_timestamp == "1970-01-01T00:00:01Z"


def test_a_time_out_of_range_is_an_error() -> None:
    metadata = encode_message("ObjectMeta", pod()["metadata"]) + b"\x42\x0a\x08" + b"\xff" * 8 + b"\x7f"
    with pytest.raises(DecodeError, match="invalid time 9223372036854775807"):
        from_protobuf(b"\x0a" + bytes([len(metadata)]) + metadata)


def test_strings_and_lists_that_are_empty_are_unset_as_in_json() -> None:
    # Go writes empty strings, but no empty lists.
    read = decoded(pod(spec={"nodeName": ""}, status={"phase": "", "podIP": "", "podIPs": []}))
    assert content_of(read) == content_of(from_json(json.dumps(pod()).encode()))


def test_a_status_without_states_is_as_one_with_empty_states() -> None:
    metadata = encode_message("ObjectMeta", pod()["metadata"])
    # A ContainerStatus with a containerID only.
    status = b"\x42\x03\x42\x01a"
    message = b"\x0a" + bytes([len(metadata)]) + metadata + b"\x1a" + bytes([len(status)]) + status
    read = from_protobuf(message)
    assert content_of(read) == content_of(decoded(pod(status={"containerStatuses": [{"containerID": "a"}]})))
    assert content_of(read)[3] == ["a"]


@pytest.mark.parametrize("size", [10, SHARED_PART_BYTES])
def test_a_template_of_any_size_is_as_in_json(size: int) -> None:
    spec = {"nodeName": "node-1", "containers": [{"name": "main", "image": "x" * size}]}
    status = {"name": "main", "imageID": "y" * size, "restartCount": 0, "ready": True}
    content = pod(spec=spec, status={"containerStatuses": [status]})
    in_json = content_of(from_json(json.dumps(content).encode()))
    assert [content_of(decoded(content)), content_of(decoded(content))] == [in_json, in_json]


def test_pods_with_the_same_template_on_two_nodes_have_their_own_nodes() -> None:
    nodes = [decoded(pod(spec={"nodeName": node, "hostNetwork": True})).spec for node in ("node-1", "node-2")]
    assert [(spec.node_name, spec.host_network) for spec in nodes] == [("node-1", True), ("node-2", True)]


@pytest.mark.parametrize("field", ["name", "uid", "resourceVersion"])
def test_a_pod_without_an_identity_is_an_error_as_in_json(field: str) -> None:
    content = pod()
    del content["metadata"][field]
    with pytest.raises(json_wire.DECODE_ERRORS):
        from_json(json.dumps(content).encode())
    with pytest.raises(DecodeError, match="without a"):
        decoded(content)


@pytest.mark.parametrize("raw", [b"", b"x", b"-1", b"1_0", b" 1", "\u0661".encode(), b"\xff", b"1" * 5000])
def test_a_resource_version_that_is_not_a_number_is_an_error_of_one_line(raw: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        version_of(raw)
    assert len(str(caught.value)) < 200
    assert len(str(caught.value).splitlines()) == 1

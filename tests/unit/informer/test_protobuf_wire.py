"""The API server's protobuf as lists, events and Statuses, wherever the connection cuts it."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.informer.errors import InconsistentResponse, Unreachable
from pod_index.informer.json_wire import Added, Bookmark, Deleted, Error, Modified, Status
from pod_index.informer.protobuf_wire import (
    DECODE_ERRORS,
    SLICE_BYTES,
    decode_events,
    decode_list,
    decode_status,
    read_frames,
)
from tests.apiserver import make_pod
from tests.apiserver.protobuf import encode_event, encode_frame, encode_list, encode_message, encode_object
from tests.unit.informer.streams import Content, cuts


def message(name: str = "web-0", **metadata: Any) -> bytes:
    pod = make_pod(name)
    return encode_message("Pod", pod | {"metadata": pod["metadata"] | {"uid": name, "resourceVersion": "1"} | metadata})


STATUS = {"status": "Failure", "message": "too old", "reason": "Expired", "code": 410}


@pytest.mark.parametrize("event_class", [Added, Modified, Deleted])
def test_the_type_of_an_event_is_that_on_the_wire(event_class: type[Added | Modified | Deleted]) -> None:
    (event,) = decode_events(encode_event(event_class.type, "Pod", message()))
    assert isinstance(event, event_class)
    assert event.object.metadata.name == "web-0"


def test_all_frames_of_a_read_are_decoded() -> None:
    events = decode_events(encode_event("ADDED", "Pod", message()) + encode_event("DELETED", "Pod", message()))
    assert [type(event) for event in events] == [Added, Deleted]


def test_a_bookmark_has_no_name_and_can_end_the_initial_events() -> None:
    metadata: dict[str, Any] = {"resourceVersion": "7"}
    (plain,) = decode_events(encode_event("BOOKMARK", "Pod", encode_message("Pod", {"metadata": metadata})))
    metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    (last,) = decode_events(encode_event("BOOKMARK", "Pod", encode_message("Pod", {"metadata": metadata})))
    assert isinstance(plain, Bookmark)
    assert isinstance(last, Bookmark)
    assert (plain.ends_initial_events, last.ends_initial_events) == (False, True)
    assert last.object.metadata.resource_version == 7


def test_an_error_event_carries_the_status() -> None:
    (event,) = decode_events(encode_event("ERROR", "Status", encode_message("Status", STATUS)))
    assert event == Error(Status(410, "Expired", "too old"))


def test_a_list_has_its_metadata_and_pods() -> None:
    pods = decode_list(encode_list({"resourceVersion": "7", "continue": "next"}, [message("a"), message("b")]))
    assert [pod.metadata.name for pod in pods.items or ()] == ["a", "b"]
    assert (pods.metadata.resource_version, pods.metadata.continue_token) == (7, "next")


def test_the_body_of_an_error_response_gives_its_status() -> None:
    body = encode_object("Status", encode_message("Status", STATUS))
    assert decode_status(body) == Status(410, "Expired", "too old")
    assert decode_status(encode_object("Status", b"")) == Status()


@pytest.mark.parametrize("body", [b"", b"404 page not found\n", b"k8s\0", b"k8s\0\xff", encode_object("Pod", b"")])
def test_an_error_body_that_is_not_a_status_gives_an_empty_status(body: bytes) -> None:
    assert decode_status(body) == Status()


def raw_event(event: bytes, raw: bytes) -> bytes:
    body = b"\x0a" + bytes([len(raw)]) + raw
    return encode_frame(b"\x0a" + bytes([len(event)]) + event + b"\x12" + bytes([len(body)]) + body)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (b"\0\0", "an incomplete frame"),
        (encode_frame(b"abc")[:-1], "an incomplete frame"),
        (encode_frame(b""), "a watch event of the unknown type b''"),
        (encode_frame(b"\xff" * 20), "Error parsing message"),
        (encode_event("HELLO", "Pod", message()), "a watch event of the unknown type b'HELLO'"),
        (raw_event(b"ADDED", b"{}"), r"b'\{\}' instead of the prefix b'k8s"),
        (raw_event(b"ADDED", b"k8s\0\xff"), "Error parsing message"),
        (raw_event(b"ADDED", b"k8s\0"), "' ' instead of 'v1 Pod'"),
        (encode_event("ADDED", "Status", b""), "'v1 Status' instead of 'v1 Pod'"),
        (encode_event("ADDED", "Table\nx", b""), "instead of 'v1 Pod'"),
        (encode_event("BOOKMARK", "Status", b""), "'v1 Status' instead of 'v1 Pod'"),
        (encode_event("ERROR", "Pod", b""), "'v1 Pod' instead of 'v1 Status'"),
        (encode_event("BOOKMARK", "Pod", b""), "without a resourceVersion"),
        (
            encode_event("BOOKMARK", "Pod", encode_message("Pod", {"metadata": {"resourceVersion": "0"}})),
            "resourceVersion of 0",
        ),
        (encode_event("ADDED", "Pod", b""), "a pod without a UID or a name"),
    ],
)
def test_anything_but_a_watch_event_is_an_error_of_one_line(frames: bytes, reason: str) -> None:
    with pytest.raises(DECODE_ERRORS, match=reason) as caught:
        decode_events(frames)
    assert len(str(caught.value).splitlines()) == 1


@given(
    st.binary(max_size=200).map(encode_frame) | st.binary(max_size=200).map(lambda raw: raw_event(b"ADDED", raw[:99]))
)
def test_no_bytes_raise_another_exception(frames: bytes) -> None:
    for decode in (decode_events, decode_list, decode_status):
        with contextlib.suppress(*DECODE_ERRORS):
            decode(frames)


STREAM = b"".join(encode_frame(b"x" * size) for size in (0, 1, 5, 300))


@given(parts=cuts(STREAM))
async def test_frames_are_whole_and_in_order_wherever_the_stream_is_cut(parts: list[bytes]) -> None:
    reads = [bytes(frames) async for frames in read_frames(Content(parts))]
    assert b"".join(reads) == STREAM
    ends = {4, 9, 18, 322}
    begin = 0
    for read in reads:
        begin += len(read)
        assert begin in ends


@given(cut=st.integers(1, 303), parts=st.integers(1, 20))
async def test_a_frame_without_its_end_is_an_outage_and_not_used(cut: int, parts: int) -> None:
    body = STREAM[:-cut]
    frames = read_frames(Content([body[at : at + parts] for at in range(0, len(body), parts)]))
    read = b""
    while len(read) < 18:
        read += await anext(frames)
    assert read == STREAM[:18]
    with pytest.raises(Unreachable, match="in the middle of a watch event"):
        await anext(frames)


@pytest.mark.parametrize(
    "parts", [[b"\0\0\0\x0b"], [b"\0", b"\0\0", b"\x0b"], [b"\0\0\0\x0a1234567890\0\0", b"\0\x0b"]]
)
async def test_a_frame_above_the_limit_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, parts: list[bytes]
) -> None:
    monkeypatch.setattr("pod_index.informer.protobuf_wire.FRAME_LIMIT", 10)
    with pytest.raises(InconsistentResponse, match="a watch event of more than 10 bytes"):
        [frames async for frames in read_frames(Content(parts))]


async def test_a_large_read_comes_in_parts_that_are_decoded_quickly() -> None:
    event = encode_event("ADDED", "Pod", message())
    parts = [bytes(part) async for part in read_frames(Content([event * 5000]))]
    assert b"".join(parts) == event * 5000
    assert max(map(len, parts)) < SLICE_BYTES + len(event)

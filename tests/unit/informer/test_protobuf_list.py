"""Lists of pods in protobuf, decoded as they arrive."""

import contextlib
import tracemalloc
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from pod_index.informer.protobuf_list import ListDecoder
from pod_index.pods import Pod
from tests.apiserver import make_pod, realistic_pod
from tests.apiserver.protobuf import encode_list, encode_message, encode_object
from tests.unit.informer.streams import cuts


def message(name: str, **metadata: Any) -> bytes:
    pod = make_pod(name)
    return encode_message("Pod", pod | {"metadata": pod["metadata"] | {"uid": name, "resourceVersion": "1"} | metadata})


NAMES = ["a", "b", "c", "d"]
METADATA = {"resourceVersion": "7", "continue": "next", "remainingItemCount": 300}
BODY = encode_list(METADATA, [message(name) for name in NAMES])


def names(pods: list[Pod]) -> list[str]:
    return [pod.metadata.name for pod in pods]


def decode(*parts: bytes) -> ListDecoder:
    decoder = ListDecoder()
    for part in parts:
        decoder.feed(part)
    decoder.finish()
    return decoder


@given(parts=cuts(BODY))
def test_a_list_is_the_same_wherever_it_is_cut(parts: list[bytes]) -> None:
    decoder = ListDecoder()
    pods = [pod for part in parts for pod in decoder.feed(part)]
    assert names(pods) == NAMES
    metadata = decoder.finish()
    assert (metadata.resource_version, metadata.continue_token) == (7, "next")


def test_a_pod_is_returned_as_soon_as_it_is_complete() -> None:
    decoder = ListDecoder()
    returned = [(names(decoder.feed(BODY[at : at + 1])), at) for at in range(len(BODY))]
    found = [(pods, at) for pods, at in returned if pods]
    assert [pods for pods, _ in found] == [[name] for name in NAMES]
    assert found[0][1] < len(BODY) / 2


# The last four bytes are fields of the envelope that are empty.
@given(cut=st.integers(0, len(BODY) - 5))
def test_a_list_without_its_end_is_an_error(cut: int) -> None:
    with pytest.raises(DecodeError):
        decode(BODY[:cut])


def test_an_empty_list_has_metadata() -> None:
    decoder = ListDecoder()
    assert decoder.feed(encode_list({"resourceVersion": "7"}, [])) == []
    metadata = decoder.finish()
    assert (metadata.resource_version, metadata.continue_token) == (7, None)


def test_the_metadata_may_come_last() -> None:
    metadata = encode_message("ListMeta", METADATA)
    pod = message("a")
    items = b"\x12" + bytes([len(pod) & 0x7F | 0x80, len(pod) >> 7]) + pod
    decoder = ListDecoder()
    assert names(decoder.feed(encode_object("PodList", items + b"\x0a" + bytes([len(metadata)]) + metadata))) == ["a"]
    assert decoder.finish().resource_version == 7


def test_unknown_fields_of_every_type_are_skipped() -> None:
    unknown = b"\xf8\x07\x01" + b"\xf9\x07" + b"\0" * 8 + b"\xfa\x07\x02ab" + b"\xfd\x07" + b"\0" * 4
    metadata = encode_message("ListMeta", METADATA)
    content = unknown + b"\x0a" + bytes([len(metadata)]) + metadata + unknown
    for size in (1, 3, 1000):
        body = encode_object("PodList", content) + unknown
        assert decode(*(body[at : at + size] for at in range(0, len(body), size))).finish().resource_version == 7


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "a list without metadata"),
        (b"{}", "the list is incomplete"),
        (b'{"kind":"PodList"}', "instead of the prefix"),
        (b"<html>", "instead of the prefix"),
        (encode_object("Status", b""), "'v1 Status' instead of 'v1 PodList'"),
        (encode_object("PodList", b""), "a list without metadata"),
        (b"k8s\0" + b"\x12\x00", "the type of the list is missing"),
        (b"k8s\0" + b"\xff" * 11, "a varint of more than 10 bytes"),
        (b"k8s\0" + b"\x0b", "invalid wire type 3"),
        (encode_object("PodList", b"\x12\x05a"), "a pod exceeds the end of its list"),
        (encode_object("PodList", b"\x12\x02\x0a\x05"), "Error parsing message"),
        (encode_list({}, []), "an object without a resourceVersion"),
        (encode_list({"resourceVersion": "0"}, []), "a resourceVersion of 0"),
    ],
)
def test_anything_but_a_list_is_an_error_of_one_line(body: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        decode(body)
    assert len(str(caught.value).splitlines()) == 1


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: BODY[:-30] + rest))
def test_no_bytes_raise_another_exception(body: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode(body)


def test_a_pod_above_the_limit_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_index.informer.protobuf_list.FRAME_LIMIT", 1000)
    body = encode_list(METADATA, [message("a", annotations={"large": "x" * 1000})])
    with pytest.raises(DecodeError, match="a pod of more than 1000 bytes"):
        ListDecoder().feed(body[:200])


def test_the_memory_for_a_list_is_that_of_a_chunk() -> None:
    pods = [realistic_pod(number) for number in range(20)]
    for pod in pods:
        pod["metadata"]["resourceVersion"] = "1"
    body = encode_list(METADATA, [encode_message("Pod", pod) for pod in pods] * 50)
    decoder = ListDecoder()
    count = 0
    tracemalloc.start()
    try:
        for begin in range(0, len(body), 65536):
            count += len(decoder.feed(memoryview(body)[begin : begin + 65536]))
        assert tracemalloc.get_traced_memory()[1] < len(body) / 10
    finally:
        tracemalloc.stop()
    assert count == 1000


def test_a_pod_of_many_reads_is_copied_a_few_times_only() -> None:
    large = message("a", annotations={"large": "x" * 2_000_000})
    body = encode_list(METADATA, [large])
    decode(*(body[at : at + 100] for at in range(0, len(body), 100)))

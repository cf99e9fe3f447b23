"""The API server's JSON as pods and events, wherever the connection cuts it."""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.informer.errors import InconsistentResponse, Unreachable
from pod_index.informer.json_wire import (
    DECODE_ERRORS,
    FRAME_LIMIT,
    Added,
    Bookmark,
    Deleted,
    Error,
    Modified,
    decode_events,
    decode_list,
    decode_status,
    read_frames,
)
from pod_index.store.packed_parts import PackedPod


def pod_json() -> dict[str, Any]:
    return {
        "metadata": {"name": "web-0", "uid": "1234abcd-5678-90ef-aaaa-bbbbccccdddd", "resourceVersion": "41"},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Running", "podIP": "10.244.1.5", "podIPs": [{"ip": "10.244.1.5"}]},
    }


def decoded(pod: dict[str, Any]) -> PackedPod:
    (event,) = decode_events(json.dumps({"type": "ADDED", "object": pod}).encode())
    assert isinstance(event, Added)
    assert isinstance(event.object, PackedPod)
    return event.object


STATUSES = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]


@pytest.mark.parametrize("field", STATUSES)
def test_container_ids_are_read_from_each_list_of_statuses_and_from_before_a_restart(field: str) -> None:
    pod = pod_json()
    pod["status"][field] = [
        {
            "name": "web",
            "containerID": "containerd://new",
            "state": {"terminated": {"exitCode": 0, "containerID": "containerd://other"}},
            "lastState": {"terminated": {"exitCode": 1, "containerID": "containerd://old"}},
        }
    ]
    assert decoded(pod).container_ids == ["containerd://new", "containerd://old"]


@pytest.mark.parametrize("last_state", [{}, None, {"terminated": None}, {"running": {}}, {"waiting": {}}, "omitted"])
def test_a_container_that_was_not_restarted_has_no_previous_id(last_state: object) -> None:
    pod = pod_json()
    status = {"name": "web", "state": {"waiting": {"reason": "ContainerCreating"}}}
    pod["status"]["containerStatuses"] = [status if last_state == "omitted" else status | {"lastState": last_state}]
    assert decoded(pod).container_ids == []


@pytest.mark.parametrize("absent", [None, [], "omitted"])
def test_a_pod_without_a_kubelet_has_no_statuses_ips_or_start(absent: object) -> None:
    pod = pod_json()
    pod["status"] = {"phase": "Pending"}
    if absent != "omitted":
        pod["status"] |= dict.fromkeys([*STATUSES, "podIPs"], absent) | {"startTime": None, "podIP": None}
    read = decoded(pod)
    assert not any([read.container_ids, read.status.pod_ips, read.status.start_time, read.status.pod_ip])


def test_ips_start_time_and_host_network_are_read() -> None:
    pod = pod_json()
    pod["spec"]["hostNetwork"] = True
    pod["status"] |= {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "startTime": "2024-01-01T00:00:01Z"}
    read = decoded(pod)
    assert [ip.ip for ip in read.status.pod_ips or ()] == ["10.0.0.1", "fd00::1"]
    assert (read.status.start_time, read.spec.host_network) == ("2024-01-01T00:00:01Z", True)
    assert not decoded(pod_json()).spec.host_network


def test_the_resource_version_is_read_as_an_integer() -> None:
    (event,) = decode_events(json.dumps({"type": "ADDED", "object": pod_json()}).encode())
    assert isinstance(event, Added)
    assert event.object.metadata.resource_version == 41


@pytest.mark.parametrize("event_class", [Added, Modified, Deleted])
def test_the_type_of_an_event_is_that_on_the_wire(event_class: type[Added | Modified | Deleted]) -> None:
    (event,) = decode_events(json.dumps({"type": event_class.type, "object": pod_json()}).encode())
    assert isinstance(event, event_class)
    assert (event.type, event_class.__struct_config__.tag) == (event_class.type, event_class.type)


def test_a_bookmark_can_end_the_initial_events() -> None:
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
def test_anything_but_a_watch_event_is_an_error(line: bytes) -> None:
    with pytest.raises(DECODE_ERRORS):
        decode_events(line)


@pytest.mark.parametrize("decode", [decode_events, decode_list])
def test_json_that_is_nested_too_deeply_is_an_error(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(DECODE_ERRORS):
        decode(b'{"metadata":' + b'{"x":[' * 200_000)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_raise_another_exception(line: bytes) -> None:
    for decode in (decode_events, decode_list):
        with contextlib.suppress(*DECODE_ERRORS):
            decode(line)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b"\xff", b"[" * 200_000])
def test_an_error_body_that_is_not_a_status_gives_an_empty_status(body: bytes) -> None:
    assert decode_status(body).message is None


class Content:
    """The body of a response, in the parts in which it is received."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    async def iter_any(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream of lines, whole and in parts."""
    lines = draw(st.lists(st.binary(min_size=1, max_size=6).map(lambda line: line.replace(b"\n", b" ") + b"\n")))
    stream = b"".join(lines)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(stream) - 1)))))
    parts = [stream[begin:end] for begin, end in pairwise([0, *cuts, len(stream)])]
    return stream, [part for part in parts if part]


@given(cut=cut_streams())
async def test_frames_are_whole_and_in_order_wherever_the_stream_is_cut(cut: tuple[bytes, list[bytes]]) -> None:
    stream, parts = cut
    reads = [bytes(lines) async for lines in read_frames(Content(parts))]
    assert b"".join(reads) == stream
    assert all(read.endswith(b"\n") for read in reads)


@given(cut=cut_streams(), rest=st.binary(min_size=1, max_size=6).map(lambda rest: rest.replace(b"\n", b" ")))
async def test_a_frame_without_its_end_is_an_outage_and_not_used(cut: tuple[bytes, list[bytes]], rest: bytes) -> None:
    stream, parts = cut
    lines = read_frames(Content([*parts, rest]))
    read = b""
    while len(read) < len(stream):
        read += await anext(lines)
    assert read == stream
    with pytest.raises(Unreachable, match="in the middle of a line"):
        await anext(lines)


async def test_a_frame_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_index.informer.json_wire.FRAME_LIMIT", 10)
    with pytest.raises(InconsistentResponse, match="a watch event of more than 10 bytes"):
        await anext(read_frames(Content([b"x" * 6, b"x" * 6])))


async def test_a_line_without_end_is_not_copied_at_each_read() -> None:
    part = b"x" * 1000
    started = time.process_time()
    with pytest.raises(InconsistentResponse):
        await anext(read_frames(Content([part] * (FRAME_LIMIT // len(part) + 2))))
    assert time.process_time() - started < 2, "copies would take 200 GB"


@pytest.mark.parametrize("version", ["0", "", "-3", "x", "9" * 5000])
def test_a_bookmark_without_a_usable_version_is_an_error(version: str) -> None:
    line = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": version}}}
    with pytest.raises(DECODE_ERRORS):
        decode_events(json.dumps(line).encode())

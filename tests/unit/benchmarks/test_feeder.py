"""The feeder of the benchmarks sends what an API server sends."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pod_index.informer.json_wire import Bookmark, Error, Modified, WatchEvent, decode_events
from pod_index.pods import encode_record
from tests.apiserver import ApiServer, realistic_pod
from tests.benchmarks.feeder import Feeder
from tests.benchmarks.podbytes import PodBytes, marker_of
from tests.benchmarks.readers import STREAMING

PODS = 7


@pytest.fixture
def feeder() -> Feeder:
    """A new feeder, whose first watch is that of the test."""
    return Feeder(PodBytes(PODS))


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(anonymous=True) as server:
        server.pods.load(realistic_pod(number) for number in range(PODS))
        yield server


def comparable(pod: dict[str, Any]) -> dict[str, Any]:
    """Return a pod without the fields that differ between servers."""
    metadata = pod["metadata"]
    metadata.pop("resourceVersion")
    metadata["annotations"].pop("benchmark/marker", None)
    return pod


def listed(url: str, limit: int) -> list[dict[str, Any]]:
    """Return the pages of a list."""
    pages = [httpx.get(f"{url}/api/v1/pods?limit={limit}").json()]
    while token := pages[-1]["metadata"].get("continue"):
        pages.append(httpx.get(f"{url}/api/v1/pods", params={"limit": limit, "continue": token}).json())
    return pages


def streamed(url: str) -> list[dict[str, Any]]:
    """Return the initial events of a streaming list, with the bookmark that ends them."""
    events: list[dict[str, Any]] = []
    with httpx.stream("GET", url + STREAMING) as response:
        for line in response.iter_lines():
            events.append(json.loads(line))
            if events[-1]["type"] == "BOOKMARK":
                return events
    raise AssertionError("the initial events have no end")


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_its_pages_equal_those_of_the_small_api_server(feeder: Feeder, server: ApiServer, limit: int) -> None:
    ours, theirs = listed(f"http://127.0.0.1:{feeder.port}", limit), listed(server.url, limit)
    assert [len(page["items"]) for page in ours] == [len(page["items"]) for page in theirs]
    assert {page["kind"] for page in ours} == {"PodList"}
    assert len({page["metadata"]["resourceVersion"] for page in ours}) == 1

    def items(pages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {pod["metadata"]["uid"]: comparable(pod) for page in pages for pod in page["items"]}

    assert items(ours) == items(theirs)


def test_its_streaming_list_equals_that_of_the_small_api_server(feeder: Feeder, server: ApiServer) -> None:
    ours, theirs = streamed(f"http://127.0.0.1:{feeder.port}"), streamed(server.url)

    def pods(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {event["object"]["metadata"]["uid"]: comparable(event["object"]) for event in events}

    end, their_end = ours.pop(), theirs.pop()
    assert {event["type"] for event in ours} == {"ADDED"}
    assert pods(ours) == pods(theirs)
    end["object"]["metadata"].pop("resourceVersion")
    their_end["object"]["metadata"].pop("resourceVersion")
    assert end == their_end


def test_a_change_is_an_event_and_its_version_is_in_the_record(feeder: Feeder) -> None:
    with httpx.stream("GET", f"http://127.0.0.1:{feeder.port}{STREAMING}") as response:
        lines = response.iter_lines()
        while not isinstance(decode_events(next(lines).encode())[0], Bookmark):
            pass
        feeder.await_watch(0)
        ((_, uid, version),) = feeder.prepare(1, 1)["changes"]
        assert len(feeder.send()["times"]) == 1
        (event,) = decode_events(next(lines).encode())
        assert isinstance(event, Modified)
        assert event.object.metadata.uid == uid
        assert event.object.metadata.resource_version == version
        assert marker_of(encode_record(event.object)) == version
        feeder.expire()
        error = json.loads(next(lines))
        assert (error["type"], error["object"]["code"]) == ("ERROR", 410)
        assert list(lines) == [], "the stream does not end regularly"
    with pytest.raises(RuntimeError, match="there is no watch"):
        feeder.end()


def test_churned_pods_are_created_with_a_large_annotation_and_deleted(feeder: Feeder) -> None:
    with httpx.stream("GET", f"http://127.0.0.1:{feeder.port}{STREAMING}") as response:
        lines = response.iter_lines()
        while json.loads(next(lines))["type"] != "BOOKMARK":
            pass
        feeder.await_watch(0)
        feeder.churn(2, 1000, 1000)
        events = [json.loads(next(lines)) for _ in range(4)]
    assert [event["type"] for event in events] == ["ADDED", "DELETED"] * 2
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    uids = [event["object"]["metadata"]["uid"] for event in events]
    assert uids[0] == uids[1] != uids[2] == uids[3]
    assert all(len(event["object"]["metadata"]["annotations"]["benchmark/large"]) == 1000 for event in events)


def test_bookmarks_between_changes_are_never_ahead_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmarks.feeder.BOOKMARK_SECONDS", 0.0005)
    feeder = Feeder(PodBytes(PODS))
    changes = 500
    with httpx.stream("GET", f"http://127.0.0.1:{feeder.port}{STREAMING}") as response:
        lines = response.iter_lines()
        while not isinstance(decode_events(next(lines).encode())[0], Bookmark):
            pass
        feeder.await_watch(0)
        feeder.prepare(changes, 1)
        sender = threading.Thread(target=feeder.send, kwargs={"rate": 2000, "start": time.monotonic()})
        sender.start()
        events: list[WatchEvent] = []
        while sum(isinstance(event, Modified) for event in events) < changes:
            (event,) = decode_events(next(lines).encode())
            assert not isinstance(event, Error)
            events.append(event)
        sender.join()
    versions = [event.object.metadata.resource_version for event in events]
    assert versions == sorted(versions)
    assert any(isinstance(event, Bookmark) for event in events)

"""How a listing ends, and when it goes on in another way."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pod_index.informer import json_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import IncompleteListing, InconsistentResponse, PageTooLarge
from pod_index.informer.listings import PAGE_SIZE, Chunk, list_in_pages, list_streaming, list_whole
from pod_index.informer.listwatch import ListWatch
from tests.apiserver import END, ApiServer, Fault, make_pod
from tests.support.churn import Churn
from tests.support.polling import DEADLINE_SECONDS


@pytest.fixture
def pods(client: ApiClient) -> ListWatch:
    return ListWatch(client, "", idle_seconds=5)


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        yield


async def names(chunks: Any) -> list[str]:
    """The names in all chunks of a listing."""
    return [pod.metadata.name async for chunk in chunks if isinstance(chunk, Chunk) for pod in chunk.pods]


def page(*pods: dict[str, Any], token: str = "", version: str = "9") -> bytes:
    return json.dumps({"metadata": {"resourceVersion": version, "continue": token}, "items": pods}).encode()


async def test_a_streaming_list_that_the_server_ends_is_incomplete(pods: ListWatch, server: ApiServer) -> None:
    server.pods.load([make_pod("a"), make_pod("b"), make_pod("c")])
    server.faults.add(Fault(kind="watch", watch=END, after_events=2))
    with pytest.raises(IncompleteListing, match="ended the streaming list before all pods were sent"):
        await names(list_streaming(pods, 10))


async def test_a_streaming_list_whose_end_does_not_come_is_incomplete_in_spite_of_changes(
    pods: ListWatch, server: ApiServer
) -> None:
    server.faults.add(Fault(kind="watch", withhold_end=True))
    with Churn(server.pods), pytest.raises(IncompleteListing, match=r"within 0.5 s \(STREAMING_LIST_SECONDS\)"):
        await names(list_streaming(pods, 0.5))


async def test_the_bound_is_for_the_initial_state_only(pods: ListWatch, server: ApiServer) -> None:
    server.pods.create(make_pod("a"))
    stream = list_streaming(pods, 1.5)
    first = await anext(stream)
    assert isinstance(first, Chunk)
    assert first.complete
    await asyncio.sleep(1.6)
    server.pods.create(make_pod("b"))
    kinds: list[type] = []
    while json_wire.Added not in kinds:
        events = await anext(stream)
        assert isinstance(events, list)
        kinds += [type(event) for event in events]
    assert set(kinds) <= {json_wire.Added, json_wire.Bookmark}
    await stream.aclose()


async def test_the_request_for_a_streaming_list_asks_for_more_time_than_its_bound(
    pods: ListWatch, server: ApiServer
) -> None:
    stream = list_streaming(pods, 1000)
    await anext(stream)
    await stream.aclose()
    assert int(server.requests[0].query["timeoutSeconds"]) >= 1300


async def test_a_page_that_is_too_large_is_requested_with_fewer_pods(
    pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [f"web-{number:02}" for number in range(40)]
    server.pods.load(make_pod(name, annotations={"large": name * 2_000}) for name in wanted)
    monkeypatch.setattr("pod_index.informer.listwatch.PAGE_LIMIT", 100_000)
    assert await names(list_in_pages(pods)) == wanted
    assert [request.query["limit"] for request in server.requests[:3]] == ["50", "12", "3"]


async def test_a_pod_that_is_larger_than_a_page_is_requested_alone(
    pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [f"web-{number}" for number in range(3)]
    server.pods.load(make_pod(name, annotations={"large": name * 4_000}) for name in wanted)
    monkeypatch.setattr("pod_index.informer.listwatch.PAGE_LIMIT", 10_000)
    assert await names(list_in_pages(pods)) == wanted


@pytest.mark.parametrize("size", [100_001, 3_000_000])
async def test_a_page_without_end_is_refused_in_little_memory(
    size: int, pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_index.informer.listwatch.PAGE_LIMIT", 100_000)
    monkeypatch.setattr("pod_index.informer.json_wire.FRAME_LIMIT", 100_000)
    server.faults.add(Fault(kind="list", body=b" " * size))
    buffer = bytearray()
    with pytest.raises(PageTooLarge, match="more than 100000 bytes for 10 pods"):
        await pods.list_page(10, buffer=buffer)
    assert len(buffer) <= 100_000
    with pytest.raises(PageTooLarge, match="for 1 pods"):
        await names(list_in_pages(pods))


async def test_a_list_that_sends_the_same_page_again_is_inconsistent(pods: ListWatch, server: ApiServer) -> None:
    server.faults.add(Fault(kind="list", body=page(token="again")))
    with pytest.raises(InconsistentResponse, match="the same page of the list again"):
        await names(list_in_pages(pods))
    assert len(server.requests) == 2


@pytest.mark.slow
async def test_empty_pages_in_a_row_are_requested_ever_more_slowly(pods: ListWatch, server: ApiServer) -> None:
    for number in range(3):
        server.faults.add(Fault(kind="list", body=page(token=f"page-{number}"), times=1))
    server.faults.add(Fault(kind="list", body=page(), times=1))
    assert await names(list_in_pages(pods)) == []
    times = [request.time for request in server.requests]
    assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize("version", ["0", "", "-3", "x", "9" * 5000])
async def test_a_list_without_a_usable_version_is_inconsistent(
    version: str, pods: ListWatch, server: ApiServer
) -> None:
    server.faults.add(Fault(kind="list", body=page(version=version)))
    with pytest.raises(InconsistentResponse, match="an invalid list of pods"):
        await pods.list_page(10)


async def test_a_page_that_trickles_is_given_up(
    pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_index.informer.listwatch.PAGE_SECONDS", 0.3)
    server.faults.add(Fault(kind="list", stall=True))
    with pytest.raises(Exception, match=r"did not complete a page of the list within 0.3 s"):
        await pods.list_page(10)


async def test_a_whole_list_comes_in_chunks_and_the_last_one_has_the_version(
    pods: ListWatch, server: ApiServer
) -> None:
    wanted = [f"web-{number:04}" for number in range(3 * PAGE_SIZE)]
    server.pods.load(map(make_pod, wanted))
    chunks = [chunk async for chunk in list_whole(pods, server.pods.resource_version, 10, from_cache=True)]
    assert [pod.metadata.name for chunk in chunks for pod in chunk.pods] == wanted
    assert all(len(chunk.pods) <= PAGE_SIZE for chunk in chunks)
    assert [chunk.complete for chunk in chunks] == [*[False] * (len(chunks) - 1), True]
    assert chunks[-1].version == server.pods.resource_version


async def test_a_whole_list_of_large_pods_comes_in_chunks_of_bounded_size(
    pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_index.informer.listings.PAGE_BYTES", 1_000_000)
    server.pods.load(make_pod(f"web-{number}", annotations={"large": "x" * 200_000}) for number in range(20))
    chunks = [len(chunk.pods) async for chunk in list_whole(pods, 1, 10, from_cache=False)]
    assert sum(chunks) == 20
    assert max(chunks) <= 6


@pytest.mark.parametrize("mode", ["pages", "whole", "streaming"])
async def test_pods_with_many_small_annotations_come_in_chunks_of_bounded_memory(
    mode: str, pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_index.informer.listings.PAGE_BYTES", 1_000_000)
    monkeypatch.setattr("pod_index.informer.listings.FIRST_PAGE_SIZE", 2)
    small = {f"{number:04}": "" for number in range(2_000)}
    server.pods.load(make_pod(f"web-{number}", annotations=small) for number in range(20))
    parts = {
        "pages": list_in_pages(pods),
        "whole": list_whole(pods, 1, 10, from_cache=False),
        "streaming": list_streaming(pods, 10),
    }[mode]
    chunks = []
    async for chunk in parts:
        assert isinstance(chunk, Chunk)
        chunks.append(len(chunk.pods))
        if chunk.complete:
            break
    assert sum(chunks) == 20
    assert max(chunks) <= 8


async def test_a_whole_list_without_pods_is_one_chunk(pods: ListWatch, server: ApiServer) -> None:
    (chunk,) = [chunk async for chunk in list_whole(pods, 1, 10, from_cache=False)]
    assert chunk.complete
    assert chunk.pods == []


async def test_a_whole_list_that_trickles_is_given_up(pods: ListWatch, server: ApiServer) -> None:
    server.faults.add(Fault(kind="list", stall=True))
    with pytest.raises(IncompleteListing, match=r"did not complete the list within 0.3 s \(STREAMING_LIST_SECONDS\)"):
        await names(list_whole(pods, 1, 0.3, from_cache=True))

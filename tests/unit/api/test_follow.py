"""Streams of pods over HTTP."""

import asyncio
import base64
import json

import pytest

import pod_index.api.watches
from pod_index.pods import encode_record
from pod_index.settings import Settings
from pod_index.store.deltas import ListPage, Progress
from pod_index.store.index import PodIndex
from tests.support.connections import get
from tests.support.served import change, example_pod, listing, replace_page, simple_pod, synced_index
from tests.support.watching import watched

QUICK = Settings(watch_heartbeat_seconds=0.1)


async def test_a_stream_begins_with_all_pods_and_goes_on_with_changes() -> None:
    index = synced_index(example_pod())
    async with watched(index) as server, server.stream("node=node-1") as stream:
        assert stream.response.headers["content-type"] == "application/x-ndjson"
        assert stream.response.headers["age"] == "0"
        assert await stream.next() == {"type": "ADDED", "object": json.loads(encode_record(example_pod()))}
        bookmark = await stream.next()
        assert bookmark is not None
        assert list(bookmark) == ["type", "resume", "initialEventsEnd", "age"]
        assert (bookmark["initialEventsEnd"], bookmark["age"]) == (True, 0.4)
        index.update(change(simple_pod("b", 1_001)))
        assert await stream.until_bookmark() == [("ADDED", "b")]
        assert "initialEventsEnd" not in stream.bookmark
        index.update(change(simple_pod("b", 1_002, name="other")))
        assert await stream.until_bookmark() == [("MODIFIED", "b")]
        index.delete(change(simple_pod("b", 1_003, name="other")))
        assert await stream.next() == {
            "type": "DELETED",
            "object": {"uid": "b", "name": "other", "namespace": "default", "nodeName": "node-1"},
        }


async def test_an_empty_view_has_its_bookmark_at_once() -> None:
    async with watched(synced_index()) as server, server.stream() as stream:
        assert await stream.until_bookmark() == []
        assert stream.bookmark["initialEventsEnd"]


async def test_a_stream_asks_nginx_not_to_buffer_it() -> None:
    async with watched(synced_index()) as server, server.stream() as stream:
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert "x-accel-buffering" not in (await server.get("all=true")).headers


async def test_a_stream_ends_when_the_client_closes_its_side() -> None:
    async with watched(synced_index()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(get("/api/v1/pods?watch=true&all=true"))
        await reader.readuntil(b"BOOKMARK")
        writer.write_eof()
        await reader.read()
        await server.watches(0)
        writer.close()


async def test_a_pod_that_is_bound_to_the_node_appears_in_its_stream() -> None:
    index = synced_index()
    async with watched(index) as server, server.stream("node=n") as stream:
        await stream.until_bookmark()
        index.update(change(simple_pod("a", 1_001, node="")))
        index.update(change(simple_pod("b", 1_002, node="n2")))
        index.update(change(simple_pod("a", 1_003, node="n")))
        assert await stream.until_bookmark() == [("ADDED", "a")]


async def test_a_resumed_stream_has_what_has_changed_since() -> None:
    index = synced_index(simple_pod("a", 1), simple_pod("b", 2), simple_pod("c", 3))
    async with watched(index) as server:
        async with server.stream() as stream:
            await stream.until_bookmark()
        index.delete(change(simple_pod("b", 1_001)))
        index.update(change(simple_pod("c", 1_002, name="other")))
        async with server.stream(stream.resuming()) as resumed:
            assert await resumed.until_bookmark() == [("DELETED", "b"), ("ADDED", "c")]
            assert "initialEventsEnd" not in resumed.bookmark
        assert server.stats.watches_resumed == 1


async def test_a_replica_that_has_started_since_refuses_the_token_unless_nothing_can_be_missed() -> None:
    index = synced_index(simple_pod("a", 1), simple_pod("b", 2))
    async with watched(index) as server, server.stream() as stream:
        await stream.until_bookmark()
    same = synced_index(simple_pod("a", 1), simple_pod("b", 2))
    async with watched(same) as server, server.stream(stream.resuming()) as resumed:
        assert await resumed.until_bookmark() == []
    later = PodIndex()
    replace_page(later, listing(simple_pod("a", 1), at=1_001))
    async with watched(later) as server:
        answer = await server.get(f"watch=true&{stream.resuming()}")
        assert answer.status_code == 410
        assert answer.json() == {"error": "the resume token is too old: begin without resume"}
        assert server.stats.watches_expired == 1


NESTED = base64.urlsafe_b64encode(b"\x94\xc4\x04view\xa0\x80" + 3_000 * b"\x91" + b"\xc0").decode()
"""A token with a further field: arrays in arrays."""


@pytest.mark.parametrize("token", ["nonsense", "!!!!", "A" * 200, "%ff", NESTED])
async def test_an_invalid_token_is_answered_like_an_old_one(token: str) -> None:
    async with watched(synced_index()) as server:
        answer = await server.get(f"watch=true&all=true&resume={token}")
        assert (answer.status_code, answer.json()["error"]) == (
            410,
            "the resume token is invalid: begin without resume",
        )


async def test_a_token_of_another_view_is_refused() -> None:
    async with watched(synced_index()) as server, server.stream("node=a") as stream:
        await stream.until_bookmark()
        answer = await server.get(f"watch=true&{stream.resuming('node=b')}")
        assert answer.status_code == 410


async def test_a_replica_that_is_behind_sends_nothing_until_it_has_caught_up() -> None:
    ahead, behind = synced_index(simple_pod("a", 1)), synced_index(simple_pod("a", 1))
    ahead.update(change(simple_pod("a", 1_001, name="new")))
    async with watched(ahead) as server, server.stream() as stream:
        await stream.until_bookmark()
    async with watched(behind, QUICK) as server, server.stream(stream.resuming()) as resumed:
        async with server.stream() as other:  # Its heartbeats show that time passes.
            for _ in range(4):
                await other.until_bookmark()
        behind.update(change(simple_pod("a", 1_001, name="new")))
        behind.update(change(simple_pod("b", 1_002)))
        assert await resumed.until_bookmark() == [("ADDED", "b")]


async def test_a_replica_that_stays_behind_ends_the_stream_as_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_index.api.watches, "BEHIND_SECONDS", 0.1)
    ahead, behind = synced_index(), synced_index()
    ahead.advance(Progress(scope="", version=1_001))
    async with watched(ahead) as server, server.stream() as stream:
        await stream.until_bookmark()
    async with watched(behind, QUICK) as server, server.stream(stream.resuming()) as resumed:
        (error,) = await resumed.rest()
        assert error == {"type": "ERROR", "error": "the version of the resume token was not reached", "code": 410}


async def test_a_history_reset_ends_streams_and_their_tokens() -> None:
    index = synced_index(simple_pod("a", 1))
    async with watched(index) as server:
        async with server.stream() as stream:
            await stream.until_bookmark()
            replace_page(index, ListPage(scope="", pods=[], begins=True, history_reset=True, complete_at=2_000))
            (error,) = await stream.rest()
            assert (error["type"], error["code"]) == ("ERROR", 410)
        answer = await server.get(f"watch=true&{stream.resuming()}")
        assert answer.status_code == 410
        assert server.stats.watches_cut["history"] == 1


async def test_a_heartbeat_comes_without_a_change() -> None:
    async with watched(synced_index(), QUICK) as server, server.stream() as stream:
        for _ in range(3):
            assert await stream.until_bookmark() == []


async def test_a_stream_ends_in_good_order_after_its_time() -> None:
    index = synced_index()
    settings = Settings(watch_max_seconds=1, watch_heartbeat_seconds=0.4)
    async with watched(index, settings) as server, server.stream() as stream:
        index.update(change(simple_pod("a", 1_001)))
        *_, last = await stream.rest()
    assert last["type"] == "BOOKMARK"


async def test_the_shutdown_ends_streams_with_a_bookmark_and_refuses_new_ones() -> None:
    async with watched(synced_index()) as server:
        async with server.stream() as stream, server.stream("namespace=a") as other:
            await stream.until_bookmark()
            await other.until_bookmark()
            server.begin_shutdown()
            assert [event["type"] for event in await stream.rest()] == ["BOOKMARK"]
            assert [event["type"] for event in await other.rest()] == ["BOOKMARK"]
        answer = await server.get("watch=true&all=true")
        assert (answer.status_code, answer.json()) == (503, {"error": "shutting down"})
        assert answer.headers["retry-after"] == "1", "another replica has a place"


async def test_more_streams_than_allowed_are_refused_with_a_random_time_to_retry() -> None:
    async with watched(synced_index(), Settings(max_watches=1)) as server:
        async with server.stream() as stream:
            await stream.until_bookmark()
            answers = [await server.get("watch=true&all=true") for _ in range(20)]
            assert {answer.status_code for answer in answers} == {503}
            assert answers[0].json() == {"error": "1 streams are already open"}
            assert len({answer.headers["retry-after"] for answer in answers}) > 1
        await server.watches(0)
        async with server.stream() as stream:
            await stream.until_bookmark()


async def test_a_client_that_is_gone_is_noticed_without_an_event() -> None:
    async with watched(synced_index()) as server:
        async with server.stream() as stream:
            await stream.until_bookmark()
            await server.watches(1)
        await server.watches(0)


async def test_before_the_first_sync_a_stream_is_refused() -> None:
    async with watched(PodIndex()) as server:
        answer = await server.get("watch=true&all=true")
        assert (answer.status_code, answer.json()) == (503, {"error": "cache not synced"})
        assert answer.headers["retry-after"] == "1"


async def test_head_has_the_headers_only() -> None:
    async with watched(synced_index()) as server:
        answer = await server.client.head("/api/v1/pods?watch=true&all=true")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        await server.watches(0)


async def test_the_metrics_count_streams_and_what_they_send() -> None:
    index = synced_index(simple_pod("a", 1))
    async with watched(index) as server:

        async def metrics() -> set[str]:
            text = (await server.client.get("/metrics")).text
            lines = [line.removeprefix("pod_index_client_") for line in text.splitlines() if not line.endswith(" 0.0")]
            return {line for line in lines if line.startswith("watch")}

        async with server.stream() as stream:
            await stream.until_bookmark()
            index.update(change(simple_pod("a", 1_001, annotations={"a": "b"})))
            await stream.until_bookmark()
            index.delete(change(simple_pod("a", 1_002)))
            await stream.until_bookmark()
            assert await metrics() == {
                "watches 1.0",
                'watch_events_total{type="added"} 1.0',
                'watch_events_total{type="modified"} 1.0',
                'watch_events_total{type="deleted"} 1.0',
                'watch_events_total{type="bookmark"} 3.0',
            }
        await server.watches(0)
        async with server.stream(stream.resuming()) as resumed:
            await resumed.until_bookmark()
        await server.watches(0)
        await server.get("watch=true&all=true&resume=nonsense")
        assert {"watches_resumed_total 1.0", "watches_expired_total 1.0"} <= await metrics()
        assert "watches 1.0" not in await metrics()


async def test_other_methods_are_refused() -> None:
    async with watched(synced_index()) as server:
        answer = await server.client.post("/api/v1/pods?watch=true&all=true")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")

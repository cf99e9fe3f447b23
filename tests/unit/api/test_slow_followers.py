"""Streams of pods whose clients read slowly, or not at all."""

import asyncio

from pod_index.pods import Pod
from pod_index.settings import Settings
from pod_index.store.changes import ChangeOrder
from pod_index.store.index import PodIndex
from tests.support.connections import get
from tests.support.served import change, listing, replace_page, simple_pod, synced_index
from tests.support.watching import watched


def large(uid: str, version: int) -> Pod:
    return simple_pod(uid, version, annotations={"version": str(version), "text": "x" * 50_000})


async def test_a_client_that_has_stopped_reading_gets_the_latest_state_once_and_holds_up_nobody() -> None:
    index = synced_index(*(large(f"{number:03}", number) for number in range(100)))
    async with watched(index) as server, server.stream() as slow, server.stream("node=other") as other:
        await other.until_bookmark()
        await server.watches(2)
        for version in range(1_001, 51_001):
            index.update(change(simple_pod(f"{version % 20:03}", version, annotations={"version": str(version)})))
            if version % 1_000 == 0:
                await asyncio.sleep(0)
        index.update(change(simple_pod("other", 60_000, node="other")))
        assert await other.until_bookmark() == [("ADDED", "other")]
        versions, lines = {}, 0
        while (event := await slow.next()) and event["type"] != "BOOKMARK":
            versions[event["object"]["uid"]] = (event["object"].get("annotations") or {}).get("version")
            lines += 1
        assert {uid: versions[uid] for uid in versions if uid < "020"} == {
            f"{version % 20:03}": str(version) for version in range(50_981, 51_001)
        }
        assert len(versions) == 101
        assert lines <= 121


async def test_a_client_that_reads_nothing_is_cut() -> None:
    index = synced_index(*(large(f"{number:03}", number) for number in range(100)))
    async with watched(index, Settings(client_timeout_seconds=0.3)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(get("/api/v1/pods?watch=true&all=true"))
        await server.watches(1)
        await server.watches(0)
        assert server.stats.connections_cut["unread"] == 1
        writer.close()
        del reader


async def test_a_client_that_misses_deletions_is_cut() -> None:
    index = PodIndex(changes=ChangeOrder(deletions_max=2, chunk_size=2))
    replace_page(index, listing(*(large(f"{number:03}", number) for number in range(100))))
    async with watched(index) as server, server.stream() as stream:
        await server.watches(1)
        await stream.next()
        for number in range(90):
            index.delete(change(simple_pod(f"{number:03}", 1_001 + number)))
        *_, last = await stream.rest()
        assert last == {"type": "ERROR", "error": "the stream was read too slowly", "code": 503}
        assert server.stats.watches_cut["slow"] == 1


async def test_the_backlog_is_that_of_the_stream_that_is_behind_most() -> None:
    index = synced_index(*(large(f"{number:03}", number) for number in range(100)))
    async with watched(index) as server, server.stream("node=none") as stream:
        await stream.until_bookmark()
        watches = server.app.state.context.watches
        assert watches.backlog == 0
        async with server.stream() as slow:
            await slow.next()
            assert 0 < watches.backlog <= 100

"""What the feed answers Kopf, without Kopf; and that Kopf behaves as the feed relies on, with Kopf."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import aiohttp
import kopf
import pytest

from pod_index.informer import kopf_settings
from pod_index.informer.client import ApiClient
from pod_index.informer.kopf_session import BACKLOG, KopfSession
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Delta, ListPage
from tests.apiserver import ApiServer, make_pod

WATCH = "https://x/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"


@pytest.fixture
async def feed(client: ApiClient) -> AsyncIterator[KopfSession]:
    feed = KopfSession(client, Settings(retry_max_seconds=0.05), Stats())
    yield feed
    await feed.close()
    assert feed.closed


async def events(feed: KopfSession, path: str = WATCH) -> AsyncGenerator[dict[str, Any]]:
    async with await feed.request("get", path) as answer:
        async for line in answer.content.iter_chunked(1024):
            assert line.endswith(b"\n")
            yield json.loads(line)


def take(feed: KopfSession, event: dict[str, Any]) -> ListPage | Delta:
    with feed.ticket(event) as said:
        return said


async def test_discovery_tells_pods_without_asking_anybody(feed: KopfSession, server: ApiServer) -> None:
    for path in ("/api", "/apis", "/api/v1"):
        answer = await feed.request("GET", f"https://x{path}")
        assert isinstance(await answer.json(), dict)
    assert server.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/v1/namespaces/default/pods/web"),
        ("POST", "/api/v1/namespaces/default/events"),
        ("GET", "/api/v1/namespaces?watch=true"),
        ("GET", "/api/v1/pods"),
        ("DELETE", "/api/v1/pods?watch=true"),
        ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
    ],
)
async def test_nothing_else_can_be_asked(method: str, path: str, feed: KopfSession, server: ApiServer) -> None:
    with pytest.raises(RuntimeError, match=re.escape(f"pod-index only watches pods, and Kopf asks for {method}")):
        await feed.request(method, f"https://x{path}")
    assert server.requests == []


async def test_a_stream_begins_with_pages_then_a_bookmark_then_changes(feed: KopfSession, server: ApiServer) -> None:
    server.pods.create(make_pod("web"))
    async with contextlib.aclosing(events(feed)) as stream:
        begin = take(feed, await anext(stream))
        assert isinstance(begin, ListPage)
        assert (begin.begins, begin.pods) == (True, [])
        page = take(feed, await anext(stream))
        assert isinstance(page, ListPage)
        assert [pod.metadata.name for pod in page.pods] == ["web"]
        assert page.complete_at == server.pods.resource_version
        assert (await anext(stream))["type"] == "BOOKMARK"
        server.pods.create(make_pod("new"))
        event = await anext(stream)
        change = take(feed, event)
        assert (event["type"], change.pod.metadata.name if isinstance(change, Delta) else None) == ("ADDED", "new")


async def test_a_page_waits_until_the_one_before_it_is_handled(feed: KopfSession, server: ApiServer) -> None:
    async with contextlib.aclosing(events(feed)) as stream:
        first = await anext(stream)
        second = asyncio.ensure_future(anext(stream))
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done
        assert server.requests == [], "nothing is read before the beginning is handled"
        take(feed, first)
        take(feed, await second)


async def test_changes_wait_when_too_many_are_unhandled(feed: KopfSession, server: ApiServer) -> None:
    async with contextlib.aclosing(events(feed)) as stream:
        take(feed, await anext(stream))
        take(feed, await anext(stream))
        await anext(stream)
        server.pods.load(make_pod(f"web-{number}") for number in range(BACKLOG + 1))
        unhandled = [await anext(stream) for _ in range(BACKLOG)]
        following = asyncio.ensure_future(anext(stream))
        done, _ = await asyncio.wait([following], timeout=0.2)
        assert not done
        for event in unhandled:
            take(feed, event)
        await following


async def test_a_handler_that_fails_makes_the_stream_end_with_410(feed: KopfSession, server: ApiServer) -> None:
    async with contextlib.aclosing(events(feed)) as stream:
        take(feed, await anext(stream))
        take(feed, await anext(stream))
        await anext(stream)
        server.pods.create(make_pod("lost"))
        event = await anext(stream)
        with pytest.raises(ZeroDivisionError), feed.ticket(event):
            raise ZeroDivisionError
        last = await anext(stream)
        while last["type"] != "ERROR":
            take(feed, last)
            last = await anext(stream)
        assert last["object"]["code"] == 410


async def test_the_lag_of_a_change_is_counted_when_it_has_been_handled(client: ApiClient, server: ApiServer) -> None:
    stats = Stats()
    feed = KopfSession(client, Settings(), stats)
    async with contextlib.aclosing(events(feed)) as stream:
        for _ in range(2):
            take(feed, await anext(stream))
        await anext(stream)
        assert stats.event_lags.seconds == sum(stats.event_lags.buckets) == 0, "pages have none"
        server.pods.create(make_pod("web"))
        created = await anext(stream)
        await asyncio.sleep(0.05)
        take(feed, created)
    assert sum(stats.event_lags.buckets) == 1
    assert 0.04 < stats.event_lags.seconds < 5


async def test_the_age_is_that_of_the_stalest_stream(feed: KopfSession) -> None:
    assert feed.age() is None
    one = events(feed, "https://x/api/v1/namespaces/one/pods?watch=true")
    two = events(feed, "https://x/api/v1/namespaces/two/pods?watch=true")
    async with contextlib.aclosing(one), contextlib.aclosing(two):
        take(feed, await anext(one))
        take(feed, await anext(two))
        take(feed, await anext(one))
        await anext(one)
        assert feed.age() is None
        take(feed, await anext(two))
        await anext(two)
        age = feed.age()
        assert age is not None
        assert age >= 0


class Script:
    """A session in the feed's place, which records what Kopf asks and sends it scripted events."""

    def __init__(self, *streams: list[dict[str, Any]]) -> None:
        self.headers: dict[str, str] = {}
        self.closed = False
        self.asked: list[str] = []
        self._streams = list(streams)

    async def request(self, method: str, url: str, **_: object) -> Any:
        self.asked.append(f"{method.upper()} {url}")
        feed = KopfSession(cast(ApiClient, None), Settings(), Stats())
        if "watch=true" not in url:
            return await feed.request(method, url)
        answer = await feed.request("get", "https://x/api")
        answer._lines = self._lines()
        return answer

    async def _lines(self) -> AsyncGenerator[bytes]:
        for event in self._streams.pop(0) if self._streams else []:
            yield json.dumps(event).encode() + b"\n"
        if not self._streams:
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


def scripted(kind: str, number: int = 0, **fields: Any) -> dict[str, Any]:
    metadata = {} if kind in ("BOOKMARK", "ERROR") else {"uid": "pods/", "name": "pods"}
    return {"type": kind, "object": {"kind": "Pod", "metadata": metadata, "number": number, **fields}}


async def run_kopf(session: Script, expected: int) -> list[tuple[Any, int]]:
    """Run Kopf on the session until it has handled so many events; return them."""
    handled: list[tuple[Any, int]] = []
    stop = asyncio.Event()
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    kopf_settings.configure(settings)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server="https://x", aiohttp_session=cast(aiohttp.ClientSession, session))

    @kopf.on.event("", "v1", "pods", registry=registry)
    async def pod(event: kopf.RawEvent, **_: Any) -> None:
        number = cast(dict[str, Any], event["object"])["number"]
        await asyncio.sleep(0.001 * (expected - number))  # a later event would overtake an earlier one if it could
        handled.append((event["type"], number))
        if len(handled) == expected:
            stop.set()

    async with asyncio.timeout(30):
        await kopf.operator(registry=registry, settings=settings, stop_flag=stop, clusterwide=True)
    return handled


async def test_kopf_shows_the_initial_events_without_a_type_and_later_ones_with_it() -> None:
    stream = [scripted("ADDED", 0), scripted("ADDED", 1), scripted("BOOKMARK"), scripted("ADDED", 2)]
    session = Script([*stream, scripted("MODIFIED", 3), scripted("DELETED", 4)])
    handled = await run_kopf(session, 5)
    assert handled == [(None, 0), (None, 1), ("ADDED", 2), ("MODIFIED", 3), ("DELETED", 4)]
    assert session.closed


async def test_kopf_handles_the_events_of_one_uid_in_order_one_by_one() -> None:
    session = Script([scripted("MODIFIED", number) for number in range(50)])
    assert [number for _, number in await run_kopf(session, 50)] == list(range(50))


async def test_kopf_asks_for_the_initial_state_again_after_a_410() -> None:
    session = Script(
        [scripted("ADDED", 0), scripted("BOOKMARK"), scripted("ADDED", 1), scripted("ERROR", code=410)],
        [scripted("ADDED", 2), scripted("BOOKMARK")],
    )
    assert await run_kopf(session, 3) == [(None, 0), ("ADDED", 1), (None, 2)]
    watches = [asked for asked in session.asked if "watch=true" in asked]
    assert len(watches) == 2
    assert all("sendInitialEvents=true" in asked and "resourceVersion=" not in asked for asked in watches)


async def test_kopf_asks_for_nothing_but_discovery_and_the_watch() -> None:
    session = Script([scripted("ADDED", 0), scripted("BOOKMARK"), scripted("MODIFIED", 1), scripted("DELETED", 2)])
    await run_kopf(session, 3)
    assert {asked.partition("?")[0] for asked in session.asked} == {
        "GET https://x/api",
        "GET https://x/apis",
        "GET https://x/api/v1",
        "GET https://x/api/v1/pods",
    }


def test_kopf_is_pinned_to_the_minor_version_that_this_was_written_for() -> None:
    setup = Path(__file__).parents[3].joinpath("setup.cfg").read_text()
    assert "kopf~=1.45.2" in setup
    assert version("kopf").startswith("1.45.")

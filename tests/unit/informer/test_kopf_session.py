"""The session's responses without Kopf, and the behaviour of Kopf that the session relies on."""

import asyncio
import contextlib
import functools
import inspect
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import kopf
import pytest

from pod_index.informer import kopf_settings
from pod_index.informer.client import ApiClient
from pod_index.informer.kopf_session import (
    ContentUsedByKopf,
    KopfResponse,
    KopfSession,
    ResponseUsedByKopf,
    SessionUsedByKopf,
)
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Changes, Delta, ListPage
from tests.apiserver import ApiServer, Fault, make_pod
from tests.support.polling import DEADLINE_SECONDS
from tests.unit.conftest import logged_in

WATCH = "https://x/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"


@pytest.fixture
async def session(client: ApiClient) -> AsyncIterator[KopfSession]:
    session = KopfSession(client, Settings(retry_max_seconds=0.05), Stats(), pytest.fail)
    yield session
    await session.close()
    assert session.closed


async def events(session: KopfSession, path: str = WATCH) -> AsyncGenerator[dict[str, Any]]:
    async with await session.request("get", path) as response:
        async for line in response.content.iter_chunked(1024):
            assert line.endswith(b"\n")
            yield json.loads(line)


def take(session: KopfSession, event: dict[str, Any]) -> ListPage | Changes:
    with session.ticket(event) as item:
        return item


async def test_discovery_needs_no_request_to_the_api_server(session: KopfSession, server: ApiServer) -> None:
    for path in ("/api", "/apis", "/api/v1"):
        response = await session.request("GET", f"https://x{path}")
        assert isinstance(await response.json(), dict)
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
async def test_no_other_request_is_supported(method: str, path: str, session: KopfSession, server: ApiServer) -> None:
    with pytest.raises(RuntimeError, match=re.escape(f"pod-index only watches pods, but Kopf requested {method}")):
        await session.request(method, f"https://x{path}")
    assert server.requests == []


async def test_a_stream_has_pages_then_a_bookmark_then_deltas(session: KopfSession, server: ApiServer) -> None:
    server.pods.create(make_pod("web"))
    async with contextlib.aclosing(events(session)) as stream:
        begin = take(session, await anext(stream))
        assert isinstance(begin, ListPage)
        assert (begin.begins, begin.pods) == (True, [])
        page = take(session, await anext(stream))
        assert isinstance(page, ListPage)
        assert [pod.metadata.name for pod in page.pods] == ["web"]
        assert page.complete_at == server.pods.resource_version
        assert (await anext(stream))["type"] == "BOOKMARK"
        server.pods.create(make_pod("new"))
        event = await anext(stream)
        deltas = take(session, event)
        assert not isinstance(deltas, ListPage)
        assert [(delta.type, delta.pod.metadata.name) for delta in deltas if isinstance(delta, Delta)] == [
            ("ADDED", "new")
        ]
        assert event["type"] == "MODIFIED"


async def test_a_page_waits_until_the_page_before_it_is_handled(session: KopfSession, server: ApiServer) -> None:
    async with contextlib.aclosing(events(session)) as stream:
        first = await anext(stream)
        second = asyncio.ensure_future(anext(stream))
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done
        assert server.requests == [], "nothing is read before the first page is handled"
        take(session, first)
        take(session, await second)


async def test_changes_that_come_while_the_last_one_is_handled_travel_together(
    session: KopfSession, server: ApiServer
) -> None:
    async with contextlib.aclosing(events(session)) as stream:
        take(session, await anext(stream))
        take(session, await anext(stream))
        await anext(stream)
        server.pods.create(make_pod("first"))
        first = await anext(stream)
        following = asyncio.ensure_future(anext(stream))
        names = [f"web-{number}" for number in range(20)]
        server.pods.load(make_pod(name) for name in names)
        done, _ = await asyncio.wait([following], timeout=0.2)
        assert not done
        take(session, first)
        travelled: list[list[str]] = []
        while sum(map(len, travelled)) < len(names):
            deltas = take(session, await following)
            assert not isinstance(deltas, ListPage)
            travelled.append([delta.pod.metadata.name for delta in deltas if isinstance(delta, Delta)])
            following = asyncio.ensure_future(anext(stream))
        assert [name for together in travelled for name in together] == names
        # A slow server may still send the last ones.
        assert len(travelled) < len(names) / 2


async def test_a_failed_handler_ends_the_stream_with_410(session: KopfSession, server: ApiServer) -> None:
    async with contextlib.aclosing(events(session)) as stream:
        take(session, await anext(stream))
        take(session, await anext(stream))
        await anext(stream)
        server.pods.create(make_pod("lost"))
        event = await anext(stream)
        with pytest.raises(ZeroDivisionError), session.ticket(event):
            raise ZeroDivisionError
        last = await anext(stream)
        while last["type"] != "ERROR":
            take(session, last)
            last = await anext(stream)
        assert last["object"]["code"] == 410


def lose(session: KopfSession, event: dict[str, Any]) -> None:
    """Handle an event with a handler that fails."""
    with pytest.raises(ZeroDivisionError), session.ticket(event):
        raise ZeroDivisionError


async def begin_anew(stream: AsyncGenerator[dict[str, Any]], session: KopfSession) -> ListPage:
    """The first item of the stream, whose listing must begin without a completed one before it."""
    item = take(session, await anext(stream))
    assert isinstance(item, ListPage)
    assert item.begins
    return item


@pytest.mark.parametrize("streaming_list", [True, False])
async def test_a_listing_with_a_page_whose_handler_failed_begins_anew(
    streaming_list: bool, client: ApiClient, server: ApiServer
) -> None:
    session = KopfSession(client, Settings(retry_max_seconds=0.05, streaming_list=streaming_list), Stats(), pytest.fail)
    server.pods.load(make_pod(f"web-{number:04}") for number in range(1200))
    async with contextlib.aclosing(events(session)) as stream:
        await begin_anew(stream, session)
        lose(session, await anext(stream))
        await begin_anew(stream, session)
        names: list[str] = []
        while (event := await anext(stream))["type"] != "BOOKMARK":
            page = take(session, event)
            assert isinstance(page, ListPage)
            names += [pod.metadata.name for pod in page.pods]
    assert len(names) == 1200


async def test_a_listing_with_a_change_whose_handler_failed_begins_anew(
    session: KopfSession, server: ApiServer
) -> None:
    pod = {"uid": "u", "name": "gone", "namespace": "default", "resourceVersion": "4"}
    end = {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}
    lines = [{"type": "DELETED", "object": {"metadata": pod}}, {"type": "BOOKMARK", "object": {"metadata": end}}]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    server.faults.add(Fault(kind="watch", times=1, body=body))
    async with contextlib.aclosing(events(session)) as stream:
        await begin_anew(stream, session)
        assert take(session, await anext(stream)) is not None  # the page before the change
        lose(session, await anext(stream))
        await begin_anew(stream, session)


async def test_the_last_page_of_a_listing_whose_handler_failed_leads_to_a_new_listing_at_once(
    session: KopfSession, server: ApiServer
) -> None:
    async with contextlib.aclosing(events(session)) as stream:
        await begin_anew(stream, session)
        lose(session, await anext(stream))
        assert (await anext(stream))["type"] == "BOOKMARK"
        assert (await anext(stream))["object"]["code"] == 410


async def test_a_change_whose_handler_failed_leads_to_a_new_listing_without_waiting_for_another_event() -> None:
    stats = Stats()
    with ApiServer(anonymous=True, bookmark_interval=3600) as quiet:
        quiet_client = await logged_in(quiet.url)
        session = KopfSession(quiet_client, Settings(retry_max_seconds=0.05), stats, pytest.fail)
        async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(events(session)) as stream:
            await begin_anew(stream, session)
            take(session, await anext(stream))
            await anext(stream)
            quiet.pods.create(make_pod("lost"))
            lost = await anext(stream)
            following = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.1)  # the watch is being read
            lose(session, lost)
            assert (await following)["object"]["code"] == 410
        await session.close()
    assert stats.watch_restarts["other"] == 1


async def test_the_lag_of_each_delta_is_counted_when_it_has_been_handled(client: ApiClient, server: ApiServer) -> None:
    stats = Stats()
    session = KopfSession(client, Settings(), stats, pytest.fail)
    async with contextlib.aclosing(events(session)) as stream:
        for _ in range(2):
            take(session, await anext(stream))
        await anext(stream)
        assert stats.event_lags.seconds == sum(stats.event_lags.buckets) == 0, "pages have no lag"
        server.pods.create(make_pod("web"))
        created = await anext(stream)
        server.pods.load([make_pod("a"), make_pod("b")])
        await asyncio.sleep(0.05)
        take(session, created)
        assert stats.event_lags.count == 1
        take(session, await anext(stream))
    assert stats.event_lags.count == 3
    assert 0.04 < stats.event_lags.seconds < 60


async def test_the_age_is_that_of_the_stalest_stream(session: KopfSession) -> None:
    assert session.age() is None
    one = events(session, "https://x/api/v1/namespaces/one/pods?watch=true")
    two = events(session, "https://x/api/v1/namespaces/two/pods?watch=true")
    async with contextlib.aclosing(one), contextlib.aclosing(two):
        take(session, await anext(one))
        take(session, await anext(two))
        take(session, await anext(one))
        await anext(one)
        assert session.age() is None
        take(session, await anext(two))
        await anext(two)
        age = session.age()
        assert age is not None
        assert age >= 0


class Script:
    """A session that records Kopf's requests and sends it scripted events."""

    def __init__(self, *streams: list[dict[str, Any]]) -> None:
        self.headers: dict[str, str] = {}
        self.closed = False
        self.requests: list[str] = []
        self._streams = list(streams)

    async def request(self, method: str, url: str, **_: object) -> Any:
        self.requests.append(f"{method.upper()} {url}")
        if "watch=true" in url:
            return KopfResponse(lines=self._lines())
        return await KopfSession(cast(ApiClient, None), Settings(), Stats(), pytest.fail).request(method, url)

    async def _lines(self) -> AsyncGenerator[bytes]:
        for event in self._streams.pop(0) if self._streams else []:
            yield json.dumps(event).encode() + b"\n"
        if not self._streams:
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


def scripted(event_type: str, number: int = 0, **fields: Any) -> dict[str, Any]:
    metadata = {} if event_type in ("BOOKMARK", "ERROR") else {"uid": "pods/", "name": "pods"}
    return {"type": event_type, "object": {"kind": "Pod", "metadata": metadata, "number": number, **fields}}


async def run_kopf(
    session: Any, handler: Callable[..., Awaitable[None]], stop: asyncio.Event, *, scanning: bool = False
) -> None:
    """Run Kopf on the session until ``stop``; ``handler`` gets the events. With ``scanning`` Kopf lists namespaces."""
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    kopf_settings.configure(settings)
    settings.scanning.disabled = not scanning

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server="https://x", aiohttp_session=session)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        stop.set()  # If Kopf fails, it waits 5 s for its task that waits for this.

    kopf.on.event("", "v1", "pods", registry=registry)(handler)
    namespaces = ["team-*"] if scanning else []
    async with asyncio.timeout(30):
        await kopf.operator(
            registry=registry, settings=settings, stop_flag=stop, clusterwide=not scanning, namespaces=namespaces
        )


async def handled_events(session: Script, expected: int) -> list[tuple[Any, int]]:
    """Run Kopf on the session until it has handled the expected number of events; return them."""
    handled: list[tuple[Any, int]] = []
    stop = asyncio.Event()

    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        number = cast(dict[str, Any], event["object"])["number"]
        await asyncio.sleep(0.001 * (expected - number))  # so that a later event would overtake an earlier one
        handled.append((event["type"], number))
        if len(handled) == expected:
            stop.set()

    await run_kopf(session, handle, stop)
    return handled


async def test_kopf_gives_initial_events_without_a_type_and_later_ones_with_it() -> None:
    stream = [scripted("ADDED", 0), scripted("ADDED", 1), scripted("BOOKMARK"), scripted("ADDED", 2)]
    session = Script([*stream, scripted("MODIFIED", 3), scripted("DELETED", 4)])
    handled = await handled_events(session, 5)
    assert handled == [(None, 0), (None, 1), ("ADDED", 2), ("MODIFIED", 3), ("DELETED", 4)]
    assert session.closed


async def test_kopf_handles_the_events_of_one_uid_one_by_one_in_order() -> None:
    session = Script([scripted("MODIFIED", number) for number in range(50)])
    assert [number for _, number in await handled_events(session, 50)] == list(range(50))


async def test_kopf_requests_the_initial_state_again_after_a_410() -> None:
    session = Script(
        [scripted("ADDED", 0), scripted("BOOKMARK"), scripted("ADDED", 1), scripted("ERROR", code=410)],
        [scripted("ADDED", 2), scripted("BOOKMARK")],
    )
    assert await handled_events(session, 3) == [(None, 0), ("ADDED", 1), (None, 2)]
    watches = [request for request in session.requests if "watch=true" in request]
    assert len(watches) == 2
    assert all("sendInitialEvents=true" in request and "resourceVersion=" not in request for request in watches)


async def test_kopf_only_requests_discovery_and_the_watch() -> None:
    session = Script([scripted("ADDED", 0), scripted("BOOKMARK"), scripted("MODIFIED", 1), scripted("DELETED", 2)])
    await handled_events(session, 3)
    assert {request.partition("?")[0] for request in session.requests} == {
        "GET https://x/api",
        "GET https://x/apis",
        "GET https://x/api/v1",
        "GET https://x/api/v1/pods",
    }


class Recording:
    """Gives Kopf only the members of a Protocol, and records which of them Kopf uses."""

    def __init__(self, target: Any, protocol: type, used: set[str]) -> None:
        self._target = target
        self._protocol = protocol
        self._used = used

    def __getattr__(self, name: str) -> Any:
        if name not in members(self._protocol):
            raise AttributeError(f"{self._protocol.__name__} has no {name}")
        self._used.add(f"{self._protocol.__name__}.{name}")
        member = getattr(self._target, name)
        match name:
            case "request":
                return functools.partial(self._request, member)
            case "content":
                return Recording(member, ContentUsedByKopf, self._used)
        return member

    async def _request(self, member: Any, **options: Any) -> "Recording":
        return Recording(await member(**options), ResponseUsedByKopf, self._used)

    async def __aenter__(self) -> "Recording":
        await self.__getattr__("__aenter__")()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.__getattr__("__aexit__")(*exception)


def members(protocol: type) -> set[str]:
    names = {*vars(protocol), *inspect.get_annotations(protocol)}
    return {name for name in names if not name.startswith("_") or name in ("__aenter__", "__aexit__")}


async def test_kopf_uses_all_members_of_the_protocols_and_no_others(
    session: KopfSession, client: ApiClient, server: ApiServer
) -> None:
    used: set[str] = set()
    stop = asyncio.Event()
    listings = 0

    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        nonlocal listings
        with session.ticket(cast(dict[str, Any], event)) as item:
            if not isinstance(item, ListPage):
                raise ZeroDivisionError  # so that the stream ends with 410
        if item.complete_at is not None:
            listings += 1
            if listings == 2:
                stop.set()
            server.pods.load([make_pod(f"a-{listings}"), make_pod(f"b-{listings}")])

    await run_kopf(Recording(session, SessionUsedByKopf, used), handle, stop)
    refusing = Recording(KopfSession(client, Settings(), Stats(), pytest.fail), SessionUsedByKopf, used)
    with pytest.raises(RuntimeError, match="Kopf requested GET /api/v1/namespaces"):
        await run_kopf(refusing, handle, asyncio.Event(), scanning=True)
    protocols = (SessionUsedByKopf, ResponseUsedByKopf, ContentUsedByKopf)
    assert used == {f"{protocol.__name__}.{name}" for protocol in protocols for name in members(protocol)}


def test_kopf_is_pinned_to_the_minor_version_that_these_tests_describe() -> None:
    setup = Path(__file__).parents[3].joinpath("setup.cfg").read_text()
    assert "kopf~=1.45.2" in setup
    assert version("kopf").startswith("1.45.")

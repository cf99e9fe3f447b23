"""Lookups that wait for their pod."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.context import EndpointContext
from pod_index.api.endpoints import PodEndpoint
from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.waiting import WAITERS_MAX, LookupWaiters
from pod_index.api.watches import Watches
from pod_index.pods import Pod, encode_record
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from pod_index.store.matching import Match
from tests.support.polling import eventually_true
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    UID,
    change,
    example_pod,
    http_scope,
    listing,
    replace_page,
    simple_pod,
    static_pod,
    synced_index,
)

PATH = "/api/v1/pod"
BY_STATE = [
    f"containerID={CONTAINER_ID}",
    f"containerID=containerd://{CONTAINER_ID}",
    f"id={CONTAINER_ID}",
    "ip=10.244.1.5",
    "ip=::ffff:10.244.1.5",
    "id=10.244.1.5",
]
BY_NAME = [
    f"uid={UID}",
    f"uid=pod{UID.upper().replace('-', '_')}",
    f"id={UID}",
    f"id=/kubepods/pod{UID}/{CONTAINER_ID}",
    f"id=/kubepods/pod{'f' * 32}/{CONTAINER_ID}",
    "id=default/example-pod",
    "namespace=default&name=example-pod",
]


@pytest.fixture
def index() -> PodIndex:
    return synced_index()


@pytest.fixture
def app(index: PodIndex) -> Starlette:
    return create_app(index, lambda: 0.0)


@pytest.fixture
def waiters(app: Starlette) -> LookupWaiters:
    waiters: LookupWaiters = app.state.context.lookup_waiters
    return waiters


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str, waiters: LookupWaiters) -> asyncio.Task[httpx.Response]:
    """Send a lookup; return when it waits."""
    before = len(waiters)
    request = asyncio.create_task(client.get(f"{PATH}?{query}"))
    await eventually_true(lambda: len(waiters) > before)
    return request


def left(index: PodIndex, waiters: LookupWaiters) -> list[object]:
    """What must be empty when no lookup waits."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [*range(len(waiters)), *index._subscriptions, *others]


@pytest.mark.parametrize("query", [*BY_NAME, *BY_STATE])
@pytest.mark.parametrize("listed", [True, False])
async def test_a_wait_ends_as_soon_as_the_pod_appears(
    query: str, listed: bool, index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    request = await ask(client, f"{query}&wait=10s", waiters)
    index.update(change(simple_pod("another", name="another")))
    await asyncio.sleep(0)
    assert not request.done()
    if listed:
        replace_page(index, listing(example_pod()))
    else:
        index.update(change(example_pod()))
    answer = await request
    assert (answer.status_code, answer.content) == (200, encode_record(example_pod()))
    assert "matched-by" in answer.headers
    assert "age" in answer.headers
    await eventually_true(lambda: not left(index, waiters))


@pytest.mark.parametrize("query", BY_STATE)
async def test_a_wait_ends_as_soon_as_a_known_pod_gets_the_identifier(
    query: str, index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    index.update(change(example_pod(1, ip="", container_id="")))
    request = await ask(client, f"{query}&wait=10s", waiters)
    index.update(change(example_pod(2)))
    assert (await request).content == encode_record(example_pod())


@pytest.mark.parametrize("query", [f"uid={CONFIG_HASH}", f"id={CONFIG_HASH}"])
async def test_a_wait_for_a_static_pod_by_its_config_hash_ends(
    query: str, index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    request = await ask(client, f"{query}&wait=10s", waiters)
    index.update(change(static_pod()))
    answer = await request
    assert (answer.content, answer.headers["matched-by"]) == (encode_record(static_pod()), "config.hash")


@pytest.mark.parametrize("query", ["uid=U", "id=10.0.0.1", "namespace=a&name=b"])
async def test_after_a_wait_in_vain_the_response_is_that_of_a_miss(
    query: str, index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    waited = await client.get(f"{PATH}?{query}&wait=10ms")
    answer = await client.get(f"{PATH}?{query}")
    assert (waited.status_code, waited.content, waited.headers) == (404, answer.content, answer.headers)
    await eventually_true(lambda: not left(index, waiters))


async def test_before_the_first_sync_a_miss_waits_too() -> None:
    index = PodIndex()
    app = create_app(index, lambda: 0.0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(f"{PATH}?uid={UID}&wait=10ms")
        assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
        request = await ask(client, f"uid={UID}&wait=10s", app.state.context.lookup_waiters)
        replace_page(index, ListPage(scope="", pods=[example_pod()], begins=True))
        assert (await request).status_code == 200


async def test_a_wait_with_include_deleted_ends_with_a_pod_that_is_deleted_at_once(
    index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    content = await ask(client, f"uid={UID}&wait=10s&includeDeleted=true", waiters)
    another = await ask(client, "namespace=default&name=example-pod&wait=10s", waiters)
    index.update(change(example_pod()))
    index.delete(change(example_pod(2)))
    assert "deletedAt" in (await content).json()
    # An existing pod may appear later.
    assert not another.done()
    index.update(change(simple_pod("next", 3, name="example-pod")))
    assert (await another).json()["uid"] == "next"


async def test_wakeups_in_vain_do_not_extend_the_wait(
    index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    request = await ask(client, "namespace=default&name=web&wait=100ms", waiters)
    woken = 0

    def wake_in_vain() -> bool:
        nonlocal woken
        woken += 1
        index.update(change(simple_pod(f"u{woken}", woken)))
        index.delete(change(simple_pod(f"u{woken}", woken)))
        return request.done()

    await eventually_true(wake_in_vain)
    assert woken > 1
    assert (await request).status_code == 404


async def test_a_pod_that_appears_at_the_last_moment_is_found() -> None:
    pod = Match(b"{}", "uid")
    answers = iter([None, pod])

    async def find() -> Match | None:
        return next(answers)

    never = asyncio.Event()

    async def receive() -> Message:
        await never.wait()
        raise AssertionError

    assert await LookupWaiters(PodIndex()).wait_for(find, [], 0.001, receive) == pod


async def test_a_thousand_lookups_wait_and_one_more_is_refused(
    index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    assert WAITERS_MAX == 1_000
    queries = [f"uid={UID}", *BY_STATE, *BY_NAME]
    requests = [
        asyncio.create_task(client.get(f"{PATH}?{queries[number % len(queries)]}&wait=10s"))
        for number in range(WAITERS_MAX)
    ]
    await eventually_true(lambda: len(waiters) == WAITERS_MAX)
    refused = await client.get(f"{PATH}?uid={UID}&wait=10s")
    assert (refused.status_code, refused.content) == (503, b'{"error":"1000 lookups are already waiting"}')
    assert refused.headers["retry-after"] == "1"
    # Lookups that do not wait are answered.
    assert (await client.get(f"{PATH}?uid={UID}")).status_code == 404
    replace_page(index, listing(example_pod()))
    assert {answer.content for answer in await asyncio.gather(*requests)} == {encode_record(example_pod())}
    await eventually_true(lambda: not left(index, waiters))


async def test_a_hit_does_not_wait_and_a_finished_wait_makes_room() -> None:
    index = synced_index(example_pod())
    waiters = LookupWaiters(index, limit=1)
    limiter = ResponseLimiter(0.0)
    context = EndpointContext(
        index=index,
        age=lambda: 0.0,
        stats=Stats(),
        settings=Settings(),
        lookup_waiters=waiters,
        response_limiter=limiter,
        watches=Watches(index, lambda: 0.0, Settings(), Stats(), None, limiter.step),
    )
    endpoint = PodEndpoint(context)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://test") as client:
        for uid in ("first", "second"):
            request = await ask(client, f"uid={uid}&wait=10s", waiters)
            assert (await client.get(f"{PATH}?uid=another&wait=10s")).status_code == 503
            assert (await client.get(f"{PATH}?uid={UID}&wait=10s")).status_code == 200
            index.update(change(simple_pod(uid)))
            assert (await request).status_code == 200
        assert (await client.get(f"{PATH}?uid=another&wait=1ms")).status_code == 404


async def test_shutdown_ends_all_waits_and_refuses_further_ones(
    index: PodIndex, app: Starlette, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    requests = [await ask(client, f"{query}&wait=10s", waiters) for query in (*BY_NAME, *BY_STATE)]
    begin_shutdown(app)
    late = client.get(f"{PATH}?uid={UID}&wait=10s")
    for answer in (*await asyncio.gather(*requests), await late):
        assert (answer.status_code, answer.content) == (503, b'{"error":"shutting down"}')
        assert answer.headers["retry-after"] == "1"
    await eventually_true(lambda: not left(index, waiters))
    assert (await client.get(f"{PATH}?uid={UID}")).status_code == 404
    index.update(change(example_pod()))
    for query in (f"uid={UID}", f"uid={UID}&wait=10s"):
        assert (await client.get(f"{PATH}?{query}")).status_code == 200


@pytest.mark.parametrize("body", [[], [b""], [b"a body", b"of a GET"]])
async def test_a_client_that_disconnects_leaves_nothing_behind(
    body: list[bytes], index: PodIndex, app: Starlette, waiters: LookupWaiters
) -> None:
    disconnected = asyncio.Event()
    parts = iter(body)

    async def receive() -> Message:
        for part in parts:
            return {"type": "http.request", "body": part, "more_body": True}
        await disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    request = asyncio.create_task(
        app(http_scope(PATH, f"id=/pod{UID}/{CONTAINER_ID}&wait=10s".encode()), receive, send)
    )
    await eventually_true(lambda: len(waiters) == 1)
    assert left(index, waiters)
    disconnected.set()
    await request
    await eventually_true(lambda: not left(index, waiters))


async def test_a_cancelled_lookup_leaves_nothing_behind(
    index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    request = await ask(client, f"uid={UID}&wait=10s", waiters)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await eventually_true(lambda: not left(index, waiters))


async def test_lookups_that_do_not_wait_leave_nothing_behind(
    index: PodIndex, client: httpx.AsyncClient, waiters: LookupWaiters
) -> None:
    pods: list[Pod] = [simple_pod(f"u{number}", number) for number in range(100)]
    for pod in pods:
        await client.get(f"{PATH}?uid={pod.metadata.uid}&wait=0")
        index.update(change(pod))
    assert not left(index, waiters)

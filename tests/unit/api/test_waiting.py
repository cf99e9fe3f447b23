"""Lookups that wait for their pod."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.endpoints import EndpointContext, PodEndpoint
from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.waiting import WAITERS_MAX, LookupWaiters
from pod_index.pods import Pod, encode_record
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.support.polling import eventually_true
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    UID,
    change,
    example_pod,
    http_scope,
    listing,
    simple_pod,
    static_pod,
    synced_index,
)

PATH = "/api/v1/pod"
BY_ITS_STATE = [
    f"containerID={CONTAINER_ID}",
    f"containerID=containerd://{CONTAINER_ID}",
    f"id={CONTAINER_ID}",
    "ip=10.244.1.5",
    "ip=::ffff:10.244.1.5",
    "id=10.244.1.5",
]
BY_ITS_NAMES = [
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
def room(app: Starlette) -> LookupWaiters:
    room: LookupWaiters = app.state.context.lookup_waiters
    return room


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str, room: LookupWaiters) -> asyncio.Task[httpx.Response]:
    """Send a lookup that waits; return when it does."""
    before = len(room)
    request = asyncio.create_task(client.get(f"{PATH}?{query}"))
    await eventually_true(lambda: len(room) > before)
    return request


def left(index: PodIndex, room: LookupWaiters) -> list[object]:
    """What should not be there when nobody waits any more."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [*range(len(room)), *index._subscriptions._callbacks, *others]


@pytest.mark.parametrize("query", [*BY_ITS_NAMES, *BY_ITS_STATE])
@pytest.mark.parametrize("listed", [True, False])
async def test_a_miss_is_answered_as_soon_as_the_pod_comes(
    query: str, listed: bool, index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    request = await ask(client, f"{query}&wait=10s", room)
    index.update(change(simple_pod("another", name="another")))
    await asyncio.sleep(0)
    assert not request.done()
    if listed:
        index.replace_page(listing(example_pod()))
    else:
        index.update(change(example_pod()))
    answer = await request
    assert (answer.status_code, answer.content) == (200, encode_record(example_pod()))
    assert "matched-by" in answer.headers
    assert "age" in answer.headers
    await eventually_true(lambda: not left(index, room))


@pytest.mark.parametrize("query", BY_ITS_STATE)
async def test_a_miss_is_answered_as_soon_as_a_known_pod_gets_what_it_is_asked_by(
    query: str, index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    index.update(change(example_pod(1, ip="", container_id="")))
    request = await ask(client, f"{query}&wait=10s", room)
    index.update(change(example_pod(2)))
    assert (await request).content == encode_record(example_pod())


@pytest.mark.parametrize("query", [f"uid={CONFIG_HASH}", f"id={CONFIG_HASH}"])
async def test_a_static_pod_is_waited_for_by_the_uid_of_its_kubelet(
    query: str, index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    request = await ask(client, f"{query}&wait=10s", room)
    index.update(change(static_pod()))
    answer = await request
    assert (answer.content, answer.headers["matched-by"]) == (encode_record(static_pod()), "config.hash")


@pytest.mark.parametrize("query", ["uid=U", "id=10.0.0.1", "namespace=a&name=b"])
async def test_when_the_time_is_over_the_answer_is_that_of_a_miss(
    query: str, index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    waited = await client.get(f"{PATH}?{query}&wait=10ms")
    answer = await client.get(f"{PATH}?{query}")
    assert (waited.status_code, waited.content, waited.headers) == (404, answer.content, answer.headers)
    await eventually_true(lambda: not left(index, room))


async def test_before_the_first_sync_a_miss_waits_as_well() -> None:
    index = PodIndex()
    app = create_app(index, lambda: 0.0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(f"{PATH}?uid={UID}&wait=10ms")
        assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
        request = await ask(client, f"uid={UID}&wait=10s", app.state.context.lookup_waiters)
        index.replace_page(ListPage(scope="", pods=[example_pod()], begins=True))
        assert (await request).status_code == 200


async def test_a_pod_that_has_gone_before_it_was_seen_is_enough_for_who_asks_for_deleted_ones(
    index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    content = await ask(client, f"uid={UID}&wait=10s&includeDeleted=true", room)
    patient = await ask(client, "namespace=default&name=example-pod&wait=10s", room)
    index.update(change(example_pod()))
    index.delete(change(example_pod(2)))
    assert "deletedAt" in (await content).json()
    # A pod that lives may come yet.
    assert not patient.done()
    index.update(change(simple_pod("next", 3, name="example-pod")))
    assert (await patient).json()["uid"] == "next"


async def test_being_woken_in_vain_does_not_make_the_time_longer(
    index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    request = await ask(client, "namespace=default&name=web&wait=100ms", room)
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


async def test_what_comes_at_the_last_moment_is_told() -> None:
    answers = iter([None, "the pod"])
    never = asyncio.Event()

    async def receive() -> Message:
        await never.wait()
        raise AssertionError

    assert await LookupWaiters(PodIndex()).wait_for(lambda: next(answers), [], 0.001, receive) == "the pod"


async def test_a_thousand_wait_at_a_time_one_more_is_refused_and_one_page_wakes_them_all(
    index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    assert WAITERS_MAX == 1_000
    queries = [f"uid={UID}", *BY_ITS_STATE, *BY_ITS_NAMES]
    requests = [
        asyncio.create_task(client.get(f"{PATH}?{queries[number % len(queries)]}&wait=10s"))
        for number in range(WAITERS_MAX)
    ]
    await eventually_true(lambda: len(room) == WAITERS_MAX)
    refused = await client.get(f"{PATH}?uid={UID}&wait=10s")
    assert (refused.status_code, refused.content) == (503, b'{"error":"1000 lookups are already waiting"}')
    assert refused.headers["retry-after"] == "1"
    # Those who do not wait are answered.
    assert (await client.get(f"{PATH}?uid={UID}")).status_code == 404
    index.replace_page(listing(example_pod()))
    assert {answer.content for answer in await asyncio.gather(*requests)} == {encode_record(example_pod())}
    await eventually_true(lambda: not left(index, room))


async def test_a_hit_needs_no_place_and_a_place_that_is_left_is_free_again() -> None:
    index = synced_index(example_pod())
    room = LookupWaiters(index, limit=1)
    context = EndpointContext(
        index=index,
        age=lambda: 0.0,
        stats=Stats(),
        settings=Settings(),
        lookup_waiters=room,
        response_limiter=ResponseLimiter(0.0),
    )
    endpoint = PodEndpoint(context)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://test") as client:
        for uid in ("first", "second"):
            request = await ask(client, f"uid={uid}&wait=10s", room)
            assert (await client.get(f"{PATH}?uid=another&wait=10s")).status_code == 503
            assert (await client.get(f"{PATH}?uid={UID}&wait=10s")).status_code == 200
            index.update(change(simple_pod(uid)))
            assert (await request).status_code == 200
        assert (await client.get(f"{PATH}?uid=another&wait=1ms")).status_code == 404


async def test_at_shutdown_all_who_wait_are_released_and_nobody_waits_any_more(
    index: PodIndex, app: Starlette, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    requests = [await ask(client, f"{query}&wait=10s", room) for query in (*BY_ITS_NAMES, *BY_ITS_STATE)]
    begin_shutdown(app)
    late = client.get(f"{PATH}?uid={UID}&wait=10s")
    for answer in (*await asyncio.gather(*requests), await late):
        assert (answer.status_code, answer.content) == (503, b'{"error":"shutting down"}')
        assert answer.headers["retry-after"] == "1"
    await eventually_true(lambda: not left(index, room))
    assert (await client.get(f"{PATH}?uid={UID}")).status_code == 404
    index.update(change(example_pod()))
    for query in (f"uid={UID}", f"uid={UID}&wait=10s"):
        assert (await client.get(f"{PATH}?{query}")).status_code == 200


@pytest.mark.parametrize("body", [[], [b""], [b"a body", b"of a GET"]])
async def test_a_client_that_hangs_up_leaves_nothing_behind(
    body: list[bytes], index: PodIndex, app: Starlette, room: LookupWaiters
) -> None:
    hung_up = asyncio.Event()
    parts = iter(body)

    async def receive() -> Message:
        for part in parts:
            return {"type": "http.request", "body": part, "more_body": True}
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    request = asyncio.create_task(
        app(http_scope(PATH, f"id=/pod{UID}/{CONTAINER_ID}&wait=10s".encode()), receive, send)
    )
    await eventually_true(lambda: len(room) == 1)
    assert left(index, room)
    hung_up.set()
    await request
    await eventually_true(lambda: not left(index, room))


async def test_a_lookup_that_is_cancelled_leaves_nothing_behind(
    index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    request = await ask(client, f"uid={UID}&wait=10s", room)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await eventually_true(lambda: not left(index, room))


async def test_nothing_is_kept_of_those_who_did_not_wait(
    index: PodIndex, client: httpx.AsyncClient, room: LookupWaiters
) -> None:
    pods: list[Pod] = [simple_pod(f"u{number}", number) for number in range(100)]
    for pod in pods:
        await client.get(f"{PATH}?uid={pod.metadata.uid}&wait=0")
        index.update(change(pod))
    assert not left(index, room)

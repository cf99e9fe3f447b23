"""The probes ``/health`` and ``/ready``."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from pod_index.api.app import begin_shutdown, create_app
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from tests.support.served import UID, listing, replace_page, simple_pod


@pytest.fixture
def index() -> PodIndex:
    return PodIndex()


@pytest.fixture
def app(index: PodIndex) -> Starlette:
    return create_app(index, lambda: 0.0)


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_health_is_200(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert (answer.status_code, answer.content) == (200, b'{"status":"healthy"}')


async def test_ready_is_503_before_the_first_sync(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')


async def test_ready_has_the_number_of_pods(index: PodIndex, client: httpx.AsyncClient) -> None:
    replace_page(index, listing(*(simple_pod(str(number)) for number in range(150))))
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (200, b'{"status":"ready","podCount":150}')


async def test_ready_is_503_during_the_drain_and_lookups_are_answered(
    index: PodIndex, app: Starlette, client: httpx.AsyncClient
) -> None:
    replace_page(index, listing(simple_pod(UID)))
    begin_shutdown(app)
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (503, b'{"error":"shutting down"}')
    assert (await client.get("/api/v1/pod", params={"uid": UID})).status_code == 200
    assert (await client.get("/health")).status_code == 200


async def test_ready_is_503_while_the_data_is_too_old_and_lookups_are_answered(index: PodIndex) -> None:
    replace_page(index, listing(simple_pod(UID)))
    age = 300.0
    app = create_app(index, lambda: age, Settings(max_staleness_seconds=300.0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/ready")).status_code == 200
        age = 300.1
        answer = await client.get("/ready")
        stale = "stale: the API server confirmed the data 301 s ago, and MAX_STALENESS_SECONDS is 300"
        assert (answer.status_code, answer.json()) == (503, {"error": stale})
        assert (await client.get("/health")).status_code == 200
        lookup = await client.get("/api/v1/pod", params={"uid": UID})
        assert (lookup.status_code, lookup.headers["age"]) == (200, "300")
        age = 0.0
        assert (await client.get("/ready")).status_code == 200


async def test_before_the_first_sync_the_data_is_not_stale(index: PodIndex) -> None:
    app = create_app(index, lambda: 1_000.0, Settings(max_staleness_seconds=300.0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/ready")).content == b'{"error":"cache not synced"}'


async def test_data_of_any_age_is_ready_by_default(index: PodIndex) -> None:
    replace_page(index, listing())
    app = create_app(index, lambda: 1e6)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/ready")).status_code == 200

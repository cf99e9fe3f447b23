"""Every row of the contract, byte for byte."""

import urllib.parse
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Message

from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.responses import error
from pod_index.pods import Pod, PodMetadata
from pod_index.settings import Settings
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"


def listing(*uids: str) -> ListPage:
    pods = [Pod(metadata=PodMetadata(uid=uid, name="web", namespace="default", resource_version=1)) for uid in uids]
    return ListPage(scope="", pods=pods, begins=True, complete_at=2)


@pytest.fixture
def index() -> PodIndex:
    return PodIndex()


@pytest.fixture
def app(index: PodIndex) -> Starlette:
    return create_app(index, lambda: 0.0)


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_known_uid_is_answered_with_the_record(index: PodIndex, client: httpx.AsyncClient) -> None:
    index.replace_page(listing(UID))
    answer = await client.get("/api/v1/pod", params={"uid": UID})
    assert (answer.status_code, answer.content) == (200, index.lookup(UID))
    assert answer.headers["content-type"] == "application/json"


async def test_a_known_uid_is_answered_before_the_first_sync_is_complete(
    index: PodIndex, client: httpx.AsyncClient
) -> None:
    page = listing(UID)
    index.replace_page(ListPage(scope="", pods=page.pods, begins=True))
    assert (await client.get("/api/v1/pod", params={"uid": UID})).status_code == 200


async def test_an_unknown_uid_is_404(index: PodIndex, client: httpx.AsyncClient) -> None:
    index.replace_page(listing())
    answer = await client.get("/api/v1/pod?uid=U")
    assert (answer.status_code, answer.content) == (404, b'{"error":"pod with UID U not found"}')


@pytest.mark.parametrize(
    ("query", "uid"),
    [
        ("uid=%22%5C%0A", '\\"\\\\\\n'),
        ("uid=gr%C3%B6%C3%9Fe", "größe"),
        ("uid=a+b", "a b"),
        ("uid=first&uid=second", "first"),
        ("x=1&uid=U&y", "U"),
        ("uid=%FF", "\N{REPLACEMENT CHARACTER}"),
        ("uid=%ED%A0%80", "\N{REPLACEMENT CHARACTER}" * 3),
    ],
)
async def test_nonsense_is_told_back_as_valid_json(
    query: str, uid: str, index: PodIndex, client: httpx.AsyncClient
) -> None:
    index.replace_page(listing())
    answer = await client.get(f"/api/v1/pod?{query}")
    assert (answer.status_code, answer.content) == (404, f'{{"error":"pod with UID {uid} not found"}}'.encode())


@given(query=st.binary(max_size=40).map(lambda rest: b"uid=" + rest) | st.binary(max_size=40))
async def test_every_query_is_read_as_a_form(query: bytes) -> None:
    index = PodIndex()
    index.replace_page(listing())
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/api/v1/pod", "query_string": query, "headers": []}
    await create_app(index, lambda: 0.0)(scope, receive, send)
    (uid, *_) = urllib.parse.parse_qs(query.decode("latin-1"), keep_blank_values=True).get("uid", [""])
    expected = error(f"pod with UID {uid} not found") if uid else error("uid parameter is required")
    assert sent[1]["body"] == expected


@pytest.mark.parametrize("query", ["", "?uid=", "?uid", "?UID=x", "?=&&=", "?uid=&uid=x"])
async def test_a_missing_or_empty_uid_is_400(query: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/pod{query}")
    assert (answer.status_code, answer.content) == (400, b'{"error":"uid parameter is required"}')


async def test_an_unknown_uid_before_the_first_sync_is_503(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/pod?uid=U")
    assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
    assert answer.headers["retry-after"] == "1"


async def test_a_query_that_is_too_long_is_414(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/pod?uid=" + "x" * 9000)
    assert (answer.status_code, answer.content) == (414, b'{"error":"query string is longer than 8192 bytes"}')


async def test_health_is_200(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert (answer.status_code, answer.content) == (200, b'{"status":"healthy"}')


async def test_ready_is_503_before_the_first_sync(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')


async def test_ready_tells_the_number_of_pods(index: PodIndex, client: httpx.AsyncClient) -> None:
    index.replace_page(listing(*(str(number) for number in range(150))))
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (200, b'{"status":"ready","podCount":150}')


async def test_ready_is_503_during_the_drain_and_lookups_are_answered(
    index: PodIndex, app: Starlette, client: httpx.AsyncClient
) -> None:
    index.replace_page(listing(UID))
    begin_shutdown(app)
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (503, b'{"error":"shutting down"}')
    assert (await client.get("/api/v1/pod", params={"uid": UID})).status_code == 200
    assert (await client.get("/health")).status_code == 200


async def test_ready_is_503_while_the_data_is_too_old_and_lookups_are_answered(index: PodIndex) -> None:
    index.replace_page(listing(UID))
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


async def test_what_is_not_synced_is_not_called_stale(index: PodIndex) -> None:
    app = create_app(index, lambda: 1_000.0, Settings(max_staleness_seconds=300.0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/ready")).content == b'{"error":"cache not synced"}'


async def test_data_of_any_age_is_ready_by_default(index: PodIndex) -> None:
    index.replace_page(listing())
    app = create_app(index, lambda: 1e6)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/ready")).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/pod", "/health", "/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method_is_405(method: str, path: str, client: httpx.AsyncClient) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.content) == (405, b'{"error":"Method not allowed"}')
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/page", "/page.html", "/api", "/api/v1", "/health/", "/ready/x", "/%00", "//health"])
async def test_another_path_is_404(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"http://test{path}")
    assert (answer.status_code, answer.content) == (404, b'{"error":"not found"}')
    assert answer.headers["content-type"] == "application/json"


async def test_a_fault_of_ours_is_500_and_tells_nothing(index: PodIndex, client: httpx.AsyncClient) -> None:
    del index.synced
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (500, b'{"error":"internal error"}')
    assert answer.headers["content-type"] == "application/json"

"""The contract of lookups and errors, byte for byte; test_probes.py has the probes."""

import dataclasses
import urllib.parse
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Message

from pod_index.api.app import begin_shutdown, create_app, endpoint_context
from pod_index.api.responses import error
from pod_index.pods import Pod, PodMetadata
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.support.served import replace_page

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
    replace_page(index, listing(UID))
    answer = await client.get("/api/v1/pod", params={"uid": UID})
    assert (answer.status_code, answer.content) == (200, index.lookup(UID))
    assert answer.headers["content-type"] == "application/json"


async def test_a_known_uid_is_answered_before_the_first_sync_is_complete(
    index: PodIndex, client: httpx.AsyncClient
) -> None:
    page = listing(UID)
    replace_page(index, ListPage(scope="", pods=page.pods, begins=True))
    assert (await client.get("/api/v1/pod", params={"uid": UID})).status_code == 200


async def test_an_unknown_uid_is_404(index: PodIndex, client: httpx.AsyncClient) -> None:
    replace_page(index, listing())
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
async def test_any_uid_is_valid_json_in_the_error(
    query: str, uid: str, index: PodIndex, client: httpx.AsyncClient
) -> None:
    replace_page(index, listing())
    answer = await client.get(f"/api/v1/pod?{query}")
    assert (answer.status_code, answer.content) == (404, f'{{"error":"pod with UID {uid} not found"}}'.encode())


@given(query=st.binary(max_size=40).map(lambda rest: b"uid=" + rest) | st.binary(max_size=40))
async def test_every_query_is_parsed_as_a_form(query: bytes) -> None:
    index = PodIndex()
    replace_page(index, listing())
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


async def test_an_internal_error_is_500_without_details(index: PodIndex, client: httpx.AsyncClient) -> None:
    del index.synced
    answer = await client.get("/ready")
    assert (answer.status_code, answer.content) == (500, b'{"error":"internal error"}')
    assert answer.headers["content-type"] == "application/json"


def test_plain_lookups_find_known_pods_after_the_first_sync_and_before_the_shutdown(
    app: Starlette, index: PodIndex
) -> None:
    find = endpoint_context(app).find_plain
    replace_page(index, dataclasses.replace(listing(UID), complete_at=None))
    assert index.lookup(UID) is not None
    assert find(UID) is None
    replace_page(index, listing(UID))
    assert find(UID) == index.lookup(UID)
    assert find(UID.upper()) is None
    begin_shutdown(app)
    assert find(UID) is None

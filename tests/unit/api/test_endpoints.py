"""Lookups: identifiers, responses and their headers."""

import asyncio

import httpx
import pytest
from starlette.types import Message, Receive

from pod_index.api.app import create_app
from pod_index.api.endpoints import BODIES_MAX
from pod_index.pods import encode_record
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Delta, ListPage
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
    replace_page,
    served,
    simple_pod,
    static_pod,
    synced_index,
)

RECORD = encode_record(example_pod())
ANSWERED_BY = [
    (f"uid={UID}", "uid"),
    (f"uid=pod{UID.upper().replace('-', '_')}", "uid"),
    (f"uid={UID.replace('-', '%2D')}", "uid"),
    (f"id={UID}", "uid"),
    (f"id=/var/lib/kubelet/pods/{UID}/volumes", "uid"),
    (f"id=/pod{'f' * 32}/{CONTAINER_ID}", "containerID"),
    (f"containerID={CONTAINER_ID}", "containerID"),
    (f"containerID=containerd://{CONTAINER_ID.upper()}", "containerID"),
    ("ip=10.244.1.5", "ip"),
    ("ip=10.244.1.5:8080", "ip"),
    ("id=10.244.1.5%3A8080", "ip"),
    ("id=%5B::ffff:10.244.1.5%5D:0", "ip"),
    ("ip=::ffff:10.244.1.5", "ip"),
    ("id=10.244.1.5", "ip"),
    ("namespace=default&name=example-pod", "name"),
    ("id=default/example-pod", "name"),
]
NOT_FOUND = [
    ("uid=U", "pod with UID U not found"),
    ("id=default/none", "pod with ID default/none not found"),
    ("containerID=c", "pod with container ID c not found"),
    ("ip=10.0.0.1", "pod with IP 10.0.0.1 not found"),
    ("namespace=default&name=none", "pod default/none not found"),
]


@pytest.mark.parametrize(("query", "by"), ANSWERED_BY)
async def test_a_pod_is_found_by_each_of_its_identifiers(query: str, by: str) -> None:
    async with served(synced_index(example_pod(), static_pod()), age=2.9) as client:
        answer = await client.get(f"/api/v1/pod?{query}")
    assert (answer.status_code, answer.content) == (200, RECORD)
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": str(len(RECORD)),
        "age": "2",
        "matched-by": by,
    }


@pytest.mark.parametrize("parameter", ["uid", "id"])
async def test_a_static_pod_is_found_by_its_config_hash(parameter: str) -> None:
    async with served(synced_index(example_pod(), static_pod())) as client:
        answer = await client.get(f"/api/v1/pod?{parameter}={CONFIG_HASH}")
    assert (answer.status_code, answer.content) == (200, encode_record(static_pod()))
    assert answer.headers["matched-by"] == "config.hash"


async def test_the_innermost_known_pod_is_returned() -> None:
    outer, inner = "a" * 8 + UID[8:], "b" * 8 + UID[8:]
    path = f"/kubepods/pod{outer}/{CONTAINER_ID}/kubepods/pod{inner}"
    async with served(synced_index(simple_pod(outer), simple_pod(inner, name="inner"))) as client:
        assert (await client.get("/api/v1/pod", params={"id": path})).json()["uid"] == inner
    async with served(synced_index(simple_pod(outer))) as client:
        assert (await client.get("/api/v1/pod", params={"id": path})).json()["uid"] == outer


@pytest.mark.parametrize(("query", "message"), NOT_FOUND)
async def test_an_unknown_pod_is_404_and_the_error_names_its_identifier(query: str, message: str) -> None:
    async with served(synced_index(example_pod())) as client:
        answer = await client.get(f"/api/v1/pod?{query}")
    assert (answer.status_code, answer.json()) == (404, {"error": message})
    assert "matched-by" not in answer.headers


@pytest.mark.parametrize(("query", "_message"), NOT_FOUND)
async def test_before_the_first_sync_a_miss_is_503_and_a_hit_is_200(query: str, _message: str) -> None:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=[example_pod()], begins=True))
    async with served(index) as client:
        answer = await client.get(f"/api/v1/pod?{query}")
        assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
        assert answer.headers["retry-after"] == "1"
        for known, _ in ANSWERED_BY:
            assert (await client.get(f"/api/v1/pod?{known}")).content == RECORD


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/api/v1/pod?uid={UID}", 200),
        ("HEAD", f"/api/v1/pod?uid={UID}", 200),
        ("GET", "/api/v1/pod?ip=10.244.1.5", 200),
        ("GET", "/api/v1/pods?node=node-1", 200),
        ("POST", "/api/v1/pods/lookup", 400),
        ("GET", "/api/v1/pod", 400),
        ("GET", "/api/v1/pod?ip=x", 400),
        ("GET", "/api/v1/pods", 400),
        ("GET", "/api/v1/pod?uid=U", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/pod/", 404),
        ("POST", "/api/v1/pod", 405),
        ("PUT", "/api/v1/pods", 405),
        ("GET", "/api/v1/pods/lookup", 405),
        ("GET", "/api/v1/pod?uid=" + "x" * 9000, 414),
        ("GET", "/api/v1/pods?node=" + "x" * 9000, 414),
        ("POST", "/api/v1/pods/lookup?" + "x" * 9000, 414),
    ],
)
async def test_every_response_of_the_api_has_the_age_of_the_data(method: str, path: str, status: int) -> None:
    async with served(synced_index(example_pod()), age=61.7) as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["age"]) == (status, "61")
    assert answer.headers["content-type"] == "application/json"


async def test_errors_have_the_age_of_the_data_too() -> None:
    index = PodIndex()
    async with served(index, age=5) as client:
        for path in ("/api/v1/pod?uid=U", "/api/v1/pods?node=n"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["age"]) == (503, "5")
        answer = await client.post("/api/v1/pods/lookup", json={"ids": ["U"]})
        assert (answer.status_code, answer.headers["age"], answer.headers["retry-after"]) == (503, "5", "1")
        answer = await client.post("/api/v1/pods/lookup", content=b" " * 300_000)
        assert (answer.status_code, answer.headers["age"]) == (413, "5")
        del index.synced
        for path in ("/api/v1/pod?uid=U", "/api/v1/pods?node=n"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["age"]) == (500, "5")
            assert answer.content == b'{"error":"internal error"}'


async def test_before_the_first_confirmation_the_age_is_the_uptime() -> None:
    async with served(PodIndex(), age=None) as client:
        answer = await client.get("/api/v1/pod?uid=U")
    assert 0 <= int(answer.headers["age"]) < 60


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/api/v1/pods/lookup", "GET", "POST"),
        ("/api/v1/pods/lookup", "HEAD", "POST"),
        ("/api/v1/pods/lookup", "PUT", "POST"),
        ("/api/v1/pods", "POST", "GET, HEAD"),
        ("/api/v1/pod", "POST", "GET, HEAD"),
    ],
)
async def test_another_method_is_405_with_the_allowed_ones(path: str, method: str, allow: str) -> None:
    async with served(synced_index()) as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.content == b'{"error":"Method not allowed"}'


async def test_a_key_that_is_switched_off_is_400() -> None:
    index = synced_index(example_pod(), index_names=frozenset())
    async with served(index) as client:
        for query, kind in (("ip=10.244.1.5", "ip"), ("namespace=default&name=example-pod", "name")):
            answer = await client.get(f"/api/v1/pod?{query}")
            assert (answer.status_code, answer.json()) == (
                400,
                {"error": f"lookups by {kind} are switched off by LOOKUP_KEYS"},
            )
        assert (await client.get(f"/api/v1/pod?uid={UID}")).status_code == 200
        answer = await client.get("/api/v1/pods?node=node-1")
        assert answer.json() == {"error": "lookups by node are switched off by LOOKUP_KEYS"}
        # Namespaces need no index.
        assert len((await client.get("/api/v1/pods?namespace=default")).json()["pods"]) == 1


@pytest.mark.parametrize(("query", "by"), ANSWERED_BY)
async def test_a_deleted_pod_is_found_with_include_deleted_only(query: str, by: str) -> None:
    index = synced_index(example_pod(), now=lambda: 1704153600.9)
    index.delete(change(example_pod(2_000)))
    async with served(index) as client:
        assert (await client.get(f"/api/v1/pod?{query}")).status_code == 404
        assert (await client.get(f"/api/v1/pod?{query}&includeDeleted=false")).status_code == 404
        answer = await client.get(f"/api/v1/pod?{query}&includeDeleted=true")
    assert (answer.status_code, answer.headers["matched-by"]) == (200, by)
    assert answer.content == RECORD[:-1] + b',"deletedAt":"2024-01-02T00:00:00Z"}'


@pytest.mark.parametrize(
    "query", ["ip=10.244.1.5", "namespace=default&name=example-pod", f"containerID={CONTAINER_ID}"]
)
async def test_an_existing_pod_precedes_a_deleted_one_and_the_last_deleted_precedes_earlier_ones(query: str) -> None:
    def incarnation(number: int) -> Delta:
        pod = example_pod(number)
        pod.metadata.uid = f"{number}" * 8 + UID[8:]
        return change(pod)

    index = synced_index(incarnation(1).pod)
    index.delete(incarnation(1))
    index.update(incarnation(2))
    async with served(index) as client:
        assert (await client.get(f"/api/v1/pod?{query}&includeDeleted=true")).json()["uid"][0] == "2"
        index.delete(incarnation(2))
        answer = (await client.get(f"/api/v1/pod?{query}&includeDeleted=true")).json()
        assert (answer["uid"][0], "deletedAt" in answer) == ("2", True)


async def test_the_most_specific_identifier_wins_even_if_its_pod_is_deleted() -> None:
    inner = "b" * 8 + UID[8:]
    index = synced_index(example_pod(), simple_pod(inner))
    index.delete(change(simple_pod(inner, 2_000)))
    path = f"/pod{UID}/kubepods/pod{inner}"
    async with served(index) as client:
        for deleted, uid in (("true", inner), ("false", UID)):
            answer = await client.get("/api/v1/pod", params={"id": path, "includeDeleted": deleted})
            assert answer.json()["uid"] == uid


async def test_a_deleted_pod_is_forgotten_after_the_retention() -> None:
    now = 0.0
    index = synced_index(example_pod(), now=lambda: now, retention_seconds=300)
    replace_page(index, listing(at=2_000))
    async with served(index) as client:
        for now, status in ((299.0, 200), (301.0, 404)):
            for query, _ in ANSWERED_BY:
                answer = await client.get(f"/api/v1/pod?{query}&includeDeleted=true")
                assert (now, answer.status_code) == (now, status)


async def test_annotations_are_returned_unchanged() -> None:
    text = '\u2028"\\\n\N{SNOWMAN}\0'
    index = synced_index(simple_pod("s", annotations={text: text}))
    async with served(index) as client:
        assert (await client.get("/api/v1/pod?uid=s")).json()["annotations"] == {text: text}
        index.delete(change(simple_pod("s", 2_000, annotations={text: text})))
        assert (await client.get("/api/v1/pod?uid=s&includeDeleted=true")).json()["annotations"] == {text: text}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v1/pod"), ("GET", "/api/v1/pods"), ("POST", "/api/v1/pods/lookup")]
)
async def test_a_query_of_8192_bytes_is_accepted_and_a_longer_one_is_414(method: str, path: str) -> None:
    longest = f"namespace=default&name=example-pod&x={'x' * 8192}"[:8192]
    stats = Stats()
    async with served(synced_index(example_pod()), stats=stats) as client:
        answer = await client.request(method, f"{path}?{longest}", content=b'{"ids": []}')
        assert answer.status_code == 200
        answer = await client.request(method, f"{path}?{longest}x", content=b'{"ids": []}')
    assert (answer.status_code, answer.json()) == (414, {"error": "query string is longer than 8192 bytes"})
    errors = [selector for (selector, result), count in stats.lookups.items() if result == "error" and count]
    assert errors == [{"/api/v1/pod": "none", "/api/v1/pods": "list", "/api/v1/pods/lookup": "many"}[path]]


async def test_the_limits_of_query_and_body_are_settings() -> None:
    settings = Settings(max_query_bytes=100, max_body_bytes=1024)
    async with served(synced_index(example_pod()), settings=settings) as client:
        answer = await client.get(f"/api/v1/pod?uid={'x' * 97}")
        assert (answer.status_code, answer.json()) == (414, {"error": "query string is longer than 100 bytes"})
        answer = await client.post("/api/v1/pods/lookup", content=b" " * 1025)
        assert (answer.status_code, answer.json()) == (413, {"error": "body is longer than 1024 bytes"})


async def test_a_slow_body_is_408_and_closes_the_connection() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0.04)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    app = create_app(synced_index(), lambda: 0.0, Settings(client_timeout_seconds=0.1))
    await app(http_scope("/api/v1/pods/lookup", method="POST"), receive, send)
    assert (sent[0]["status"], sent[1]["body"]) == (408, b'{"error":"request did not come within 0.1 s"}')
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_incomplete_bodies_are_bounded_together() -> None:
    app = create_app(synced_index(), lambda: 0.0, Settings(max_body_bytes=1024))
    go_on = asyncio.Event()
    waiting: list[Receive] = []

    def half_a_body() -> Receive:
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": b" " * 1024, "more_body": True}
            waiting.append(receive)
            await go_on.wait()
            return {"type": "http.disconnect"}

        return receive

    async def ignore(_: Message) -> None:
        raise AssertionError("the client is gone")

    scope = http_scope("/api/v1/pods/lookup", method="POST")
    readers = [asyncio.create_task(app(scope, half_a_body(), ignore)) for _ in range(BODIES_MAX)]
    await eventually_true(lambda: len(waiting) == BODIES_MAX)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/api/v1/pods/lookup", content=b'{"ids": []}')
        assert (answer.status_code, answer.json()) == (503, {"error": "too many bodies are being read"})
        assert answer.headers["retry-after"] == "1"
        go_on.set()
        await asyncio.gather(*readers)
        assert (await client.post("/api/v1/pods/lookup", content=b'{"ids": []}')).status_code == 200


async def test_complete_bodies_count_until_their_requests_are_answered() -> None:
    app = create_app(synced_index(), lambda: 0.0, Settings(max_body_bytes=1024))
    limiter = app.state.context.response_limiter
    body = b'{"ids": ["%b"]}' % (b"x" * 1000)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        async with limiter.slot({}):
            # The computation of this response keeps all others waiting.
            asking = [
                asyncio.create_task(client.post("/api/v1/pods/lookup", content=body)) for _ in range(BODIES_MAX + 10)
            ]
            done, _ = await asyncio.wait(asking, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert {task.result().json()["error"] for task in done} == {"too many bodies are being read"}
        answers = [answer.status_code for answer in await asyncio.gather(*asking)]
        assert answers.count(200) >= BODIES_MAX
        assert (await client.post("/api/v1/pods/lookup", content=body)).status_code == 200

"""``POST /api/v1/pods/lookup``: batch lookups."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from pod_index.api.app import create_app
from pod_index.api.endpoints import IDS_MAX
from pod_index.api.responses import CHUNK_BYTES
from pod_index.settings import Settings
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    UID,
    change,
    example_pod,
    http_scope,
    receiving,
    replace_page,
    served,
    simple_pod,
    static_pod,
    synced_index,
)

PATH = "/api/v1/pods/lookup"
INDEX = synced_index(example_pod())


async def test_results_are_in_the_order_of_the_ids_and_unknown_pods_are_null() -> None:
    index = synced_index(example_pod(), static_pod())
    ids = ["10.244.1.5", UID, "10.0.0.1", "no name", "", UID, CONFIG_HASH, f"/pod{UID}/{CONTAINER_ID}", "default/etcd"]
    async with served(index) as client:
        answer = await client.post(PATH, json={"ids": ids})
    example, static = (index.lookup(uid) for uid in (UID, static_pod().metadata.uid))
    pods = [example, example, None, None, None, example, static, example, static]
    results = (b'{"id":"%b","pod":%b}' % (text.encode(), pod or b"null") for text, pod in zip(ids, pods, strict=True))
    assert (answer.status_code, answer.content) == (200, b'{"results":[%b]}' % b",".join(results))
    assert answer.headers["content-type"] == "application/json"
    assert "matched-by" not in answer.headers


async def test_no_ids_give_no_results() -> None:
    async with served(synced_index()) as client:
        answer = await client.post(PATH, content='{"ids": []}')
    assert (answer.status_code, answer.content) == (200, b'{"results":[]}')


@given(ids=st.lists(st.text() | st.sampled_from([UID, "10.244.1.5", '"', "\\", "\0", "\u2028", "\x7f", "x" * 9000])))
async def test_ids_come_back_as_they_were_sent(ids: list[str]) -> None:
    for ensure_ascii in (True, False):
        body = json.dumps({"ids": ids}, ensure_ascii=ensure_ascii).encode()
        async with served(INDEX) as client:
            answer = await client.post(PATH, content=body)
        results = json.loads(answer.content)["results"]
        assert [result["id"] for result in results] == ids
        assert all((result["pod"] is None) == (result["id"] not in {UID, "10.244.1.5"}) for result in results)


async def test_a_surrogate_pair_is_one_character() -> None:
    async with served(synced_index()) as client:
        answer = await client.post(PATH, content=rb'{"ids": ["\ud83d\ude00"]}')
    assert answer.content == '{"results":[{"id":"\N{GRINNING FACE}","pod":null}]}'.encode()


@pytest.mark.parametrize(
    ("query", "deleted"), [("", False), ("?includeDeleted=false", False), ("?includeDeleted=true", True)]
)
async def test_deleted_pods_are_included_if_the_query_says_so(query: str, deleted: bool) -> None:
    index = synced_index(example_pod(), now=lambda: 0.0)
    index.delete(change(example_pod(2_000)))
    async with served(index) as client:
        answer = await client.post(PATH + query, json={"ids": [UID, "10.244.1.5", "default/example-pod", CONTAINER_ID]})
    pods = [result["pod"] for result in answer.json()["results"]]
    assert [pod and pod["deletedAt"] for pod in pods] == ["1970-01-01T00:00:00Z" if deleted else None] * 4


async def test_a_key_that_is_switched_off_is_unknown() -> None:
    async with served(synced_index(example_pod(), index_names=frozenset({"name"}))) as client:
        answer = await client.post(PATH, json={"ids": ["10.244.1.5", "default/example-pod"]})
    assert [result["pod"] is None for result in answer.json()["results"]] == [True, False]


async def test_before_the_first_sync_one_miss_fails_the_batch() -> None:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=[example_pod()], begins=True))
    async with served(index) as client:
        assert (await client.post(PATH, json={"ids": [UID, "10.244.1.5"]})).status_code == 200
        for missing in ("10.0.0.1", "nonsense"):
            answer = await client.post(PATH, json={"ids": [UID, missing]})
            assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
            assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("number", [1, 25, 26, IDS_MAX])
async def test_up_to_1000_pods_are_found(number: int) -> None:
    uids = [f"{n:08}{UID[8:]}" for n in range(number)]
    async with served(synced_index(*(simple_pod(uid) for uid in uids))) as client:
        results = (await client.post(PATH, json={"ids": uids})).json()["results"]
    assert [result["pod"]["uid"] for result in results] == uids


async def test_more_than_1000_are_refused() -> None:
    async with served(synced_index()) as client:
        answer = await client.post(PATH, json={"ids": ["x"] * 1001})
    assert answer.status_code == 400
    assert answer.json() == {"error": "body has 1001 ids; the maximum is 1000"}


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"{}",
            b"[]",
            b"null",
            b"ids=x",
            b"\xff",
            b"\0",
            b'{"ids": null}',
            b'{"ids": "x"}',
            b'{"ids": {}}',
        ),
        *(b'{"ids": [null]}', b'{"ids": [1]}', b'{"ids": [["x"]]}', b'{"IDs": ["x"]}', b'{"ids": ["x"]} more'),
        *(b'{"ids": ["\xff"]}', b'{"ids": ["\n"]}', b'{"ids": ["x]}', b'\xef\xbb\xbf{"ids": []}'),
        # A lone surrogate cannot be encoded in UTF-8.
        *(rb'{"ids": ["\ud800"]}', rb'{"ids": ["\udc00 and more"]}', b'{"ids": ["\xed\xa0\x80"]}'),
        *(b"[" * 100_000, b'{"x": ' + b"[" * 100_000, b'{"ids": ' + b"[" * 100_000),
    ],
)
async def test_a_body_of_another_form_is_refused_in_one_bounded_line(body: bytes) -> None:
    async with served(synced_index()) as client:
        answer = await client.post(PATH, content=body)
    assert answer.status_code == 400
    message = answer.json()["error"]
    assert message.startswith('body must be JSON such as {"ids": ["..."]}: ')
    assert len(message) < 200
    assert message.isprintable()


@given(st.binary() | st.builds(lambda rest: b'{"ids": [' + rest, st.binary()))
async def test_no_body_is_an_internal_error(body: bytes) -> None:
    async with served(INDEX) as client:
        assert (await client.post(PATH, content=body)).status_code in (200, 400)


async def test_an_invalid_query_is_refused() -> None:
    async with served(synced_index()) as client:
        answer = await client.post(f"{PATH}?includeDeleted=x", json={"ids": []})
    assert (answer.status_code, answer.json()) == (400, {"error": "includeDeleted must be true or false, not 'x'"})


async def test_a_body_of_256_kib_is_accepted_and_one_byte_more_is_413() -> None:
    body = b'{"ids": []}'.ljust(256 * 1024)
    async with served(synced_index()) as client:
        assert (await client.post(PATH, content=body)).status_code == 200
        answer = await client.post(PATH, content=body + b" ")
    assert (answer.status_code, answer.content) == (413, b'{"error":"body is longer than 262144 bytes"}')


async def answers(messages: list[Message], index: PodIndex = INDEX) -> list[Message]:
    """The response to a body in these parts; reading more parts is an error."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await create_app(index, lambda: 0.0)(http_scope(PATH, method="POST"), receiving(messages), send)
    return sent


def parts(*bodies: bytes) -> Iterator[Message]:
    """A body in parts, without an end."""
    return ({"type": "http.request", "body": body, "more_body": True} for body in bodies)


async def test_a_body_may_come_in_parts() -> None:
    body = b'{"ids": ["%b"]}' % UID.encode()
    start, content = await answers(
        [*parts(*(body[at : at + 3] for at in range(0, len(body), 3))), {"type": "http.request", "body": b""}]
    )
    assert start["status"] == 200
    assert content["body"].startswith(b'{"results":[{"id":"%b","pod":{' % UID.encode())


async def test_an_endless_body_is_413_as_soon_as_it_is_too_long() -> None:
    part = b"x" * 1024
    start, _ = await answers([*parts(*[part] * (Settings().max_body_bytes // 1024), b"x")])
    assert start["status"] == 413


@pytest.mark.parametrize("before", [[], [b'{"ids": []}'], [b"{", b'"ids"']])
async def test_a_client_that_disconnects_gets_no_response(before: list[bytes]) -> None:
    assert await answers([*parts(*before), {"type": "http.disconnect"}]) == []


async def test_a_long_response_is_sent_in_chunks() -> None:
    index = synced_index(simple_pod("long", annotations={"a": "x" * 10_000}))
    record = index.lookup("long") or b""
    start, *contents = await answers(
        [{"type": "http.request", "body": b'{"ids": [%b]}' % b",".join([b'"long"'] * 1_000)}], index
    )
    body = b"".join(content["body"] for content in contents)
    assert body == b'{"results":[%b]}' % b",".join([b'{"id":"long","pod":%b}' % record] * 1_000)
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(body)
    assert [content.get("more_body", False) for content in contents] == [*[True] * (len(contents) - 1), False]
    assert max(len(content["body"]) for content in contents) <= CHUNK_BYTES + len(record)

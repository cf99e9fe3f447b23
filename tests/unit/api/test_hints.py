"""Hints: texts that resemble identifiers have their remedy in a header, and the response is otherwise the same."""

import re
import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pod_index.api.hints import MAX_LENGTH, NEAR_MISSES, hint_for
from pod_index.store.deltas import ListPage
from pod_index.store.identifiers import IdentifierError, parse
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES
from tests.support.documents import OPERATOR, table
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    UID,
    example_pod,
    namesakes,
    replace_page,
    served,
    static_pod,
    synced_index,
)
from tests.support.spellings import NOT_IDENTIFIERS, SPELLINGS

PATH = "/api/v1/pod"
CUT, _, NAME, PARTS, OTHER = (near_miss.hint for near_miss in NEAR_MISSES)
HINTS = [
    ("id", "web-1", NAME),
    ("id", " web-1\n", NAME),
    ("id", "coredns-5dd5756b68-4xqzr", NAME),
    ("id", "web.example.com", NAME),
    ("id", "n" * 253, NAME),
    ("id", "pod/web-1", NAME),
    ("id", "pods/web-1", NAME),
    ("id", "po/web-1", NAME),
    ("uid", "web-1", NAME),
    ("uid", "pod/web-1", NAME),
    ("id", "shop/web-1/main", PARTS),
    ("id", "pods/kube-system/coredns", PARTS),
    ("uid", "shop/web-1/main", PARTS),
    ("id", "1234abcd-5678", CUT),
    ("id", "1234abcd-5678-90ef-", CUT),
    ("id", "1234ABCD-5678-90EF-aaaa-bbbb", CUT),
    ("id", UID[:-1], CUT),
    ("uid", UID[:-1], CUT),
    ("id", "1234abcd", CUT),
    ("id", "9bca8d63d5f", CUT),
    ("id", "containerd://9bca8d", CUT),
    ("uid", "9bca8d", CUT),
    ("containerID", "9bca8d63d5f", CUT),
    ("containerID", "containerd://9bca8d", CUT),
    ("uid", "10.244.9.9", OTHER),
    ("uid", "10.244.9.9:8080", OTHER),
    ("uid", "shop/web-1", OTHER),
    ("uid", "9bca8d63d5fa", OTHER),
    ("uid", "7" * 64, OTHER),
    ("uid", f"/kubepods/pod{'7' * 32}", OTHER),
]
NO_HINTS = [
    *[("id", "shop/web-1"), ("id", "10.244.9.9"), ("id", "9bca8d63d5fa"), ("id", "7" * 64), ("id", "7" * 32)],
    *[("id", "1234"), ("id", "10.244.5"), ("id", "10.244.1.256"), ("id", "10.244.0.0/16"), ("id", "10.244.1.5:http")],
    *[("id", "n" * 254), ("id", "Web-1"), ("id", "core_dns"), ("id", "web-"), ("id", "/web"), ("id", "a/b/c/d")],
    *[("id", "1/2/3"), ("id", "pod/"), ("id", "pod/pod/"), ("id", "x" * 8192), ("id", "0::/")],
    *[("id", "web-1 web-2"), ("id", "web-1\nweb-2"), ("id", "w\u00e9b"), ("id", "web-\u0661"), ("id", '"web"')],
    *[("uid", "0" * 32), ("uid", UID.replace("1", "2")), ("uid", "U"), ("uid", "x" * 8192), ("uid", "\r\nWarning: x")],
    *[("containerID", "web-1"), ("containerID", "some-vm"), ("containerID", "9bca8d63d5fa"), ("containerID", "c")],
    *[("ip", "10.244.9.9"), ("ip", "web-1")],
]


def quoted(parameter: str, text: str) -> str:
    return f"{PATH}?{parameter}={urllib.parse.quote(text, safe='')}"


@pytest.mark.parametrize(("parameter", "text", "hint"), HINTS)
async def test_a_near_miss_is_named_in_a_warning(parameter: str, text: str, hint: str) -> None:
    async with served(synced_index(example_pod())) as client:
        answer = await client.get(quoted(parameter, text))
    assert answer.status_code in (400, 404)
    assert answer.headers["warning"] == f'299 - "{hint}"'
    if answer.status_code == 400:
        assert answer.json()["error"].endswith(f" is not an identifier of a pod: {hint}")


@pytest.mark.parametrize(("parameter", "text"), NO_HINTS)
async def test_any_other_miss_has_no_warning(parameter: str, text: str) -> None:
    async with served(synced_index(example_pod())) as client:
        answer = await client.get(quoted(parameter, text))
    assert answer.status_code in (400, 404, 414)
    assert "warning" not in answer.headers


async def test_the_body_of_the_contract_stays_as_it_is() -> None:
    async with served(synced_index()) as client:
        answer = await client.get(f"{PATH}?uid=web-1")
        assert (answer.status_code, answer.content) == (404, b'{"error":"pod with UID web-1 not found"}')
        assert answer.headers["warning"] == '299 - "a name needs its namespace, for example shop/web-1"'


async def test_before_the_first_sync_a_near_miss_has_a_warning_too() -> None:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=[], begins=True))
    async with served(index) as client:
        answer = await client.get(f"{PATH}?uid=web-1")
    assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
    assert (answer.headers["warning"], answer.headers["retry-after"]) == (f'299 - "{NAME}"', "1")


async def test_a_pod_that_is_found_has_no_warning_and_neither_has_an_ambiguous_identifier() -> None:
    pods = [example_pod(), *namesakes(2, static_pod())]
    async with served(synced_index(*pods)) as client:
        for query, status in ((f"id={UID}", 200), (f"id={CONTAINER_ID[:12]}", 200), (f"uid={CONFIG_HASH}", 409)):
            answer = await client.get(f"{PATH}?{query}")
            assert (answer.status_code, answer.headers.get("warning")) == (status, None)


async def test_a_hint_that_needs_a_key_is_left_out_if_the_key_is_switched_off() -> None:
    async with served(synced_index(index_names=INDEX_NAMES - {"name"})) as client:
        assert "warning" not in (await client.get(f"{PATH}?id=web-1")).headers
        assert "warning" in (await client.get(f"{PATH}?id=1234abcd-5678")).headers


async def test_a_batch_has_the_hint_beside_the_pod() -> None:
    ids = ["web-1", UID, "10.244.9.9", "9bca8d", CONFIG_HASH]
    index = synced_index(example_pod(), *namesakes(2, static_pod()))
    for query in ("", "?details=true"):
        async with served(index) as client:
            results = (await client.post(f"/api/v1/pods/lookup{query}", json={"ids": ids})).json()["results"]
        assert [result.get("hint") for result in results] == [NAME, None, None, CUT, None]
        assert [result["pod"] is None for result in results] == [True, False, True, True, True]
        assert list(results[0]) == ["id", "pod", "hint"]


def test_hints_are_short_lines_that_need_no_escapes() -> None:
    for near_miss in NEAR_MISSES:
        assert re.fullmatch(r"[ -~]{1,100}", near_miss.hint)
        assert not set(near_miss.hint) & set('"\\')


@given(st.text() | st.from_regex(r"[a-f0-9/:.-]{1,20}") | st.sampled_from([row.text for row in SPELLINGS]))
@example("x" * (MAX_LENGTH + 1))
@example("pod/" * 100)
def test_only_a_text_that_is_not_understood_or_is_a_name_has_a_hint(text: str) -> None:
    hint = hint_for("id", text, INDEX_NAMES)
    if hint:
        try:
            (identifier,) = parse(text)
        except IdentifierError:
            return
        assert (identifier.kind, hint) in (("name", NAME), ("containerID", CUT))


def test_no_text_that_is_something_else_has_a_misleading_hint() -> None:
    hinted = {text: hint for text in NOT_IDENTIFIERS if (hint := hint_for("id", text, INDEX_NAMES))}
    assert {text for text, hint in hinted.items() if hint == CUT} == {UID[:-1], "9bca8d63d5f"}
    assert {text for text, hint in hinted.items() if hint == PARTS} == {"pods/kube-system/coredns"}


async def test_the_documented_near_misses_have_these_hints() -> None:
    rows = [row for row in table(OPERATOR, "near miss") if set(row[0]) != {"-"}]
    async with served(synced_index()) as client:
        for texts, hint in rows:
            for query in re.findall("`(.*?)`", texts):
                answer = await client.get(f"{PATH}?{query}")
                assert answer.headers["warning"] == f'299 - "{hint}"', query
    assert {hint for _, hint in rows} == {near_miss.hint for near_miss in NEAR_MISSES}

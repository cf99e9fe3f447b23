"""Tests of lookups by identifiers that several pods have."""

import asyncio
import urllib.parse
from typing import Any

import httpx
import pytest

from pod_index.pods import Pod
from pod_index.stats import Stats
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    change,
    example_pod,
    namesakes,
    replace_page,
    served,
    static_pod,
    synced_index,
)

CGROUP = f"/kubepods/burstable/pod{CONFIG_HASH}"
MORE = "give a container ID, or namespace and name"
QUERIES = [
    (f"uid={CONFIG_HASH}", "uid", f"UID {CONFIG_HASH} is that of 3 pods: {MORE}"),
    (f"id={CGROUP}", "id", f"ID {CGROUP} is that of 3 pods: {MORE}"),
    (f"id={CGROUP}/{'7' * 64}", "id", f"ID {CGROUP}/{'7' * 64} is that of 3 pods: {MORE}"),
    ("ip=10.244.1.5", "ip", f"IP 10.244.1.5 is that of 2 pods: {MORE}"),
    ("id=10.244.1.5", "id", f"ID 10.244.1.5 is that of 2 pods: {MORE}"),
    ("containerID=some-vm", "containerID", "container ID some-vm is that of 2 pods: give namespace and name"),
]


def pods() -> list[Pod]:
    return [*namesakes(3, static_pod()), *namesakes(2, example_pod(container_id="some-vm"))]


def quoted(query: str) -> str:
    return urllib.parse.quote(query, safe="=")


async def lookups(client: httpx.AsyncClient, result: str) -> float:
    """Return the number of lookups with a result."""
    lines = (await client.get("/metrics")).text.splitlines()
    counted = [line for line in lines if line.startswith("pod_index_lookups_total") and f'result="{result}"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counted)


@pytest.mark.parametrize(("query", "selector", "message"), QUERIES)
@pytest.mark.parametrize("options", ["", "&includeDeleted=true", "&wait=10ms"])
async def test_an_identifier_that_several_pods_have_is_409(
    query: str, selector: str, message: str, options: str
) -> None:
    stats = Stats()
    async with served(synced_index(*pods()), stats=stats) as client:
        answer = await client.get(f"/api/v1/pod?{quoted(query)}{options}")
        assert (answer.status_code, answer.json()) == (409, {"error": message})
        assert answer.headers["age"] == "0"
        assert stats.lookups[selector, "ambiguous"] == await lookups(client, "ambiguous") == 1
        assert await lookups(client, "error") == await lookups(client, "miss") == 0


async def test_deleted_pods_can_be_ambiguous_too() -> None:
    index = synced_index(*pods())
    for pod in namesakes(3, static_pod(2_000)):
        index.delete(change(pod))
    async with served(index) as client:
        assert (await client.get(f"/api/v1/pod?uid={CONFIG_HASH}")).status_code == 404
        assert (await client.get(f"/api/v1/pod?uid={CONFIG_HASH}&includeDeleted=true")).status_code == 409


async def test_before_the_first_sync_an_ambiguous_identifier_is_503_as_what_excludes_pods_may_be_unknown_yet() -> None:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=pods(), begins=True))
    async with served(index) as client:
        answer = await client.get(f"/api/v1/pod?uid={CONFIG_HASH}")
    assert (answer.status_code, answer.json()) == (503, {"error": "cache not synced"})


async def test_ambiguous_identifiers_are_null_in_a_batch() -> None:
    stats = Stats()
    ids = [CONFIG_HASH, "10.244.1.5", "default/pod-0", "default/pod-9"]
    async with served(synced_index(*pods()), stats=stats) as client:
        results = (await client.post("/api/v1/pods/lookup", json={"ids": ids})).json()["results"]
    assert [result["pod"] and result["pod"]["name"] for result in results] == [None, None, "pod-0", None]
    assert [stats.lookups["many", result] for result in ("hit", "miss", "ambiguous")] == [1, 1, 2]


def delete_the_others(index: PodIndex) -> None:
    for pod in namesakes(3, static_pod(2_000))[1:]:
        index.delete(change(pod))


def report_the_container(index: PodIndex) -> None:
    index.update(change(_with_container(namesakes(1, static_pod(2_000))[0])))


@pytest.mark.parametrize("resolve", [delete_the_others, report_the_container])
async def test_a_wait_ends_when_the_identifier_is_that_of_one_pod(resolve: Any) -> None:
    index = synced_index(*namesakes(3, static_pod()))
    async with served(index) as client:
        path = urllib.parse.quote(f"{CGROUP}/{CONTAINER_ID}")
        request = asyncio.create_task(client.get(f"/api/v1/pod?id={path}&wait=10s"))
        await asyncio.sleep(0.05)
        assert not request.done()
        resolve(index)
        answer = await request
    assert (answer.status_code, answer.json()["name"]) == (200, "pod-0")
    assert answer.headers["matched-by"] == "config.hash"


async def test_a_path_that_says_more_about_the_same_uid_resolves_it() -> None:
    index = synced_index(*namesakes(3, static_pod()))
    lines = f"/var/log/pods/default_pod-1_{CONFIG_HASH}/main/0.log {CGROUP}/{CONTAINER_ID}"
    async with served(index) as client:
        answer = await client.get(f"/api/v1/pod?id={urllib.parse.quote(lines)}")
    assert (answer.status_code, answer.json()["name"]) == (200, "pod-1")


async def test_another_identifier_in_the_text_does_not_resolve_an_ambiguous_uid() -> None:
    other = example_pod()
    index = synced_index(*namesakes(3, static_pod()), other)
    async with served(index) as client:
        text = urllib.parse.quote(f"/kubepods/pod{other.metadata.uid} {CGROUP}")
        assert (await client.get(f"/api/v1/pod?id={text}")).status_code == 409


def _with_container(pod: Pod) -> Pod:
    status = example_pod().status
    return Pod(pod.metadata, pod.spec, status)

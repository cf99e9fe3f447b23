"""Lookups by short container IDs, as ``crictl`` and ``docker ps`` print them."""

import asyncio

import pytest

from pod_index.pods import encode_record
from pod_index.stats import Stats
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES
from tests.support.served import (
    CONTAINER_ID,
    PREVIOUS_ID,
    change,
    example_pod,
    namesakes,
    replace_page,
    served,
    synced_index,
)

PATH = "/api/v1/pod"
SHORT = CONTAINER_ID[:12]
QUERIES = [
    f"id={SHORT}",
    f"id=%20{CONTAINER_ID[:13]}%0A",
    f"id={SHORT.upper()}",
    f"id=containerd://{SHORT}",
    f"id=docker%3A%2F%2F{CONTAINER_ID[:32]}",
    f"id={CONTAINER_ID[:63]}",
    f"containerID={SHORT}",
    f"containerID=cri-o://{SHORT.upper()}",
    f"containerID={CONTAINER_ID[:32]}",
]
MORE = "give the whole container ID, or namespace and name"


@pytest.mark.parametrize("query", [*QUERIES, f"id={PREVIOUS_ID[:12]}"])
async def test_a_pod_is_found_by_a_short_container_id(query: str) -> None:
    async with served(synced_index(example_pod())) as client:
        answer = await client.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.content) == (200, encode_record(example_pod()))
    assert answer.headers["matched-by"] == "containerID"


@pytest.mark.parametrize(
    ("container_id", "previous"), [(CONTAINER_ID[:12], False), (CONTAINER_ID[:63], False), (PREVIOUS_ID[:13], True)]
)
async def test_details_have_the_container(container_id: str, previous: bool) -> None:
    async with served(synced_index(example_pod())) as client:
        answer = await client.get(f"{PATH}?id={container_id}&details=true")
        batch = await client.post("/api/v1/pods/lookup?details=true", json={"ids": [container_id]})
    for pod in (answer.json(), batch.json()["results"][0]["pod"]):
        assert pod["matchedContainer"] == {"name": "main", "previous": previous}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"id={SHORT}", f"ID {SHORT} is that of 2 pods: {MORE}"),
        (f"containerID=docker://{SHORT}", f"container ID docker://{SHORT} is that of 2 pods: {MORE}"),
    ],
)
async def test_a_short_id_of_several_pods_is_409_and_null_in_a_batch(query: str, message: str) -> None:
    stats = Stats()
    other = example_pod(container_id=f"{SHORT}{'0' * 52}")
    index = synced_index(*namesakes(1, example_pod()), namesakes(2, other)[1])
    async with served(index, stats=stats) as client:
        answer = await client.get(f"{PATH}?{query}")
        batch = await client.post("/api/v1/pods/lookup", json={"ids": [SHORT]})
        whole = await client.get(f"{PATH}?id={CONTAINER_ID}")
    assert (answer.status_code, answer.json()) == (409, {"error": message})
    assert batch.json() == {"results": [{"id": SHORT, "pod": None}]}
    assert whole.json()["name"] == "pod-0"
    assert stats.lookups["many", "ambiguous"] == 1


async def test_a_short_id_of_a_deleted_pod_is_found_with_deleted_pods_only() -> None:
    index = synced_index(example_pod(), now=lambda: 0.0)
    index.delete(change(example_pod(2_000)))
    async with served(index) as client:
        assert (await client.get(f"{PATH}?id={SHORT}")).status_code == 404
        answer = await client.get(f"{PATH}?id={SHORT}&includeDeleted=true")
    assert answer.json()["deletedAt"] == "1970-01-01T00:00:00Z"


async def test_a_short_id_is_switched_off_with_the_key_of_container_ids() -> None:
    async with served(synced_index(example_pod(), index_names=INDEX_NAMES - {"containerID"})) as client:
        answer = await client.get(f"{PATH}?id={SHORT}")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "lookups by containerID are switched off by LOOKUP_KEYS"},
    )


def starting(*, complete: bool = False) -> ListPage:
    return ListPage(
        scope="", pods=[] if complete else [example_pod()], begins=not complete, complete_at=complete or None
    )


async def test_before_the_first_sync_a_short_id_is_503_even_if_a_known_pod_has_it() -> None:
    index = PodIndex()
    replace_page(index, starting())
    async with served(index) as client:
        for query in QUERIES:
            answer = await client.get(f"{PATH}?{query}")
            assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
        assert (await client.post("/api/v1/pods/lookup", json={"ids": [SHORT]})).status_code == 503
        assert (await client.get(f"{PATH}?id={CONTAINER_ID}")).status_code == 200
        replace_page(index, starting(complete=True))
        assert (await client.get(f"{PATH}?id={SHORT}")).status_code == 200


@pytest.mark.parametrize("known", [True, False])
async def test_a_wait_ends_with_the_first_sync_or_when_the_container_is_reported(known: bool) -> None:
    index = PodIndex() if known else synced_index()
    if known:
        replace_page(index, starting())
    async with served(index) as client:
        request = asyncio.create_task(client.get(f"{PATH}?id={SHORT}&wait=10s"))
        await asyncio.sleep(0.05)
        assert not request.done()
        if known:
            replace_page(index, starting(complete=True))
        else:
            index.update(change(example_pod()))
        answer = await request
    assert (answer.status_code, answer.json()["name"]) == (200, "example-pod")

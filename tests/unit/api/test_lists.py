"""``GET /api/v1/pods``: the pods of a node, of a namespace, or of both, page by page."""

import random
from typing import Any

import httpx
import pytest

from pod_index.pods import OwnerReference, Pod
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from pod_index.store.table import SLICE
from tests.support.served import change, replace_page, served, simple_pod, synced_index

PATH = "/api/v1/pods"


async def page(client: httpx.AsyncClient, **parameters: Any) -> tuple[list[str], str | None]:
    """The UIDs of a page, and its ``continue``."""
    answer = await client.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert set(found) <= {"pods", "continue"}
    return [pod["uid"] for pod in found["pods"]], found.get("continue")


async def pages(client: httpx.AsyncClient, **parameters: Any) -> list[list[str]]:
    """The UIDs of all pages."""
    uids, more = await page(client, **parameters)
    found = [uids]
    while more is not None:
        uids, more = await page(client, **parameters, **{"continue": more})
        assert uids > found[-1], "the paging would never end"
        found.append(uids)
    return found


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ({"node": "n1"}, ["a", "b", "c"]),
        ({"node": "n2"}, ["d"]),
        ({"namespace": "x"}, ["a", "c", "d"]),
        ({"namespace": "x", "node": "n1"}, ["a", "c"]),
        ({"namespace": "y", "node": "n2"}, []),
        ({"node": "n"}, []),
        ({"namespace": "x\nnx/web"}, []),
        ({"namespace": "x/web"}, []),
        ({"namespace": "*"}, []),
    ],
)
async def test_pods_of_a_node_or_a_namespace_or_both_are_listed(query: dict[str, str], uids: list[str]) -> None:
    pods = [
        simple_pod("c", namespace="x", node="n1"),
        simple_pod("a", namespace="x", node="n1"),
        simple_pod("b", namespace="y", node="n1"),
        simple_pod("d", namespace="x", node="n2"),
        simple_pod("e", namespace="xx", node="n12"),
        simple_pod("f", namespace="y", node=""),
    ]
    async with served(synced_index(*pods)) as client:
        assert await page(client, **query) == (uids, None)


def owned(uid: str, kind: str, owner: str, *, group: str = "apps", **parts: Any) -> Pod:
    """A pod whose controller has this kind and name."""
    pod = simple_pod(uid, **parts)
    pod.metadata.owner_references = [OwnerReference(f"{group}/v1", kind, owner, "o1", controller=True)]
    pod.metadata.labels = {"pod-template-hash": "7c9d"}
    return pod


OWNED = [
    owned("a", "ReplicaSet", "web-7c9d", node="n1"),
    owned("b", "ReplicaSet", "web-7c9d", node="n2"),
    owned("c", "ReplicaSet", "web", node="n1"),
    owned("d", "ReplicaSet", "web-7c9d", namespace="other", node="n1"),
    owned("e", "StatefulSet", "web", node="n1"),
    owned("f", "Job", "web", group="batch.volcano.sh"),
    owned("g", "Job", "web", group="batch"),
    simple_pod("h", name="web"),
    simple_pod("i", name="web-2"),
]


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ({"workload": "Deployment/web"}, ["a", "b"]),
        ({"workload": "Deployment.apps/web"}, ["a", "b"]),
        ({"workload": "Deployment/web", "node": "n1"}, ["a"]),
        ({"workload": "Deployment/web", "node": "n"}, []),
        ({"workload": "Deployment/web", "namespace": "other"}, ["d"]),
        ({"workload": "Deployment/web", "namespace": "othe"}, []),
        ({"workload": "Deployment/we"}, []),
        ({"workload": "Deployment/web-7c9d"}, []),
        ({"workload": "ReplicaSet/web"}, ["c"]),
        ({"workload": "ReplicaSet/web-7c9d"}, []),
        ({"workload": "StatefulSet/web"}, ["e"]),
        ({"workload": "Job.batch.volcano.sh/web"}, ["f"]),
        ({"workload": "Job/web"}, ["g"]),
        ({"workload": "Pod/web"}, ["h"]),
        ({"workload": "Pod/web\n"}, []),
        ({"workload": "Pod./web"}, ["h"]),
    ],
)
async def test_pods_of_a_workload_are_listed_with_details_or_without(
    query: dict[str, str], uids: list[str], details: bool
) -> None:
    async with served(synced_index(*OWNED, details=details)) as client:
        assert await page(client, **({"namespace": "default"} | query)) == (uids, None)
        if len(uids) > 1:
            assert await pages(client, **({"namespace": "default", "limit": 1} | query)) == [[uid] for uid in uids]


async def test_a_pod_is_listed_with_the_workload_that_it_has_now() -> None:
    index = synced_index(*OWNED)
    query = {"namespace": "default", "workload": "Deployment/web"}
    async with served(index) as client:
        adopted = owned("c", "ReplicaSet", "web-7c9d")
        adopted.metadata.resource_version = 2_000
        index.update(change(adopted))
        index.update(change(simple_pod("a", 2_000)))
        index.delete(change(owned("b", "ReplicaSet", "web-7c9d")))
        assert await page(client, **query) == (["c"], None)


async def test_lists_have_the_records_of_lookups() -> None:
    index = synced_index(simple_pod("a"), simple_pod("b"), simple_pod("c"))
    a, b = index.lookup("a"), index.lookup("b")
    assert a is not None
    assert b is not None
    async with served(index) as client:
        answer = await client.get(PATH, params={"namespace": "default", "limit": 2})
        assert answer.content == b'{"pods":[%b,%b],"continue":"b"}' % (a, b)
        answer = await client.get(PATH, params={"namespace": "none"})
        assert answer.content == b'{"pods":[]}'
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("number", [0, 1, 6])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
async def test_no_page_is_empty(number: int, limit: int) -> None:
    uids = [f"u{n}" for n in range(number)]
    async with served(synced_index(*(simple_pod(uid) for uid in uids))) as client:
        found = await pages(client, node="node-1", limit=limit)
    assert found == [uids[at : at + limit] for at in range(0, number, limit)] or found == [[]] == [uids]


async def test_a_page_has_500_pods_by_default_and_at_most_5000() -> None:
    uids = [f"{n:05}" for n in range(5_001)]
    async with served(synced_index(*(simple_pod(uid) for uid in uids))) as client:
        assert await page(client, namespace="default") == (uids[:500], "00499")
        assert await page(client, namespace="default", limit=5000) == (uids[:5000], "04999")
        assert (await client.get(PATH, params={"namespace": "default", "limit": 5001})).status_code == 400


@pytest.mark.parametrize("limit", [1, 7, SLICE, 700])
async def test_pods_are_in_the_order_of_their_uids_whatever_the_order_of_their_events(limit: int) -> None:
    uids = [f"{number:04}" for number in range(3 * SLICE)]
    shuffled = random.Random(limit).sample(uids, len(uids))
    for order in (uids[::-1], shuffled):
        async with served(synced_index(*(simple_pod(uid) for uid in order))) as client:
            assert (await page(client, namespace="default", limit=limit))[0] == uids[:limit]
            assert (await page(client, namespace="default", limit=limit, **{"continue": "0050"}))[0] == uids[51:][
                :limit
            ]


async def test_paging_continues_after_a_deleted_pod() -> None:
    index = synced_index(*(simple_pod(uid) for uid in "abcd"))
    async with served(index) as client:
        assert await page(client, node="node-1", limit=2) == (["a", "b"], "b")
        index.delete(change(simple_pod("b", 2_000)))
        assert await page(client, node="node-1", limit=2, **{"continue": "b"}) == (["c", "d"], None)


@pytest.mark.parametrize(
    ("text", "uids"),
    [("", "abc"), ("\0", "abc"), ("A", "abc"), ("aa", "bc"), ("bé\n", "c"), ("zzz", ""), ("\N{SNOWMAN}", "")],
)
async def test_any_continue_value_is_a_position_in_the_order(text: str, uids: str) -> None:
    async with served(synced_index(*(simple_pod(uid) for uid in "abc"))) as client:
        assert await page(client, node="node-1", **{"continue": text}) == (list(uids), None)


async def test_before_the_first_sync_a_list_is_503() -> None:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=[simple_pod("a")], begins=True))
    async with served(index) as client:
        answer = await client.get(PATH, params={"node": "node-1"})
    assert (answer.status_code, answer.content) == (503, b'{"error":"cache not synced"}')
    assert answer.headers["retry-after"] == "1"


async def test_deleted_pods_are_not_listed() -> None:
    index = synced_index(simple_pod("a"), simple_pod("b"))
    index.delete(change(simple_pod("a", 2_000)))
    async with served(index) as client:
        assert await page(client, node="node-1", includeDeleted="true") == (["b"], None)


@pytest.mark.parametrize("seed", range(25))
async def test_a_pod_that_exists_during_the_paging_is_on_one_page(seed: int) -> None:
    chance = random.Random(seed)
    uids = chance.sample(range(10_000), 60)
    staying, going = uids[:30], set(uids[30:])
    index = synced_index(*(simple_pod(f"{uid:04}", namespace=f"{uid % 2}", node=f"{uid % 3}") for uid in uids))
    version = 2_000
    queries = [({"node": "1"}, 3, 1), ({"namespace": "1"}, 2, 1), ({"node": "1", "namespace": "1"}, 6, 1)]
    parameters, modulus, rest = chance.choice(queries)
    seen: list[str] = []
    more: str | None = ""
    async with served(index) as client:
        while more is not None:
            found, more = await page(client, limit=chance.randint(1, 8), **parameters, **{"continue": more})
            assert not seen or found[:1] > seen[-1:] or not found, "the paging would never end"
            seen += found
            for _ in range(chance.randint(0, 10)):
                version += 1
                uid = chance.randrange(10_000)
                if going and chance.random() < 0.5:
                    index.delete(change(simple_pod(f"{going.pop():04}", version)))
                elif uid not in staying:
                    index.update(change(simple_pod(f"{uid:04}", version, namespace=f"{uid % 2}", node=f"{uid % 3}")))
                uid = chance.choice(staying)
                index.update(change(simple_pod(f"{uid:04}", version, namespace=f"{uid % 2}", node=f"{uid % 3}")))
    assert seen == sorted(set(seen))
    assert {f"{uid:04}" for uid in staying if uid % modulus == rest} <= set(seen)
    assert all(int(uid) % modulus == rest for uid in seen)


@pytest.mark.parametrize("workload", ["", "Deployment.apps/web"])
async def test_an_existing_pod_is_selected_while_others_come_and_go(workload: str) -> None:
    def pod(uid: str, version: int = 1, *, node: str = "node-1") -> Pod:
        return owned(uid, "ReplicaSet", "web-7c9d", version=version, node=node)

    index = synced_index(*(pod(f"{n:06}") for n in range(3 * SLICE)))
    staying = [f"{n:06}" for n in range(0, 3 * SLICE, 2)]
    slices = index.select(namespace="default", workload=workload)
    found = [uid for uid, *_ in next(slices)]
    first = len(found)
    for n in range(1, 3 * SLICE, 2):
        index.delete(change(pod(f"{n:06}", 2_000)))
        index.update(change(pod(f"new-{n:06}", 2_000)))
    for uid in staying:
        index.update(change(pod(uid, 3_000, node="node-2")))
    found += [uid for pods in slices for uid, *_ in pods]
    assert set(staying) <= set(found)
    assert len(found) == len(set(found))
    assert not [uid for uid in found[first:] if index.lookup(uid) is None]

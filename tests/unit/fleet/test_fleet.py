"""Lookups in several clusters, over HTTP to real pod-indexes."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from pod_index.store.index import PodIndex
from tests.support.peers import cluster, pod_index
from tests.support.polling import eventually_true
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    UID,
    change,
    example_pod,
    listing,
    replace_page,
    served,
    simple_pod,
    static_pod,
    synced_index,
)

OTHER = "5678abcd-1234-90ef-aaaa-bbbbccccdddd"
EMPTY = synced_index()


def a_pod(uid: str = OTHER) -> PodIndex:
    """An index with one simple pod."""
    return synced_index(simple_pod(uid))


@pytest.mark.parametrize(
    ("identifier", "matched_by"),
    [
        (f"uid={UID}", "uid"),
        (f"id=/kubepods/pod{UID}/{CONTAINER_ID}", "uid"),
        (f"containerID=containerd://{CONTAINER_ID}", "containerID"),
        ("ip=10.244.1.5", "ip"),
        ("namespace=default&name=example-pod", "name"),
        (f"details=true&id={CONTAINER_ID}", "containerID"),
    ],
)
async def test_the_pod_of_another_cluster_is_its_answer_byte_for_byte(
    identifier: str, matched_by: str, tmp_path: Path
) -> None:
    async with (
        pod_index(synced_index(example_pod())) as b,
        pod_index(EMPTY) as c,
        cluster(tmp_path, EMPTY, {"b": b, "c": c}) as here,
        httpx.AsyncClient(base_url=b) as direct,
    ):
        found = await here.client.get(f"/api/v1/pod?{identifier}&clusters=all")
        expected = await direct.get(f"/api/v1/pod?{identifier}")
    assert (found.status_code, found.content) == (200, expected.content)
    assert found.headers["cluster"] == "b"
    for name, value in (("age", "3"), ("matched-by", matched_by)):
        assert found.headers[name] == expected.headers[name] == value


async def test_the_pod_of_this_cluster_needs_no_other_one(tmp_path: Path) -> None:
    index = synced_index(example_pod())
    async with cluster(tmp_path, index, {"b": "http://127.0.0.1:1"}) as here:
        status, headers, _ = await here.get(f"uid={UID}&clusters=all")
        assert (status, headers) == (200, {"cluster": "a", "age": "7", "matched-by": "uid"})
        assert here.results("b") == {}
        await here.get(f"uid={OTHER}")
        assert here.results("b") == {}


async def test_a_pod_is_unknown_if_every_cluster_says_so(tmp_path: Path) -> None:
    async with (
        pod_index(EMPTY) as b,
        pod_index(EMPTY, age=99) as c,
        cluster(tmp_path, EMPTY, {"b": b, "c": c}) as here,
    ):
        status, headers, body = await here.get(f"uid={UID}&clusters=all")
        assert (status, headers, body) == (404, {"age": "99"}, {"error": f"pod with UID {UID} not found"})


async def test_only_the_named_clusters_are_asked(tmp_path: Path) -> None:
    async with (
        pod_index(EMPTY) as b,
        pod_index(synced_index(example_pod())) as c,
        cluster(tmp_path, synced_index(example_pod()), {"b": b, "c": c}) as here,
    ):
        assert (await here.get(f"uid={UID}&cluster=b"))[0] == 404
        assert (await here.get(f"uid={UID}&cluster=b&cluster=c"))[1]["cluster"] == "c"
        assert (await here.get(f"uid={UID}&cluster=&cluster=c"))[1]["cluster"] == "c"
        assert (await here.get(f"uid={UID}&%63luster=%63"))[1]["cluster"] == "c"
        assert (await here.get(f"uid={UID}&cluster=c"))[1]["cluster"] == "c"
        assert (await here.get(f"uid={UID}&cluster=a"))[1]["cluster"] == "a"


async def test_the_same_ip_in_two_clusters_is_never_a_guess(tmp_path: Path) -> None:
    other = example_pod()
    other.metadata.uid = OTHER
    async with pod_index(synced_index(other)) as b, cluster(tmp_path, synced_index(example_pod()), {"b": b}) as here:
        for query, subject in (
            ("ip=10.244.1.5", "IP 10.244.1.5"),
            ("namespace=default&name=example-pod", "default/example-pod"),
        ):
            status, _, body = await here.get(f"{query}&clusters=all")
            message = f"{subject} is that of pods in clusters a, b: ask one of them with cluster=NAME"
            assert (status, body) == (409, {"error": message})
            assert (await here.get(f"{query}&cluster=b"))[2]["uid"] == OTHER


async def test_static_pods_with_one_hash_in_two_clusters_are_ambiguous(tmp_path: Path) -> None:
    other = static_pod()
    other.metadata.uid = OTHER
    async with pod_index(synced_index(other)) as b, cluster(tmp_path, synced_index(static_pod()), {"b": b}) as here:
        assert (await here.get(f"id=/kubepods/pod{CONFIG_HASH}&clusters=all"))[0] == 409


async def test_a_pod_that_several_clusters_know_is_one_pod(tmp_path: Path) -> None:
    index = synced_index(example_pod())
    async with pod_index(index) as same, cluster(tmp_path, index, {"b": same, "c": same}) as here:
        assert (await here.get("ip=10.244.1.5&clusters=all"))[0] == 200


async def test_a_living_pod_comes_before_a_deleted_one_of_another_cluster(tmp_path: Path) -> None:
    old = a_pod(UID)
    old.delete(change(simple_pod(UID, 2_000)))
    async with pod_index(a_pod(OTHER)) as b, cluster(tmp_path, old, {"b": b}) as here:
        query = "namespace=default&name=web&clusters=all"
        assert (await here.get(f"{query}&includeDeleted=true"))[2]["uid"] == OTHER
        status, headers, body = await here.get(f"uid={UID}&clusters=all&includeDeleted=true")
        assert (status, headers["cluster"], body["uid"], "deletedAt" in body) == (200, "a", UID, True)


@pytest.mark.parametrize("cluster_with_pod", ["a", "b", "c"])
@pytest.mark.parametrize("query", [f"uid={UID}", "ip=10.244.1.5"])
async def test_a_wait_ends_when_the_pod_appears_in_any_cluster(
    query: str, cluster_with_pod: str, tmp_path: Path
) -> None:
    indexes = {name: synced_index() for name in "abc"}
    async with AsyncExitStack() as stack:
        peers = {name: await stack.enter_async_context(pod_index(indexes[name])) for name in "bc"}
        here = await stack.enter_async_context(cluster(tmp_path, indexes["a"], peers))
        found = asyncio.create_task(here.get(f"{query}&clusters=all&wait=10s"))
        # All of them wait: a request to each, and a second one that waits.
        await eventually_true(lambda: indexes["a"]._subscriptions)
        indexes[cluster_with_pod].update(change(example_pod()))
        status, headers, body = await found
        assert (status, headers["cluster"], body["uid"]) == (200, cluster_with_pod, UID)


async def test_a_wait_without_a_pod_ends_as_a_lookup(tmp_path: Path) -> None:
    async with pod_index(EMPTY) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        assert (await here.get(f"uid={UID}&clusters=all&wait=50ms"))[0] == 404
        assert here.results("b") == {"answered": 2}


async def test_this_cluster_counts_as_silent_before_its_first_sync(tmp_path: Path) -> None:
    async with pod_index(synced_index(example_pod())) as b, cluster(tmp_path, PodIndex(), {"b": b}) as here:
        assert (await here.get(f"uid={UID}&clusters=all"))[1]["cluster"] == "b"
        for query in (f"uid={OTHER}", "ip=10.244.1.5"):
            assert (await here.get(f"{query}&clusters=all"))[0] == 503
        _, _, body = await here.get("ip=10.244.1.5&clusters=all")
        assert body == {"error": "no answer from cluster a; found in cluster b"}


async def test_a_peer_is_silent_before_its_first_sync(tmp_path: Path) -> None:
    index = PodIndex()
    async with pod_index(index) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        status, _, body = await here.get(f"uid={UID}&clusters=all")
        assert (status, body) == (503, {"error": "no answer from cluster b; not found in the others"})
        assert here.results("b") == {"unsynced": 1}
        replace_page(index, listing(example_pod()))
        await eventually_true(lambda: here.fleet._clients["b"]._retry_at < asyncio.get_running_loop().time())
        assert (await here.get(f"uid={UID}&clusters=all"))[0] == 200


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("uid=U&clusters=some", "clusters must be all, not 'some'"),
        ("uid=U&clusters=all&cluster=b", "give clusters=all or cluster, not both"),
        ("uid=U&cluster=x", "cluster 'x' is unknown: give one of a, b"),
        ("uid=U&clusters=all&cluster=&cluster=b", "give clusters=all or cluster, not both"),
        ("uid=U&clusters=&clusters=some", "clusters must be all, not 'some'"),
        ("uid=U&clusters=all&clusters=b", "clusters must be all, not 'b'"),
        ("uid=U&clusters=all,b", "clusters must be all, not 'all,b'"),
        ("uid=U&cluster=all", "cluster 'all' is unknown: give one of a, b"),
        ("clusters=all", "uid parameter is required"),
        ("id=nonsense&clusters=all", None),
    ],
)
async def test_an_invalid_request_is_answered_without_asking(query: str, error: str | None, tmp_path: Path) -> None:
    async with cluster(tmp_path, EMPTY, {"b": "http://127.0.0.1:1"}) as here:
        status, _, body = await here.get(query)
        assert status == 400
        assert error is None or body == {"error": error}
        assert here.results("b") == {}


async def test_a_near_miss_has_its_hint(tmp_path: Path) -> None:
    async with cluster(tmp_path, EMPTY, {}) as here:
        answer = await here.client.get("/api/v1/pod?uid=web-1&clusters=all")
        assert (answer.status_code, "a name needs its namespace" in answer.headers["warning"]) == (404, True)
        ids = {"ids": ["web-1", "1234abcd-5678"]}
        results = (await here.client.post("/api/v1/pods/lookup?clusters=all", json=ids)).json()["results"]
        assert [result["hint"].partition(" ")[0] for result in results] == ["a", "an"]


@pytest.mark.parametrize("short", [CONTAINER_ID[:12], f"containerd://{CONTAINER_ID[:13]}"])
async def test_a_short_container_id_can_be_that_of_a_pod_in_any_cluster(short: str, tmp_path: Path) -> None:
    other = example_pod(container_id=f"{CONTAINER_ID[:20]}{'0' * 44}")
    other.metadata.uid = OTHER
    async with pod_index(synced_index(other)) as b, cluster(tmp_path, synced_index(example_pod()), {"b": b}) as here:
        assert (await here.get(f"containerID={short}&clusters=all"))[0] == 409
        assert (await here.get(f"containerID={CONTAINER_ID}&clusters=all"))[1]["cluster"] == "a"
        assert here.results("b") == {"answered": 1}


async def test_lists_are_of_one_cluster(tmp_path: Path) -> None:
    async with cluster(tmp_path, EMPTY, {}) as here:
        names = ("clusters=all", "clusters=some", "cluster=&cluster=b", "clusters=&clusters=all", "%63luster=a")
        for query in [f"{query}&{name}" for query in ("all=true", "all=true&watch=true") for name in names]:
            answer = await here.client.get(f"/api/v1/pods?{query}")
            assert (answer.status_code, answer.json()["error"]) == (
                400,
                "lists are of one cluster: send the request to its pod-index, without clusters",
            )


async def test_an_empty_name_of_clusters_counts_as_none(tmp_path: Path) -> None:
    async with (
        pod_index(synced_index(example_pod())) as b,
        cluster(tmp_path, a_pod(), {"b": b}) as here,
    ):
        assert (await here.client.get("/api/v1/pods?all=true&cluster=&clusters=")).status_code == 200
        assert (await here.get(f"uid={UID}&clusters=&cluster="))[0] == 404
        assert here.results("b") == {}
        assert (await here.get(f"uid={UID}&clusters=&clusters=all"))[1]["cluster"] == "b"
        ids = {"ids": [UID]}
        for query in ("clusters=&clusters=all", "clusters=all&clusters=all", "cluster=&cluster=b&cluster=b"):
            (result,) = (await here.client.post(f"/api/v1/pods/lookup?{query}", json=ids)).json()["results"]
            assert result["cluster"] == "b"


async def test_what_a_peer_rejects_is_the_clients_error(tmp_path: Path) -> None:
    index = synced_index(index_names=frozenset())
    async with pod_index(index) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        status, headers, body = await here.get("ip=10.244.1.5&clusters=all")
        assert (status, headers["cluster"]) == (400, "b")
        assert body == {"error": "lookups by ip are switched off by LOOKUP_KEYS"}


@pytest.mark.parametrize("login", [{"tokenFile": "token"}, {"loginFile": "login"}])
async def test_peers_get_their_credentials(login: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "login").write_text("ann:s3cret\n")
    login_of_both = {"basic_auth_username": "ann", "basic_auth_password": "s3cret"}
    auth: dict[str, Any] = {"auth_token_file": str(tmp_path / "token"), **login_of_both}
    async with pod_index(synced_index(example_pod()), **auth) as b:
        async with cluster(tmp_path, EMPTY, {"b": {"url": b, **login}}, **auth) as here:
            assert (await here.get(f"uid={UID}&clusters=all"))[0] == 200
        async with cluster(tmp_path, EMPTY, {"b": b}) as here:
            assert (await here.get(f"uid={UID}&clusters=all"))[0] == 503
            assert here.results("b") == {"unauthorized": 1}


async def test_without_a_name_there_are_no_clusters() -> None:
    async with served(EMPTY) as client:
        for answer in (
            await client.get("/api/v1/pod?uid=U&clusters=all"),
            await client.post("/api/v1/pods/lookup?clusters=all", json={"ids": []}),
        ):
            assert answer.status_code == 400
            assert json.loads(answer.content)["error"].endswith("set CLUSTER_NAME and PEERS_FILE")

"""Streams with details, and streams of a workload."""

import pytest

from pod_index.containers import Container, ContainerStatus
from pod_index.pods import OwnerReference, Pod, PodSpec, PodStatus
from pod_index.store.indexers import INDEX_NAMES
from tests.support.served import change, simple_pod, synced_index
from tests.support.watching import watched


def detailed(version: int, restarts: int) -> Pod:
    """A pod whose container has been restarted so often."""
    statuses = [ContainerStatus(name="main", restart_count=restarts)]
    pod = simple_pod("a", version)
    return Pod(pod.metadata, PodSpec("node-1", containers=[Container("main")]), PodStatus(container_statuses=statuses))


async def test_a_change_of_nothing_but_details_concerns_only_streams_with_details() -> None:
    index = synced_index(detailed(1, 0))
    async with (
        watched(index) as server,
        server.stream() as plain,
        server.stream("all=true&details=true") as stream,
        server.stream("node=node-1&details=true") as on_node,
    ):
        await plain.until_bookmark()
        listed = (await server.get("all=true&details=true")).json()["pods"]
        for watch in (stream, on_node):
            assert await watch.next() == {"type": "ADDED", "object": listed[0]}
            await watch.until_bookmark()
        index.update(change(detailed(1_001, 1)))
        for watch in (stream, on_node):
            event = await watch.next()
            assert event is not None
            assert (event["type"], event["object"]["containers"][0]["restartCount"]) == ("MODIFIED", 1)
        index.update(change(simple_pod("b", 1_002)))
        assert await plain.until_bookmark() == [("ADDED", "b")]


async def test_a_resumed_stream_with_details_has_the_details_that_have_changed_since() -> None:
    index = synced_index(detailed(1, 0), simple_pod("b", 2))
    async with watched(index) as server:
        async with server.stream("all=true&details=true") as stream:
            await stream.until_bookmark()
        index.update(change(detailed(1_001, 1)))
        query = stream.resuming("all=true&details=true")
        async with server.stream(query) as resumed:
            assert await resumed.until_bookmark() == [("ADDED", "a")]
        answer = await server.get(f"watch=true&{stream.resuming()}")
        assert answer.status_code == 410, "the copy of this client has details"


async def test_a_stream_with_details_is_refused_like_a_list_if_they_are_not_kept() -> None:
    async with watched(synced_index(details=False)) as server:
        listed, answer = [await server.get(f"{watch}all=true&details=true") for watch in ("", "watch=true&")]
        assert (answer.status_code, answer.content) == (listed.status_code, listed.content)
        assert answer.json() == {"error": "details are switched off by DETAILS"}


def owned(version: int, owner: str) -> Pod:
    """A pod of a StatefulSet."""
    pod = simple_pod("a", version)
    pod.metadata.owner_references = [OwnerReference("apps/v1", "StatefulSet", owner, "o", controller=True)]
    return pod


@pytest.mark.parametrize("details", ["", "&details=true"])
async def test_a_pod_leaves_the_stream_of_its_workload_and_joins_that_of_another_one(details: str) -> None:
    index = synced_index(owned(1, "old"), simple_pod("b", 2))
    async with (
        watched(index) as server,
        server.stream(f"namespace=default&workload=StatefulSet/old{details}") as old,
        server.stream(f"namespace=default&workload=StatefulSet/new{details}") as new,
        server.stream("node=node-1") as plain,
    ):
        assert await old.until_bookmark() == [("ADDED", "a")]
        assert await new.until_bookmark() == []
        await plain.until_bookmark()
        index.update(change(owned(1_001, "new")))
        assert await old.until_bookmark() == [("DELETED", "a")]
        assert await new.until_bookmark() == [("ADDED", "a")]
        index.update(change(simple_pod("b", 1_002, annotations={"a": "b"})))
        assert await plain.until_bookmark() == [("MODIFIED", "b")]
        query = old.resuming(f"namespace=default&workload=StatefulSet/old{details}")
        index.update(change(owned(1_003, "old")))
        async with server.stream(query) as resumed:
            assert await resumed.until_bookmark() == [("ADDED", "a")]


async def test_a_stream_of_a_workload_is_refused_like_a_list_without_its_lookup_key() -> None:
    async with watched(synced_index(index_names=INDEX_NAMES - {"workload"})) as server:
        query = "namespace=default&workload=Job/x"
        listed, answer = [await server.get(f"{watch}{query}") for watch in ("", "watch=true&")]
        assert (answer.status_code, answer.content) == (listed.status_code, listed.content)
        assert answer.status_code == 400

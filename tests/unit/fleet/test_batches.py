"""Batch lookups in several clusters."""

import asyncio
import json
from pathlib import Path
from typing import Any

from starlette.types import Message

from pod_index.api.app import create_app
from pod_index.api.cluster_batches import BATCHES_MAX
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from tests.support.peers import Here, Received, cluster, pod_index, response, scripted
from tests.support.polling import eventually_true
from tests.support.served import (
    UID,
    change,
    example_pod,
    http_scope,
    listing,
    namesakes,
    replace_page,
    served,
    simple_pod,
    synced_index,
)

OTHER = "5678abcd-1234-90ef-aaaa-bbbbccccdddd"
EMPTY = synced_index()


async def look_up(here: Here, ids: list[str], query: str = "clusters=all") -> list[dict[str, Any]]:
    """The results, with the UID of a pod in place of the pod."""
    answer = await here.client.post(f"/api/v1/pods/lookup?{query}", json={"ids": ids})
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    for result in results:
        if result["pod"] is not None:
            result["pod"] = result["pod"]["uid"]
    return results


async def test_each_result_names_its_cluster_and_the_age_of_its_data(tmp_path: Path) -> None:
    async with (
        pod_index(synced_index(example_pod())) as b,
        pod_index(EMPTY) as c,
        cluster(tmp_path, synced_index(simple_pod(OTHER)), {"b": b, "c": c}) as here,
    ):
        assert await look_up(here, [UID, "10.244.1.5", OTHER, "default/web", "10.9.9.9", UID]) == [
            {"id": UID, "cluster": "b", "age": 3, "pod": UID},
            {"id": "10.244.1.5", "cluster": "b", "age": 3, "pod": UID},
            {"id": OTHER, "cluster": "a", "age": 7, "pod": OTHER},
            {"id": "default/web", "cluster": "a", "age": 7, "pod": OTHER},
            {"id": "10.9.9.9", "pod": None},
            {"id": UID, "cluster": "b", "age": 3, "pod": UID},
        ]
        # What is unknown here is one request to each.
        assert here.results("b") == here.results("c") == {"answered": 1}
        assert await look_up(here, [OTHER, UID], "cluster=b") == [
            {"id": OTHER, "pod": None},
            {"id": UID, "cluster": "b", "age": 3, "pod": UID},
        ]


async def test_a_batch_of_pods_of_this_cluster_asks_no_other(tmp_path: Path) -> None:
    async with cluster(tmp_path, synced_index(example_pod()), {"b": "http://127.0.0.1:1"}) as here:
        assert (await look_up(here, [UID]))[0]["cluster"] == "a"
        assert await look_up(here, []) == []
        assert here.results("b") == {}


async def test_a_thousand_pods_of_which_each_cluster_has_a_third(tmp_path: Path) -> None:
    pods = namesakes(1_000, simple_pod("00000000-1234-90ef-aaaa-bbbbccccdddd"))
    indexes = [synced_index(*pods[number::3]) for number in range(3)]
    async with (
        pod_index(indexes[1]) as b,
        pod_index(indexes[2]) as c,
        cluster(tmp_path, indexes[0], {"b": b, "c": c}) as here,
    ):
        ids = [pod.metadata.uid for pod in pods]
        results = await look_up(here, ids)
        assert [(result["id"], result["pod"]) for result in results] == [(uid, uid) for uid in ids]
        assert [result["cluster"] for result in results] == ["abc"[number % 3] for number in range(1_000)]
        names = [f"default/pod-{number}" for number in range(1_000)]
        assert [result["cluster"] for result in await look_up(here, names)] == [
            "abc"[number % 3] for number in range(1_000)
        ]
        assert here.results("b") == here.results("c") == {"answered": 2}


async def test_details_and_deleted_pods_are_those_of_their_cluster(tmp_path: Path) -> None:
    index = synced_index(example_pod())
    old = synced_index(simple_pod(OTHER))
    old.delete(change(simple_pod(OTHER, 2_000)))
    async with pod_index(index) as b, served(index) as direct, cluster(tmp_path, old, {"b": b}) as here:
        ids = json.dumps({"ids": [UID, OTHER]})
        query = "details=true&includeDeleted=true"
        found = (await here.client.post(f"/api/v1/pods/lookup?{query}&clusters=all", content=ids)).json()["results"]
        expected = (await direct.post(f"/api/v1/pods/lookup?{query}", content=ids)).json()["results"]
        assert found[0]["pod"] == expected[0]["pod"]
        assert "containers" in found[0]["pod"]
        assert (found[1]["cluster"], found[1]["pod"]["uid"]) == ("a", OTHER)
        assert "deletedAt" in found[1]["pod"]


async def test_own_details_come_with_the_matched_container(tmp_path: Path) -> None:
    index = synced_index(example_pod())
    ids = json.dumps({"ids": [UID, "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f"]})
    async with served(index) as direct, cluster(tmp_path, index, {}) as here:
        found = (await here.client.post("/api/v1/pods/lookup?details=true&clusters=all", content=ids)).json()
        expected = (await direct.post("/api/v1/pods/lookup?details=true", content=ids)).json()
        assert [result["pod"] for result in found["results"]] == [result["pod"] for result in expected["results"]]


async def test_a_partial_failure_is_an_error_of_each_id_that_it_concerns(tmp_path: Path) -> None:
    async with (
        pod_index(synced_index(example_pod())) as b,
        pod_index(PodIndex()) as c,
        cluster(tmp_path, synced_index(simple_pod(OTHER)), {"b": b, "c": c}) as here,
    ):
        assert await look_up(here, [UID, OTHER, "default/web", "10.9.9.9", "no sense"]) == [
            {"id": UID, "cluster": "b", "age": 3, "pod": UID},
            {"id": OTHER, "cluster": "a", "age": 7, "pod": OTHER},
            {"id": "default/web", "error": "no answer from cluster c; found in cluster a", "pod": None},
            {"id": "10.9.9.9", "error": "no answer from cluster c; not found in the others", "pod": None},
            {
                "id": "no sense",
                "error": "id 'no sense' is not an identifier of a pod: give"
                " a UID, a cgroup or log path, a container ID, an IP address or namespace/name",
                "pod": None,
            },
        ]


async def test_one_ip_in_two_clusters_is_an_error_and_so_is_one_of_two_pods(tmp_path: Path) -> None:
    twins = synced_index(*namesakes(2, example_pod()))
    async with pod_index(twins) as b, cluster(tmp_path, synced_index(example_pod()), {"b": b}) as here:
        here_too, there, both = "default/example-pod", "default/pod-1", "10.244.1.5"
        results = await look_up(here, [here_too, there, both])
        assert [result.get("cluster") for result in results] == ["a", "b", None]
        assert (
            results[2]["error"] == "ID 10.244.1.5 is that of pods in clusters a, b: ask one of them with cluster=NAME"
        )
        (result,) = await look_up(here, [both], "cluster=b")
        assert (result["cluster"], result["error"]) == ("b", "ID 10.244.1.5 is that of 2 pods")


async def test_a_peer_with_lower_limits_gets_smaller_batches(tmp_path: Path) -> None:
    pods = namesakes(400, simple_pod("00000000-1234-90ef-aaaa-bbbbccccdddd"))
    async with pod_index(synced_index(*pods), max_body_bytes=2_000) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        ids = [pod.metadata.uid for pod in pods]
        assert [result["pod"] for result in await look_up(here, ids)] == ids
        assert here.results("b")["rejected"] >= 1
        assert here.stats.peers_up == {"b": True}


async def test_long_ids_are_sent_in_several_batches(tmp_path: Path) -> None:
    async with pod_index(EMPTY) as b, cluster(tmp_path, EMPTY, {"b": b}, max_body_bytes=2**20) as here:
        ids = [f"/kubepods/pod{number:08}{UID[8:]}/{'x' * 2_000}" for number in range(200)]
        assert all(result.get("error") is None for result in await look_up(here, ids))
        assert here.results("b")["answered"] >= 2


async def test_garbage_in_a_batch_is_no_answer(tmp_path: Path) -> None:
    bodies = [
        *(b"[]", b'{"results":[]}', b'{"results":[{}]}'),
        *(b'{"results":[{"status":200,"pod":%b}]}' % pod for pod in (b"{}", b"5", b"null", b"[" * 100_000)),
        b'{"results":[{"status":200,"matchedBy":"uid","pod":{"uid":"U"}}]}',
        b'{"results":[{"status":503,"pod":null}]}',
    ]
    rest = iter(bodies)

    async def script(_: Received) -> bytes | None:
        return response(200, next(rest))

    async with scripted(script) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        for number in range(1, len(bodies) + 1):
            (result,) = await look_up(here, [UID])
            assert result["error"] == "no answer from cluster b; not found in the others"
            assert here.results("b") == {"malformed": number}
            here.fleet._clients["b"]._retry_at = 0.0
        assert here.fleet.memory.free == here.fleet.memory.limit


async def test_a_reload_while_requests_are_under_way_changes_nothing_for_them(tmp_path: Path) -> None:
    proceed = asyncio.Event()

    async def late(_: Received) -> bytes | None:
        await proceed.wait()
        return response(200, b'{"results":[{"status":404,"pod":null}]}')

    async with scripted(late) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        asked = asyncio.create_task(look_up(here, [UID]))
        await eventually_true(lambda: b.requests)
        here.path.write_text('{"peers": []}')
        here.fleet.check()
        assert here.fleet.select([]) == ("a",)
        assert here.stats.peers_up == {}
        proceed.set()
        assert await asked == [{"id": UID, "pod": None}]


async def test_explain_tells_what_single_lookups_would(tmp_path: Path) -> None:
    index = PodIndex(index_names=frozenset({"ip", "name"}))
    async with served(index) as client:
        answer = await client.post("/api/v1/pods/lookup?explain=true", json={"ids": [UID]})
        assert (answer.status_code, answer.json()) == (503, {"error": "cache not synced"})
        replace_page(index, listing(*namesakes(2, example_pod()), simple_pod(OTHER)))
        ids = [OTHER, "default/web", "10.9.9.9", "10.244.1.5", "nonsense", "ab" * 32]
        answer = await client.post("/api/v1/pods/lookup?explain=true", json={"ids": ids})
        results = answer.json()["results"]
        assert [(result["status"], result.get("matchedBy")) for result in results] == [
            *((200, "uid"), (200, "name"), (404, None), (409, None), (400, None), (400, None)),
        ]
        assert results[3]["error"] == "ID 10.244.1.5 is that of 2 pods"
        assert results[5]["error"] == "id lookups by containerID are switched off by LOOKUP_KEYS"
        assert all("cluster" not in result for result in results)


async def test_batches_and_lists_of_this_cluster_do_not_wait_for_a_slow_peer(tmp_path: Path) -> None:
    proceed = asyncio.Event()

    async def late(_: Received) -> bytes | None:
        await proceed.wait()
        return response(200, b'{"results":[{"status":404,"pod":null}]}')

    async with scripted(late) as b, cluster(tmp_path, synced_index(simple_pod(OTHER)), {"b": b.url}) as here:
        slow = [asyncio.create_task(look_up(here, [UID])) for _ in range(BATCHES_MAX + 2)]
        await eventually_true(lambda: len(b.requests) == BATCHES_MAX)
        assert [result["pod"] for result in await look_up(here, [OTHER], "")] == [OTHER]
        assert (await here.client.get("/api/v1/pods?all=true")).status_code == 200
        assert not any(request.done() for request in slow)
        proceed.set()
        assert await asyncio.gather(*slow) == [[{"id": UID, "pod": None}]] * len(slow)


async def test_null_from_an_older_release_is_no_answer_since_it_may_mean_several_pods(tmp_path: Path) -> None:
    async def without_explain(_: Received) -> bytes | None:
        return response(200, b'{"results":[{"id":"10.244.1.5","pod":null}]}')

    async with (
        scripted(without_explain) as b,
        pod_index(synced_index(example_pod())) as c,
        cluster(tmp_path, EMPTY, {"b": b.url, "c": c}) as here,
    ):
        (result,) = await look_up(here, ["10.244.1.5"])
        assert result == {"id": "10.244.1.5", "error": "no answer from cluster b; found in cluster c", "pod": None}


async def test_a_response_that_is_too_long_takes_no_memory_from_its_parts(tmp_path: Path) -> None:
    ids = [OTHER[:-1] + digit for digit in "0123456789abcdef"]

    async def chunked(received: Received) -> bytes | None:
        wanted = json.loads(received.body)["ids"]
        body = b",".join(
            b'{"status":200,"matchedBy":"uid","pod":{"uid":"%b","x":"%b"}}' % (uid.encode(), b"x" * 700_000)
            for uid in wanted
        )
        body = b'{"results":[%b]}' % body
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAge: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        return b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)

    async with scripted(chunked) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        assert [result["pod"] for result in await look_up(here, ids)] == ids
        assert here.results("b") == {"oversized": 1, "answered": 2}
        await eventually_true(lambda: here.fleet.memory.free == here.fleet.memory.limit)


async def test_a_client_that_leaves_ends_its_batch(tmp_path: Path) -> None:
    gone, answer = asyncio.Event(), asyncio.Event()
    proceed = asyncio.Event()
    messages: list[Message] = [{"type": "http.request", "body": json.dumps({"ids": [UID]}).encode()}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        answer.set()

    async def late(_: Received) -> bytes | None:
        await proceed.wait()
        return response(200, b'{"results":[{"status":404,"pod":null}]}')

    async with scripted(late) as b, cluster(tmp_path, EMPTY, {"b": b.url}, peer_timeout_seconds=60.0) as here:
        app = create_app(EMPTY, lambda: 0.0, Settings(peer_timeout_seconds=60.0), clusters=here.fleet)
        request = asyncio.create_task(app(http_scope("/api/v1/pods/lookup", b"clusters=all", "POST"), receive, send))
        await eventually_true(lambda: b.requests)
        gone.set()
        await request
        await eventually_true(lambda: not here.fleet._requests)
        assert not answer.is_set()
        assert here.fleet.memory.free == here.fleet.memory.limit
        assert here.fleet._clients["b"]._slots._value == 100
        assert here.stats.peers_up == {"b": True}


async def test_a_batch_without_a_place_answers_for_its_own_cluster(tmp_path: Path) -> None:
    async def never(_: Received) -> bytes | None:
        await asyncio.Event().wait()
        return None

    index = synced_index(simple_pod(OTHER))
    async with scripted(never) as b, cluster(tmp_path, index, {"b": b.url}, peer_timeout_seconds=0.2) as here:
        here.fleet._settings = Settings(peer_timeout_seconds=60.0)
        slow = [asyncio.create_task(look_up(here, [UID])) for _ in range(BATCHES_MAX)]
        await eventually_true(lambda: len(b.requests) == BATCHES_MAX)
        assert await look_up(here, [OTHER, UID]) == [
            {"id": OTHER, "cluster": "a", "age": 7, "pod": OTHER},
            {"id": UID, "error": "no answer from cluster b; not found in the others", "pod": None},
        ]
        assert here.results("b") == {"busy": 1}
        assert here.stats.peers_up == {"b": True}
        for request in slow:
            request.cancel()

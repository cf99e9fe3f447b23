"""``details=true``: containers, owner and workload of pods, and the container that was asked for."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from starlette.types import Message

from pod_index.api.app import create_app
from pod_index.api.detailed import STEP_BYTES
from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.responses import CHUNK_BYTES
from pod_index.containers import Container
from pod_index.store.index import PodIndex
from tests.support.polling import eventually_true
from tests.support.served import (
    CONTAINER_ID,
    PREVIOUS_ID,
    UID,
    change,
    example_pod,
    http_scope,
    namesakes,
    receiving,
    served,
    simple_pod,
    synced_index,
)

POD, PODS, BATCH = "/api/v1/pod", "/api/v1/pods", "/api/v1/pods/lookup"
UNKNOWN_ID = "e" * 64
MAIN, PREVIOUS = {"name": "main", "previous": False}, {"name": "main", "previous": True}


async def plain_and_detailed(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> tuple[Any, Any]:
    """The JSON of the response without details and with them; other parameters are the same."""
    found = []
    for details in ("false", "true"):
        parameters = {**options.get("params", {}), "details": details}
        answer = await client.request(method, path, **(options | {"params": parameters}))
        assert answer.status_code == 200, answer.content
        assert int(answer.headers["content-length"]) == len(answer.content)
        found.append(answer.json())
    return found[0], found[1]


async def test_details_follow_the_fields_of_the_record_in_each_kind_of_response() -> None:
    async with served(synced_index(example_pod(), simple_pod("b"))) as client:
        record, pod = await plain_and_detailed(client, "GET", POD, params={"uid": UID})
        _, listed = await plain_and_detailed(client, "GET", PODS, params={"namespace": "default"})
        body = {"ids": [UID, "no name", "10.244.1.5", "b"]}
        _, looked_up = await plain_and_detailed(client, "POST", BATCH, json=body)
        (other,) = (await client.get(PODS, params={"node": "node-1", "continue": UID, "details": "1"})).json()["pods"]
    assert list(pod.items())[: len(record)] == list(record.items())
    details = list(pod)[len(record) :]
    assert details == [
        *("hostIP", "podIPs", "serviceAccountName", "startTime", "qosClass", "owner", "workload", "containers"),
    ]
    assert listed == {"pods": [pod, other]}
    assert other["workload"] == {"apiVersion": "v1", "kind": "Pod", "name": "web", "source": "pod"}
    results = [{"id": text, "pod": found} for text, found in zip(body["ids"], [pod, None, pod, other], strict=True)]
    assert looked_up == {"results": results}


async def test_deleted_pods_keep_their_details() -> None:
    index = synced_index(example_pod(), now=lambda: 0.0)
    index.delete(change(example_pod(2_000)))
    async with served(index) as client:
        record, pod = await plain_and_detailed(client, "GET", POD, params={"id": CONTAINER_ID, "includeDeleted": "1"})
        _, many = await plain_and_detailed(
            client, "POST", BATCH, params={"includeDeleted": "true"}, json={"ids": [CONTAINER_ID]}
        )
    assert list(pod)[len(record) - 1] == "deletedAt"
    assert (pod["workload"]["name"], pod["matchedContainer"]) == ("example", MAIN)
    assert many == {"results": [{"id": CONTAINER_ID, "pod": pod}]}


@pytest.mark.parametrize(
    ("selector", "text", "matched"),
    [
        ("containerID", CONTAINER_ID, MAIN),
        ("containerID", f"containerd://{CONTAINER_ID.upper()}", MAIN),
        ("containerID", PREVIOUS_ID, PREVIOUS),
        ("id", CONTAINER_ID, MAIN),
        ("id", f"0::/kubepods/pod{UID}/cri-containerd-{CONTAINER_ID}.scope", MAIN),
        ("id", f"0::/kubepods/pod{UID}/cri-containerd-{PREVIOUS_ID}.scope", PREVIOUS),
        ("id", f"0::/kubepods/pod{UID}/cri-containerd-{UNKNOWN_ID}.scope", None),
        ("id", f"12:cpu:/kubepods/pod{UID}/{CONTAINER_ID}\n1:name=systemd:/kubepods/pod{UID}/{CONTAINER_ID}", MAIN),
        ("id", f"/kubepods/pod{UID}/{CONTAINER_ID} /kubepods/pod{UID}/{UNKNOWN_ID}", MAIN),
        ("id", f"/docker/{UNKNOWN_ID}/kubepods/pod{UID}/{CONTAINER_ID}", MAIN),
        ("id", f"/var/log/pods/default_example-pod_{UID}/main/0.log", MAIN),
        ("id", f"/var/log/pods/default_example-pod_{UID}/other/0.log", None),
        ("id", f"/var/log/pods/default_example-pod_{UID}/", None),
        ("id", f"kube.var.log.pods.default_example-pod_{UID}.main.0.log", MAIN),
        ("id", f"/var/log/containers/example-pod_default_main-{CONTAINER_ID}.log", MAIN),
        ("id", f"/var/log/containers/example-pod_default_main-{PREVIOUS_ID}.log", PREVIOUS),
        ("id", f"k8s_main_example-pod_default_{UID}_1", MAIN),
        ("id", f"k8s_POD_example-pod_default_{UID}_1", None),
        ("id", f"/var/log/pods/default_other_{UNKNOWN_ID[:32]}/main/0.log /pod{UID}", None),
        ("id", "10.244.1.5", None),
        ("id", "default/example-pod", None),
        ("uid", UID, None),
    ],
)
async def test_the_container_that_the_identifier_names_is_matched(
    selector: str, text: str, matched: dict[str, Any] | None
) -> None:
    async with served(synced_index(example_pod())) as client:
        _, pod = await plain_and_detailed(client, "GET", POD, params={selector: text})
        _, many = await plain_and_detailed(client, "POST", BATCH, json={"ids": [text]})
    assert pod["uid"] == UID
    assert pod.get("matchedContainer") == matched
    assert many["results"][0]["pod"] == pod


async def test_a_container_is_matched_without_the_index_of_container_ids() -> None:
    async with served(synced_index(example_pod(), index_names=frozenset())) as client:
        _, pod = await plain_and_detailed(client, "GET", POD, params={"id": f"/pod{UID}/{PREVIOUS_ID}"})
    assert pod["matchedContainer"] == PREVIOUS


async def test_a_lookup_that_waits_has_details() -> None:
    index = synced_index()
    async with served(index) as client:
        waiting = asyncio.create_task(client.get(POD, params={"id": CONTAINER_ID, "wait": "10s", "details": "true"}))
        await eventually_true(lambda: index._subscriptions)
        index.update(change(example_pod()))
        assert (await waiting).json()["matchedContainer"] == MAIN


@pytest.mark.parametrize("path", [f"{POD}?uid={UID}", f"{PODS}?namespace=default", BATCH])
async def test_without_details_in_the_index_they_are_refused_and_all_else_works(path: str) -> None:
    index = synced_index(example_pod(), details=False)
    record = index.lookup(UID)
    assert record is not None
    assert index.details(UID) is None
    method, body = ("POST", {"ids": [UID]}) if path == BATCH else ("GET", None)
    mark = "&" if "?" in path else "?"
    async with served(index) as client:
        refused = await client.request(method, f"{path}{mark}details=true", json=body)
        assert (refused.status_code, refused.json()) == (400, {"error": "details are switched off by DETAILS"})
        answers = [await client.request(method, f"{path}{mark}details={text}", json=body) for text in ("false", "")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(record in answer.content for answer in answers)


def large_pods(number: int) -> PodIndex:
    """Pods with 30 containers each: 2 KB of details."""
    pod = example_pod()
    pod.spec = type(pod.spec)(containers=[Container(f"container-{n}", f"example.com/image-{n}:1") for n in range(30)])
    return synced_index(*namesakes(number, pod))


@pytest.mark.parametrize(("containers", "steps"), [(1, 0), (300, 1)])
async def test_a_lookup_of_a_pod_with_many_containers_is_a_step(
    containers: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = example_pod()
    pod.spec = type(pod.spec)(containers=[Container(f"container-{number}") for number in range(containers)])
    names = [container.name for container in pod.spec.containers or ()]
    status = (pod.status.container_statuses or [])[0]
    pod.status = msgspec.structs.replace(
        pod.status, container_statuses=[msgspec.structs.replace(status, name=name) for name in names]
    )
    taken = count_steps(monkeypatch)
    async with served(synced_index(pod)) as client:
        answer = await client.get(POD, params={"uid": UID, "details": "true"})
    assert [found["name"] for found in answer.json()["containers"]] == names
    assert len(taken) == steps


def count_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of all limiters from now on."""
    steps: list[str] = []
    within = ResponseLimiter.step

    @asynccontextmanager
    async def counted(limiter: ResponseLimiter) -> AsyncIterator[None]:
        async with within(limiter):
            steps.append("step")
            yield

    monkeypatch.setattr(ResponseLimiter, "step", counted)
    return steps


def requests() -> Iterator[tuple[dict[str, Any], bytes]]:
    yield http_scope(PODS, b"namespace=default&limit=5000&details=true"), b""
    ids = [f"{number:08}{UID[8:]}" for number in range(500)]
    yield http_scope(BATCH, b"details=true", "POST"), json.dumps({"ids": ids}).encode()


@pytest.mark.parametrize(("scope", "body"), list(requests()), ids=["list", "batch"])
async def test_details_are_made_as_the_client_reads_in_steps(
    scope: dict[str, Any], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = count_steps(monkeypatch)
    chunks: list[bytes] = []
    length = 0

    async def send(message: Message) -> None:
        nonlocal length
        if message["type"] == "http.response.start":
            length = int(dict(message["headers"])[b"content-length"])
            assert len(steps) >= length // (2 * STEP_BYTES)
            steps.clear()
        else:
            chunks.append(message["body"])
            # No chunk is made before the previous one is sent.
            assert len(steps) == len(chunks)

    await create_app(large_pods(500), lambda: 0.0)(scope, receiving([{"type": "http.request", "body": body}]), send)
    assert length == sum(map(len, chunks)) > 500 * 2_000
    assert max(map(len, chunks)) < CHUNK_BYTES + 4_000
    assert len(json.loads(b"".join(chunks)).popitem()[1]) == 500


async def test_a_short_response_with_details_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = count_steps(monkeypatch)
    chunks: list[bytes] = []

    async def send(message: Message) -> None:
        chunks.append(message.get("body", b""))
        if len(chunks) == 1:
            steps.clear()

    scope = http_scope(PODS, b"namespace=default&details=true")
    await create_app(large_pods(40), lambda: 0.0)(scope, receiving([{"type": "http.request"}]), send)
    assert CHUNK_BYTES < len(b"".join(chunks)) < STEP_BYTES
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert not steps
    assert [len(pod["containers"]) for pod in json.loads(b"".join(chunks))["pods"]] == [30] * 40


async def test_a_response_with_details_is_that_of_the_moment_of_the_request() -> None:
    index = large_pods(100)
    parts: list[bytes] = []

    async def send(message: Message) -> None:
        parts.append(message.get("body", b""))
        if len(parts) == 1:
            for number in range(100):
                pod = example_pod(2_000)
                pod.metadata.uid = f"{number:08}{UID[8:]}"
                (index.delete if number % 2 else index.update)(change(pod))

    scope = http_scope(PODS, b"namespace=default&details=true")
    await create_app(index, lambda: 0.0)(scope, receiving([{"type": "http.request"}]), send)
    pods = json.loads(b"".join(parts))["pods"]
    assert [len(pod["containers"]) for pod in pods] == [30] * 100

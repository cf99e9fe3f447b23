"""Long work is done in steps, so that short requests are answered between them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from pod_index.api.endpoints import ID_BYTES, IDS_MAX, SHORT_BYTES
from pod_index.api.response_limiter import STEP_BYTES, ResponseLimiter
from pod_index.store.changes import ChangeOrder, Overlay
from pod_index.store.entries import Entry
from pod_index.store.identifiers import MAX_LENGTH, Identifier
from pod_index.store.index import PodIndex
from pod_index.store.matching import Ambiguity, Match
from pod_index.store.table import ListedPod
from tests.support.polling import DEADLINE_SECONDS, eventually_true
from tests.support.served import (
    CONFIG_HASH,
    UID,
    change,
    example_pod,
    listing,
    namesakes,
    replace_page,
    served,
    simple_pod,
    static_pod,
)
from tests.support.watching import Watched, watched

HASH = "c" * 32
UNKNOWN = f"aaaa{UID[4:]}"


class Iterations:
    """Counts the iterations of the event loop."""

    def __init__(self) -> None:
        self.number = 0

    @contextlib.asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Count in the context."""
        counting = asyncio.create_task(self._count())
        yield
        counting.cancel()

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.number += 1


class ObservedIndex(PodIndex):
    """Notes in which iterations of the event loop it is searched, and for what."""

    def __init__(self, iterations: Iterations) -> None:
        super().__init__()
        self._iterations = iterations
        self.searches: list[tuple[int, str]] = []
        self.scraped_in: list[int] = []
        replace_page(self, listing(example_pod()))

    def find(self, identifier: Identifier, *, deleted: bool = False) -> Match | Ambiguity | None:
        self.searches.append((self._iterations.number, identifier.value))
        return super().find(identifier, deleted=deleted)

    def count_deleted(self) -> int:
        self.scraped_in.append(self._iterations.number)
        return super().count_deleted()


def many_paths(length: int, first: int = 0) -> str:
    """As many pods as fit, up to 20."""
    return "\n".join(f"/pod{first + number:032x}".ljust(length // 20, "/") for number in range(20))[:length]


@pytest.mark.parametrize(
    "ids",
    [
        ["x" * MAX_LENGTH] * 30,
        ["\x01" * 5_000] * 8,
        [f"/pod{HASH}/{'a/' * 2_000}"] * 40,
        [many_paths(MAX_LENGTH, number) for number in range(30)],
        [f"default/pod-{number}" for number in range(IDS_MAX)],
        [f"10.0.0.{number % 256}" for number in range(IDS_MAX)],
        [UID] * IDS_MAX,
        [""] * IDS_MAX,
    ],
    ids=lambda ids: ascii(ids[0][:12]),
)
async def test_a_batch_leaves_the_event_loop_after_so_many_bytes(ids: list[str]) -> None:
    iterations = Iterations()
    async with served(ObservedIndex(iterations)) as client, iterations.counted():
        assert (await client.post("/api/v1/pods/lookup", content=json.dumps({"ids": ids}))).status_code == 200
    size = sum(ID_BYTES + len(text) for text in ids)
    assert iterations.number >= size // (STEP_BYTES + ID_BYTES + MAX_LENGTH)
    if len(ids[0]) < STEP_BYTES // 8:
        assert iterations.number >= size // (2 * STEP_BYTES)


async def test_a_step_of_a_batch_has_one_ambiguous_identifier() -> None:
    iterations = Iterations()
    index = ObservedIndex(iterations)
    replace_page(index, listing(*namesakes(100, static_pod())))
    async with served(index) as client, iterations.counted():
        assert (await client.post("/api/v1/pods/lookup", json={"ids": [CONFIG_HASH] * 20})).status_code == 200
    found_in = [iteration for iteration, value in index.searches]
    assert len(set(found_in)) == len(found_in) == 20


async def test_an_iteration_of_the_event_loop_renders_the_metrics_once() -> None:
    iterations = Iterations()
    index = ObservedIndex(iterations)
    async with served(index) as client, iterations.counted():
        await asyncio.gather(*(client.get("/metrics") for _ in range(5)))
    assert len(set(index.scraped_in)) == len(index.scraped_in) == 5


async def test_an_iteration_of_the_event_loop_has_one_step_of_many_requests() -> None:
    limiter, iterations, steps = ResponseLimiter(timeout_seconds=60.0), Iterations(), list[int]()

    async def work() -> None:
        for _ in range(10):
            async with limiter.step():
                steps.append(iterations.number)

    async with iterations.counted():
        await asyncio.gather(*(work() for _ in range(5)))
    assert len(set(steps)) == len(steps) == 50


class ObservedOrder(ChangeOrder):
    """Notes in which iterations of the event loop streams read it."""

    def __init__(self, iterations: Iterations) -> None:
        super().__init__()
        self._iterations = iterations
        self.read_in: set[int] = set()

    def read(self, after: int, overlay: Overlay | None) -> Iterator[tuple[list[Entry], int]]:
        self.read_in.add(self._iterations.number)
        return super().read(after, overlay)


class SharedIndex(PodIndex):
    """Notes in which iterations of the event loop lists and streams read it."""

    def __init__(self, iterations: Iterations) -> None:
        self._order = ObservedOrder(iterations)
        super().__init__(changes=self._order)
        self._iterations = iterations
        self.listed_in: set[int] = set()
        replace_page(self, listing(*namesakes(1_000, example_pod())))

    @property
    def followed_in(self) -> set[int]:
        return self._order.read_in

    def select(self, *, node: str = "", namespace: str = "", workload: str = "") -> Iterator[list[ListedPod]]:
        for part in super().select(node=node, namespace=namespace, workload=workload):
            self.listed_in.add(self._iterations.number)
            yield part


async def test_an_iteration_of_the_event_loop_has_no_step_of_a_stream_beside_one_of_a_list() -> None:
    iterations = Iterations()
    index = SharedIndex(iterations)

    async def follow(server: Watched) -> None:
        async with server.stream() as stream:
            await stream.until_bookmark()

    async with watched(index) as server, iterations.counted():
        await asyncio.gather(*(task for _ in range(10) for task in (follow(server), server.get("all=true"))))
    assert len(index.listed_in) == 40
    assert len(index.followed_in) > 10
    assert not index.listed_in & index.followed_in


async def test_a_step_computes_for_many_streams() -> None:
    iterations = Iterations()
    index = SharedIndex(iterations)
    async with watched(index) as server, contextlib.AsyncExitStack() as streams, iterations.counted():
        opened = [await streams.enter_async_context(server.stream("namespace=other")) for _ in range(50)]
        for stream in opened:
            assert await stream.until_bookmark() == []
        index.followed_in.clear()
        index.update(change(simple_pod("u", 2_000, namespace="other")))
        for stream in opened:
            assert await stream.until_bookmark() == [("ADDED", "u")]
    assert len(index.followed_in) < len(opened) / 2


async def test_a_failed_or_cancelled_step_lets_others_go_on() -> None:
    limiter = ResponseLimiter(timeout_seconds=60.0)
    with pytest.raises(ZeroDivisionError):
        async with limiter.step():
            raise ZeroDivisionError

    async def work() -> None:
        async with limiter.step():
            await asyncio.sleep(0)

    working = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in working[:2]:
        task.cancel()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(*working, return_exceptions=True)
        await work()


async def test_long_lookups_are_searched_one_after_the_other_and_short_ones_between_them() -> None:
    iterations = Iterations()
    index = ObservedIndex(iterations)
    texts = [many_paths(SHORT_BYTES * 4, 100 * client) for client in range(5)]
    async with served(index) as client, iterations.counted():
        long = [asyncio.create_task(client.get("/api/v1/pod", params={"id": text})) for text in texts]
        await eventually_true(lambda: index.searches, every=0)
        assert (await client.get("/api/v1/pod", params={"uid": UID.upper()})).status_code == 200
        assert not all(task.done() for task in long)
        assert {answer.status_code for answer in await asyncio.gather(*long)} == {404}
    requests: dict[int, set[int]] = {}
    for iteration, value in index.searches:
        if value != UID:
            requests.setdefault(iteration, set()).add(int(value, 16) // 100)
    assert [len(searched) for searched in requests.values()] == [1] * 5


async def test_a_long_lookup_may_wait() -> None:
    index = ObservedIndex(Iterations())
    text = f"{'/x' * SHORT_BYTES}/pods/{UNKNOWN}"
    async with served(index) as client:
        waiting = asyncio.create_task(client.get("/api/v1/pod", params={"id": text, "wait": "10s"}))
        await eventually_true(lambda: len(index.searches) >= 2)
        index.update(change(simple_pod(UNKNOWN)))
        answer = await waiting
    assert (answer.status_code, answer.json()["uid"]) == (200, UNKNOWN)

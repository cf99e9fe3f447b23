"""Requests begin in turns, so that an iteration of the event loop has little work."""

import asyncio
import itertools

import pytest

from pod_index.server.connections import Connection
from pod_index.server.turns import Turns
from tests.support.connections import PATIENT, get, serving
from tests.support.polling import DEADLINE_SECONDS, eventually_true


class Iterations:
    """Counts the iterations of the event loop."""

    def __init__(self) -> None:
        self.number = 0
        self._count()

    def _count(self) -> None:
        self.number += 1
        self._handle = asyncio.get_running_loop().call_soon(self._count)

    def stop(self) -> None:
        self._handle.cancel()


async def test_turns_are_taken_in_order_and_each_iteration_has_a_limited_number() -> None:
    turns, iterations = Turns(2), Iterations()
    taken: list[tuple[int, int]] = []

    async def take(number: int) -> None:
        await turns.wait()
        taken.append((number, iterations.number))

    for repetition in range(2):  # After a pause, too.
        taken.clear()
        await asyncio.gather(*(take(number) for number in range(10)))
        assert [number for number, _ in taken] == list(range(10)), repetition
        in_iteration = [iteration for _, iteration in taken]
        assert max(map(in_iteration.count, in_iteration)) == 2
        await asyncio.sleep(0.01)
    iterations.stop()


async def test_a_turn_that_is_free_is_taken_at_once() -> None:
    turns = Turns(1)
    with pytest.raises(StopIteration):
        turns.wait().send(None)
    another = turns.wait()
    assert isinstance(another.send(None), asyncio.Future)
    another.close()


async def test_a_turn_of_a_request_that_was_cancelled_goes_to_the_next_one() -> None:
    turns = Turns(1)
    requests = [asyncio.create_task(turns.wait()) for _ in range(4)]
    await asyncio.sleep(0)
    for request in requests[1:3]:
        request.cancel()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await requests[3]
    assert [request.cancelled() for request in requests] == [False, True, True, False]


async def test_requests_of_many_connections_begin_one_by_one() -> None:
    async with serving(PATIENT) as served:
        clients = [await served.connect() for _ in range(20)]
        begun: list[int] = []
        requested = served.application.requested
        for client in clients:
            client.send(get("/a") + get("/b"))
        iterations = Iterations()
        while len(requested) < 40:
            begun.append(len(requested))
            await asyncio.sleep(0)
        iterations.stop()
        assert max(after - before for before, after in itertools.pairwise(begun)) == 1
        for client in clients:
            assert [await client.read_response() for _ in range(2)] == [(200, b"/a"), (200, b"/b")]


async def test_a_request_whose_client_is_gone_before_its_turn_does_not_begin() -> None:
    async with serving(PATIENT) as served:
        turns = served.server._pool.turns
        turns._left = 0
        clients = [await served.connect() for _ in range(2)]
        for number, client in enumerate(clients):
            client.send(get(f"/{number}"))
        await eventually_true(lambda: len(turns._waiting) == 2)
        (gone,) = [
            connection
            for connection in served.server._pool.connections
            if isinstance(connection, Connection) and connection.scope["path"] == "/1"
        ]
        gone.displace()
        await eventually_true(lambda: served.stats.connections == 1)
        turns._begin_iteration()
        assert await clients[0].read_response() == (200, b"/0")
        await eventually_true(lambda: not turns._waiting)
        assert served.application.requested == ["/0"]

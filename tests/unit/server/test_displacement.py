"""Connections that give way to others."""

import asyncio
import ssl

import msgspec
import pytest

from pod_index.server import server
from pod_index.server.pool import ConnectionPool
from pod_index.stats import Stats
from tests.support.certificates import HOST
from tests.support.connections import PATIENT, get, serving
from tests.support.polling import eventually_true

THREE = msgspec.structs.replace(PATIENT, max_connections=3)


class Stub:
    """A connection of the pool."""

    def __init__(self, pool: ConnectionPool) -> None:
        self.displaced = False
        self._pool = pool
        pool.add(self)

    def displace(self) -> None:
        self.displaced = True
        self._pool.discard(self)


async def test_a_new_connection_displaces_the_one_that_has_been_idle_longest() -> None:
    async with serving(THREE) as served:
        clients = [await served.connect() for _ in range(3)]
        for number in (1, 0, 2, 1):
            assert await clients[number].request("/") == (200, b"/")
        fourth = await served.connect()
        assert await fourth.request("/ready") == (200, b"/ready")
        assert await clients[0].read_until_closed() == b""
        for client in (clients[1], clients[2], fourth):
            assert await client.request("/") == (200, b"/")
        assert served.close_reasons() == {"displaced": 1}
        assert served.stats.connections == 3


async def test_a_silent_connection_and_a_slow_head_are_displaced_too() -> None:
    async with serving(THREE) as served:
        silent, slow, _ = [await served.connect() for _ in range(3)]
        slow.send(b"GET / HTTP/1.1\r\nX: ")
        await asyncio.sleep(0.02)
        for client in (silent, slow):
            assert await (await served.connect()).request("/") == (200, b"/")
            assert await client.read_until_closed() == b""


async def test_a_connection_with_a_pending_response_is_not_displaced() -> None:
    async with serving(THREE) as served:
        clients = [await served.connect() for _ in range(3)]
        for client in clients:
            client.send(get("/wait"))
        await eventually_true(lambda: len(served.application.requested) == 3)
        refused = await served.connect()
        assert await refused.read_until_closed() == server.TOO_MANY_CONNECTIONS
        served.application.proceed.set()
        assert [await client.read_response() for client in clients] == [(200, b"/wait")] * 3
        assert served.close_reasons() == {"crowded": 1}


async def test_many_idle_connections_make_room_for_many_new_ones() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=100)) as served:
        for _ in range(3):
            clients = [await served.connect() for _ in range(100)]
            assert [await client.request("/") for client in clients] == [(200, b"/")] * 100
        assert served.close_reasons() == {"displaced": 200}
        await eventually_true(lambda: len(served.server._server.server_state.connections) == 100)


async def test_a_handshake_and_an_idle_connection_with_tls_are_displaced(
    tls: ssl.SSLContext, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=2), tls) as served:
        handshake = await served.connect()
        idle = await served.connect(ssl=trusting, server_hostname=HOST)
        assert await idle.request("/") == (200, b"/")
        for client in (handshake, idle):
            new = await served.connect(ssl=trusting, server_hostname=HOST)
            assert await new.request("/") == (200, b"/")
            assert await client.read_until_closed() == b""
        assert served.close_reasons() == {"displaced": 2}
        assert served.stats.connections == 2
    assert caplog.messages == []


async def test_input_that_is_held_is_bounded_for_all_connections_together() -> None:
    async with serving(PATIENT) as served:
        served.server._pool._held_bytes_max = 5000
        clients = [await served.connect() for _ in range(3)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 1900)
            await asyncio.sleep(0.02)
        assert await clients[0].read_until_closed() == b""
        for client in clients[1:]:
            client.send(b"\r\nHost: x\r\n\r\n")
            assert await client.read_response() == (200, b"/")
        assert served.close_reasons() == {"displaced": 1}
        assert served.server._pool._held_bytes == 0


def test_the_pool_knows_how_much_is_held_and_who_has_held_it_longest() -> None:
    stats = Stats()
    pool = ConnectionPool(stats, held_bytes_max=100)
    first, second, third = (Stub(pool) for _ in range(3))
    pool.hold(first, 40)
    pool.hold(second, 40)
    pool.hold(first, 60)
    assert not first.displaced
    pool.hold(second, 0)
    pool.hold(third, 40)
    pool.hold(second, 1)
    assert [one.displaced for one in (first, second, third)] == [True, False, False]
    pool.hold(second, 60)
    assert stats.connections == len(pool.connections) == 2
    assert pool.make_room()
    assert second.displaced
    assert pool.make_room()
    assert not pool.make_room()

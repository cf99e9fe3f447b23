"""Hostile clients stay connected, come back, and report how their connections ended."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme

from tests.hostile import KINDS, Crowd, HostileProcess, mixed
from tests.support.polling import eventually, eventually_true

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 20\r\nConnection: close\r\n\r\n" + b'{"error":"too slow"}'
FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LONG = 16 * 1024 * 1024


class Server:
    """A server with one behaviour for all connections, which it counts."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self.port = 0
        self.open = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with contextlib.suppress(ConnectionError):
                await self._behave(reader, writer)
        finally:
            self.open -= 1
            writer.close()


@contextlib.asynccontextmanager
async def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(behave)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
        await eventually_true(lambda: server.open == 0)


async def read_all(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 16):
        pass


async def reject(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TIMEOUT)


async def close(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    pass


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def reject_and_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TIMEOUT)
    await read_all(reader, writer)


async def respond_at_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(FOUND + bytes(LONG))
    await read_all(reader, writer)


async def respond_and_abort(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(FOUND + bytes(LONG))
    writer.transport.abort()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients connect at once, and reconnect at once."""
    for name, value in {
        "RAMP_SECONDS": 0.0,
        "PAUSE_SECONDS": (0.0, 0.02),
        "LINGER_SECONDS": 0.1,
        "LOOK_SECONDS": 0.02,
    }.items():
        monkeypatch.setattr(f"tests.hostile.crowd.{name}", value)


async def outcomes_of(name: str, behave: Behaviour) -> Counter[str]:
    """Return how connections of a kind end, some clients having reconnected."""
    async with serving(behave) as server, Crowd(server.port, {name: 3}) as crowd:
        await eventually_true(lambda: crowd.summary()[name].outcomes.total() > 6)
        assert crowd.summary()[name].connections > 6
    return crowd.summary()[name].outcomes


@pytest.mark.parametrize("name", ["silent", "dribbling head", "endless head", "endless body", "nonsense"])
async def test_a_rejection_is_reported_by_its_status(name: str) -> None:
    # If the server closes before it has read all bytes, its response may be lost: RFC 9112, section 9.6.
    outcomes = await outcomes_of(name, reject)
    assert outcomes["408"]
    assert outcomes.keys() <= {"408", "reset"}


async def test_a_closed_or_reset_connection_is_reported_as_such() -> None:
    assert set(await outcomes_of("silent", close)) == {"closed"}
    assert set(await outcomes_of("silent", reset)) == {"reset"}


async def test_a_connection_left_open_after_a_rejection_is_reported_as_such() -> None:
    assert set(await outcomes_of("silent", reject_and_read)) == {"408, left open"}


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"resets", "half closing"}))
async def test_clients_stay_connected_until_the_crowd_ends(name: str) -> None:
    async with serving(read_all) as server:
        async with Crowd(server.port, {name: 3}) as crowd:
            await crowd.wait_until_complete()
            await eventually_true(lambda: server.open == 3)
            assert crowd.open == 3
        await eventually_true(lambda: server.open == 0)
    assert crowd.summary()[name].open == 3
    assert not crowd.summary()[name].outcomes


async def test_a_client_that_persists_goes_on_after_an_error_response() -> None:
    requests = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while await reader.readuntil(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            requests += 1
            writer.write(TIMEOUT.replace(b"Connection: close\r\n", b""))

    async with serving(refuse) as server, Crowd(server.port, {"upgrades": 1}) as crowd:
        await eventually_true(lambda: requests == 2)
        assert crowd.summary()["upgrades"].connections == 1


async def test_a_client_resets_its_connection_and_comes_back() -> None:
    lost: list[type[BaseException]] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await read_all(reader, writer)
        except ConnectionError as error:
            lost.append(type(error))

    async with serving(behave) as server, Crowd(server.port, {"resets": 1}):
        await eventually_true(lambda: len(lost) >= 2)
    assert set(lost) == {ConnectionResetError}


async def test_a_client_that_has_closed_its_side_reads_the_response() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_all(reader, writer)
        writer.write(TIMEOUT)

    assert set(await outcomes_of("half closing", behave)) == {"408"}


async def test_a_slow_reader_reads_a_long_response_in_small_parts() -> None:
    written: list[int] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer.transport.set_write_buffer_limits(high=0)
        await reader.read(1)
        writer.write(FOUND)
        while True:
            writer.write(bytes(4096))
            await writer.drain()
            written.append(4096)

    async with serving(behave) as server, Crowd(server.port, {"slow reading": 1}) as crowd:
        await eventually_true(lambda: crowd.open == 1)
        await asyncio.sleep(0.4)
        assert sum(written) < LONG / 100
        before = len(written)
        await eventually_true(lambda: len(written) > before)


async def test_an_unread_response_stays_in_the_buffer_of_the_server() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await respond_at_length(reader, writer)

    async with serving(behave) as server, Crowd(server.port, {"unread answer": 1}):
        await eventually_true(lambda: writers and writers[0].transport.get_write_buffer_size())
        await asyncio.sleep(0.2)
        assert writers[0].transport.get_write_buffer_size() > LONG / 2


@pytest.mark.parametrize("name", ["unread answer", "pipelining"])
async def test_a_client_that_does_not_read_notices_the_end_of_its_connection(name: str) -> None:
    assert set(await outcomes_of(name, respond_and_abort)) <= {"closed", "reset"}


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "2001:db8::1"])
def test_they_only_connect_to_this_machine(host: str) -> None:
    with pytest.raises(ValueError, match=f"{host} is not this machine"):
        Crowd(80, {"silent": 1}, host=host)


async def test_most_kinds_complete_the_tls_handshake() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    first: set[bytes] = set()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first.add(await reader.readline())
        await read_all(reader, writer)

    counts = {"endless head": 1, "pipelining": 1, "half a handshake": 1}
    async with serving(behave, context) as server, Crowd(server.port, counts, tls=True) as crowd:
        await crowd.wait_until_complete()
        await eventually_true(lambda: crowd.open == 3 and server.open == 2)
        await eventually_true(lambda: first == {b"GET /health HTTP/1.1\r\n"})


async def test_a_separate_process_reports_its_connections() -> None:
    async with serving(respond_and_abort) as server:

        def check() -> None:
            with HostileProcess(server.port, connections=50, seconds=20.0, uid="U") as hostile:
                assert hostile.pid
                summary = hostile.wait_until_complete()
                assert set(summary) == set(mixed(50))
                # uvloop stops reading in another way than asyncio.
                eventually(lambda: hostile.summary()["unread answer"].outcomes, every=0.2)
                assert hostile.summary()["silent"].open == mixed(50)["silent"]

        await asyncio.to_thread(check)

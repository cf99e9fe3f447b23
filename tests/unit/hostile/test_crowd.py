"""Hostile clients before servers that behave in known ways."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme

from tests.hostile import KINDS, Crowd, HostileProcess, lines, mixed
from tests.hostile.crowd import MOST_CONNECTIONS, MOST_SECONDS
from tests.support.operator_process import free_port
from tests.support.polling import eventually, eventually_true

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 20\r\nConnection: close\r\n\r\n" + b'{"error":"too slow"}'
FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LONG = 16 * 1024 * 1024


class Server:
    """Treats every connection alike, and knows how many there are."""

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


async def say_408(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TIMEOUT)


async def close(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    pass


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def refuse_and_read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TIMEOUT)
    await read_all(reader, writer)


async def answer_at_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(FOUND + bytes(LONG))
    await read_all(reader, writer)


async def answer_and_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(FOUND + bytes(LONG))
    writer.transport.abort()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that come at once, and come again at once."""
    for name, value in {
        "RAMP_SECONDS": 0.0,
        "PAUSE_SECONDS": (0.0, 0.02),
        "LINGER_SECONDS": 0.1,
        "LOOK_SECONDS": 0.02,
    }.items():
        monkeypatch.setattr(f"tests.hostile.crowd.{name}", value)


async def outcomes_of(name: str, behave: Behaviour) -> Counter[str]:
    """How connections of this kind end before a server, which sees some of them come again."""
    async with serving(behave) as server, Crowd(server.port, {name: 3}) as crowd:
        await eventually_true(lambda: crowd.summary()[name].outcomes.total() > 6)
        assert crowd.summary()[name].connections > 6
    return crowd.summary()[name].outcomes


@pytest.mark.parametrize("name", ["silent", "dribbling head", "endless head", "endless body", "nonsense"])
async def test_a_refusal_is_told_by_its_status(name: str) -> None:
    # Where bytes are on their way that the server does not read, its answer may be lost: RFC 9112, section 9.6.
    outcomes = await outcomes_of(name, say_408)
    assert outcomes["408"]
    assert outcomes.keys() <= {"408", "reset"}


@pytest.mark.parametrize("name", ["silent", "dribbling body"])
async def test_the_error_of_a_refusal_is_told_and_how_long_it_took(name: str) -> None:
    async with serving(say_408) as server, Crowd(server.port, {name: 2}) as crowd:
        await eventually_true(lambda: crowd.summary()[name].errors["too slow"] > 3)
    (line,) = lines(crowd.summary())
    assert line.startswith(f"{name}: ")
    assert "; 408 " in line
    assert "'too slow' " in line
    assert crowd.summary()[name].seconds["408"] >= 0


async def test_a_connection_that_is_closed_or_reset_without_a_word_is_told_as_such() -> None:
    assert set(await outcomes_of("silent", close)) == {"closed"}
    assert set(await outcomes_of("silent", reset)) == {"reset"}


async def test_a_connection_that_is_left_open_after_a_refusal_is_told_as_such() -> None:
    assert set(await outcomes_of("silent", refuse_and_read_on)) == {"408, left open"}


async def test_a_server_that_does_not_listen_is_told_as_such() -> None:
    async with Crowd(free_port(), {"silent": 2}) as crowd:
        await eventually_true(lambda: crowd.summary()["silent"].outcomes["not connected"] > 2)
        await crowd.wait_until_complete()
    assert crowd.summary()["silent"].connections == 0


@pytest.mark.parametrize("name", KINDS)
async def test_those_that_are_borne_stay_and_are_gone_in_the_end(name: str) -> None:
    async with serving(read_all) as server:
        async with Crowd(server.port, {name: 3}) as crowd:
            await crowd.wait_until_complete()
            await eventually_true(lambda: server.open == 3)
            assert crowd.open == 3
        await eventually_true(lambda: server.open == 0)
    assert crowd.summary()[name].open == 3, "that is how it was when it ended"
    assert not crowd.summary()[name].outcomes


async def test_an_answer_that_is_not_read_stays_with_the_server() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await answer_at_length(reader, writer)

    async with serving(behave) as server, Crowd(server.port, {"unread answer": 1}):
        await eventually_true(lambda: writers and writers[0].transport.get_write_buffer_size())
        await asyncio.sleep(0.2)
        assert writers[0].transport.get_write_buffer_size() > LONG / 2


@pytest.mark.parametrize("name", ["unread answer", "pipelining"])
async def test_one_that_does_not_read_notices_nevertheless_that_it_was_thrown_out(name: str) -> None:
    assert set(await outcomes_of(name, answer_and_cut)) <= {"closed", "reset"}


async def test_a_server_that_does_not_read_is_sent_no_more_than_it_takes() -> None:
    stop = asyncio.Event()

    async def behave(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await stop.wait()

    async with serving(behave) as server, Crowd(server.port, {"endless body": 1, "pipelining": 1}) as crowd:
        await eventually_true(lambda: server.open == 2)
        assert crowd.open == 2
        stop.set()


async def test_they_go_by_themselves_when_their_time_is_over() -> None:
    async with serving(read_all) as server, Crowd(server.port, {"silent": 2}, seconds=0.1) as crowd:
        await eventually_true(lambda: crowd.ended and server.open == 0)
        await crowd.wait_until_complete()


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "2001:db8::1"])
def test_they_go_nowhere_but_to_this_machine(host: str) -> None:
    with pytest.raises(ValueError, match=f"{host} is not this machine"):
        Crowd(80, {"silent": 1}, host=host)


def test_too_many_for_too_long_or_of_no_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        Crowd(80, {"silent": MOST_CONNECTIONS + 1})
    with pytest.raises(ValueError, match="too many"):
        Crowd(80, {"silent": 1}, seconds=MOST_SECONDS + 1)
    with pytest.raises(ValueError, match="no kind 'rude'"):
        Crowd(80, {"rude": 1})


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_they_come_over_ipv6_too() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(accept, "::1", 0)
    async with listener, Crowd(listener.sockets[0].getsockname()[1], {"silent": 1}, host="::1") as crowd:
        await eventually_true(lambda: crowd.summary()["silent"].outcomes["closed"])


async def test_most_kinds_complete_the_handshake_of_a_server_with_tls() -> None:
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


async def test_a_process_of_its_own_tells_what_has_become_of_them() -> None:
    async with serving(answer_and_cut) as server:

        def told() -> None:
            with HostileProcess(server.port, connections=10, seconds=20.0, uid="U") as hostile:
                assert hostile.pid
                summary = hostile.wait_until_complete()
                assert set(summary) == set(mixed(10))
                # In uvloop it is another thing not to read than in asyncio.
                eventually(lambda: hostile.summary()["unread answer"].outcomes, every=0.2)
                assert hostile.summary()["silent"].open == mixed(10)["silent"]

        await asyncio.to_thread(told)


async def test_a_process_that_cannot_run_is_an_error() -> None:
    with (
        HostileProcess(1, "--only", "silent", connections=MOST_CONNECTIONS + 1) as hostile,
        pytest.raises(RuntimeError),
    ):
        hostile.wait_until_complete()

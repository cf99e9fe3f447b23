"""Clients that send too much, too slowly, too early or nonsense, and those that do not read, on real connections."""

import asyncio
import contextlib

import msgspec
import pytest

from pod_index.server import server
from pod_index.server.server import TOO_MANY_CONNECTIONS
from tests.support.connections import PATIENT, QUICK, error, get, serving
from tests.support.polling import eventually_true

POST = b"POST /body HTTP/1.1\r\nHost: x\r\n"

LATE = (408, error("request did not come within 0.3 s"))
TOO_LONG_A_HEAD = (431, error("header is longer than 2048 bytes"))
NONSENSE = (400, error("not a valid HTTP request"))


# Requests that are in order.


async def test_a_request_may_come_in_any_pieces() -> None:
    request = POST + b"Content-Length: 20\r\n\r\n" + b"\r\n\r\n" * 5
    async with serving(PATIENT) as served:
        client = await served.connect()
        for size in (1, 2, 3, 7, 19, len(request) - 1, len(request)):
            for start in range(0, len(request), size):
                client.send(request[start : start + size])
                await asyncio.sleep(0.001)
            assert await client.answer() == (200, b"/body")
            assert await client.ask(f"/{size}") == (200, b"/%d" % size)
    assert served.cuts() == {}


async def test_requests_may_be_sent_before_the_answer_to_the_last_one() -> None:
    async with serving() as served:
        client = await served.connect()
        client.send(b"".join(get(f"/{number}") for number in range(10)))
        assert [await client.answer() for _ in range(10)] == [(200, b"/%d" % number) for number in range(10)]
        assert await client.ask("/after") == (200, b"/after")
    assert served.cuts() == {}


async def test_a_request_behind_a_body_is_answered_in_its_turn() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Content-Length: 3\r\n\r\nabc" + get("/next") + get("/last"))
        assert [await client.answer() for _ in range(3)] == [(200, b"/body"), (200, b"/next"), (200, b"/last")]
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/next"))
        assert [await client.answer() for _ in range(2)] == [(200, b"/body"), (200, b"/next")]


@pytest.mark.parametrize("path", [b"/body", b"/early"])
async def test_a_body_may_be_longer_than_a_head(path: bytes) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        for _ in range(5):
            client.send(b"POST %b HTTP/1.1\r\nContent-Length: 30000\r\n\r\n" % path + b"x" * 30_000)
            assert await client.answer() == (200, path)
            assert await client.ask("/next") == (200, b"/next")
    assert served.cuts() == {}


async def test_a_head_may_be_as_long_as_the_limit_and_not_longer() -> None:
    async with serving(PATIENT) as served:
        for whole in (True, False):
            head = b"GET /long-head HTTP/1.1\r\nX: %b\r\n\r\n"
            longest = head % (b"x" * (2048 - len(head) + 2))
            assert len(longest) == 2048
            for request, expected in (
                (longest, (200, b"/long-head")),
                (longest.replace(b"X: ", b"X: x"), TOO_LONG_A_HEAD),
            ):
                client = await served.connect()
                if not whole:
                    client.send(request[:100])
                    await asyncio.sleep(0.05)
                client.send(request[0 if whole else 100 :])
                assert await client.answer() == expected
    assert served.cuts() == {"oversized": 2}


async def test_the_head_after_a_body_that_nobody_read_may_come_in_pieces() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        # Answered at once; what follows is more than a head may have.
        client.send(b"GET /early HTTP/1.1\r\nContent-Length: 10000\r\n\r\n")
        assert await client.answer() == (200, b"/early")
        client.send(b"x" * 10_000 + b"GET /ne")
        await asyncio.sleep(0.05)
        client.send(b"xt HTTP/1.1\r\nX: " + b"x" * 1000)
        await asyncio.sleep(0.05)
        client.send(b"\r\n\r\n")
        assert await client.answer() == (200, b"/next")
    assert served.cuts() == {}


async def test_line_ends_before_a_request_are_no_request() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"\r\n\r\n" + get("/"))
        assert await client.answer() == (200, b"/")


# Too much.


async def test_a_head_without_end_is_refused_when_it_is_too_long() -> None:
    async with serving(PATIENT) as served:
        for begin in (b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: "):
            client = await served.connect()
            client.send(begin)
            for _ in range(50):
                client.send(b"X: %b\r\n" % (b"x" * 60) if begin.endswith(b"\n") else b"x" * 60)
                await asyncio.sleep(0.001)
            assert await client.answer() == TOO_LONG_A_HEAD
            assert await client.rest() == b""
    assert served.application.asked == []


@pytest.mark.parametrize("size", [1, 3, 4, 500])
async def test_pieces_of_any_size_count(size: int) -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_header_bytes=1024)) as served:
        client = await served.connect()
        client.send(b"GET / HTTP/1.1\r\n")
        for _ in range(1100 // size + 1):
            client.send(b"x" * size)
            await asyncio.sleep(0)
            await client.writer.drain()
        assert await client.answer() == (431, error("header is longer than 1024 bytes"))


async def test_header_fields_without_end_are_refused_before_they_take_much_memory() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_header_bytes=16_384)) as served:
        client = await served.connect()
        client.send(b"GET / HTTP/1.1\r\n" + b"x:\r\n" * 3000)
        assert await client.answer() == (431, error("more than 100 header fields"))
        client = await served.connect()
        client.send(b"GET / HTTP/1.1\r\n" + b"X: %b\r\n" % (b"x" * 60) * 100 + b"\r\n")
        assert await client.answer() == (200, b"/")
    assert served.application.asked == ["/"]


async def test_a_target_that_is_too_long_is_told_as_such() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"GET /?" + b"x" * 3000)
        assert await client.answer() == (414, error("request target is longer than 1024 bytes"))


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"0\r\n" + b"x:\r\n" * 20_000, (431, error("more than 100 header fields"))),
        (b"0\r\n" + b"x: %b\r\n" % (b"x" * 1000) * 90, (413, error("request is longer than 65536 bytes"))),
        (b"1\r\nx\r\n" * 20_000, (413, error("request is longer than 65536 bytes"))),
    ],
)
async def test_a_body_whose_chunks_or_trailers_never_end_is_refused(content: bytes, answer: tuple[int, bytes]) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + content)
        assert await client.answer() == answer
        await client.rest()
        await eventually_true(lambda: served.application.hung_up == ["/body"])
    assert served.cuts() == {"oversized": 1}


async def test_a_body_without_end_that_nobody_reads_ends_the_connection() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"GET /early HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await client.answer() == (200, b"/early")
        client.send((b"1000\r\n" + b"x" * 4096 + b"\r\n") * 20)
        assert await client.rest() == b""
    assert served.cuts() == {"oversized": 1}


async def test_of_too_many_requests_at_once_the_first_are_answered() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_pipelined_requests=3)) as served:
        client = await served.connect()
        client.send(b"".join(get(f"/{number}") for number in range(1000)))
        assert [await client.answer() for _ in range(4)] == [(200, b"/%d" % number) for number in range(4)]
        assert await client.rest() == b""
        assert served.application.asked == ["/0", "/1", "/2", "/3"]
    assert served.cuts() == {"pipelined": 1}


async def test_what_comes_while_a_lookup_waits_is_bounded_too() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.asked)
        sent = 0
        # Until the kernel takes no more: a server that read on would take it all.
        while client.writer.transport.get_write_buffer_size() == 0:
            client.send(get("/next") * 1000)
            sent += 1000
            await asyncio.sleep(0.01)
            assert sent < 10_000_000
        served.application.go_on.set()
        assert await client.answer() == (200, b"/wait")
        await client.rest()
        assert len(served.application.asked) < 50
    assert served.cuts() == {"pipelined": 1}


async def test_pipelining_can_be_switched_off() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_pipelined_requests=0)) as served:
        client = await served.connect()
        client.send(get("/first") + get("/second"))
        assert await client.answer() == (200, b"/first")
        assert await client.rest() == b""


# Nonsense.


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_so(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(content)
        assert await client.answer() == NONSENSE
        assert await client.rest() == b""
        assert await (await served.connect()).ask("/") == (200, b"/")
    assert served.cuts() == {"malformed": 1}
    assert caplog.messages == []


async def test_a_body_that_is_no_http_is_answered_at_once() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        await eventually_true(lambda: served.application.asked)
        client.send(b"no length\r\n")
        assert await client.answer() == NONSENSE
        assert await client.rest() == b""
        await eventually_true(lambda: served.application.hung_up == ["/body"])


async def test_nonsense_behind_a_request_does_not_harm_its_answer() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait") + b"nonsense\r\n\r\n")
        await eventually_true(lambda: served.application.asked)
        served.application.go_on.set()
        assert await client.answer() == (200, b"/wait")
        assert await client.answer() == NONSENSE


async def test_a_protocol_that_is_not_spoken_is_not_taken_up(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        for protocol in (b"websocket", b"h2c"):
            client.send(b"GET /plain HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % protocol)
            assert await client.answer() == (200, b"/plain")
    assert caplog.messages == []


# Too slow.


async def test_a_head_that_dribbles_is_too_late() -> None:
    async with serving() as served:
        client = await served.connect()
        await client.dribble(b"GET / HTTP/1.1\r\nX: " + b"x" * 60)
        assert await client.answer() == LATE
        assert await client.rest() == b""
    assert served.cuts() == {"slow": 1}


async def test_a_head_that_dribbles_after_another_request_is_too_late() -> None:
    async with serving() as served:
        client = await served.connect()
        assert await client.ask("/") == (200, b"/")
        await client.dribble(b"GET / HTTP/1.1\r\nX: " + b"x" * 60)
        assert await client.answer() == LATE


async def test_who_says_nothing_is_hung_up_on() -> None:
    async with serving() as served:
        assert await (await served.connect()).rest() == b""
        client = await served.connect()
        assert await client.ask("/") == (200, b"/")
        assert await client.rest() == b""
    assert served.cuts() == {}


async def test_a_body_that_dribbles_though_nobody_reads_it_ends_the_connection() -> None:
    async with serving() as served:
        client = await served.connect()
        client.send(b"GET /early HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        assert await client.answer() == (200, b"/early")
        await client.dribble(b"x" * 100)
        assert await client.rest() == b""


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async with serving() as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        await eventually_true(served.cuts)
        assert served.cuts() == {"unread": 1}
        await eventually_true(lambda: served.stats.connections == 0)


async def test_an_answer_that_is_read_slowly_but_steadily_is_sent() -> None:
    async with serving() as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        left = 32 * 1024 * 1024
        # Twice as long as a client may do nothing.
        for _ in range(20):
            left -= len(await client.reader.readexactly(1024 * 1024))
            await asyncio.sleep(0.03)
        while left:
            left -= len(await client.reader.read(1024 * 1024))
    assert served.cuts() == {}


async def test_an_answer_that_is_read_for_ever_is_given_up() -> None:
    async with serving(msgspec.structs.replace(QUICK, client_timeout_seconds=0.1)) as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        read = 0
        # Steadily, but so that all of it would take more than ten seconds: three are what it may.
        with contextlib.suppress(ConnectionError):
            while part := await client.reader.read(16 * 1024):
                read += len(part)
                await asyncio.sleep(0.005)
        assert read < 32 * 1024 * 1024
    assert served.cuts() == {"unread": 1}


async def test_an_application_may_take_its_time() -> None:
    async with serving() as served:
        client = await served.connect()
        client.send(get("/wait"))
        await asyncio.sleep(1.0)
        served.application.go_on.set()
        assert await client.answer() == (200, b"/wait")


async def test_who_does_not_hang_up_after_a_refusal_is_hung_up_on() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"nonsense\r\n\r\n")
        assert await client.answer() == NONSENSE
        await eventually_true(lambda: served.stats.connections == 0)


# Hanging up.


@pytest.mark.parametrize(
    "content",
    [
        get("/wait"),
        get("/wait") + get("/wait/2"),
        b"GET /wait HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + get("/2"),
        b"GET /wait HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + get("/2") + get("/3"),
    ],
)
async def test_who_hangs_up_is_not_answered(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(content)
        await eventually_true(lambda: served.application.asked)
        client.writer.transport.abort()
        await eventually_true(lambda: served.application.hung_up == ["/wait"])
        await eventually_true(lambda: served.stats.connections == 0)
        assert served.application.asked == ["/wait"]
    assert caplog.messages == []


async def test_an_answer_that_nobody_reads_holds_up_the_stop_only_so_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 1.0)
    async with serving(PATIENT) as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        await eventually_true(lambda: served.application.asked)
        await served.server.stop()
        assert served.stats.connections == 0
    assert caplog.messages == []


# Too many.


async def test_one_connection_too_many_is_told_so() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=2)) as served:
        clients = [await served.connect() for _ in range(2)]
        assert [await client.ask("/") for client in clients] == [(200, b"/")] * 2
        third = await served.connect()
        third.send(get("/"))
        assert await third.rest() == TOO_MANY_CONNECTIONS
        assert served.cuts() == {"crowded": 1}
        clients[0].writer.close()
        await eventually_true(lambda: served.stats.connections == 1)
        assert await (await served.connect()).ask("/") == (200, b"/")


async def test_many_connections_too_many_are_soon_forgotten() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=1)) as served:
        client = await served.connect()
        refused = [await served.connect() for _ in range(300)]
        for one in refused:
            await one.rest()
        assert await client.ask("/") == (200, b"/")
        assert served.cuts() == {"crowded": 300}

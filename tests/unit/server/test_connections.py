"""Limits on clients that send too much, too slowly, too early or malformed HTTP, or that do not read."""

import asyncio
import contextlib
import fcntl
import socket
import sys
import termios

import msgspec
import pytest

from pod_index.server import server
from pod_index.server.listener import UNSENT_BYTES
from tests.support.connections import PATIENT, QUICK, error_body, get, serving
from tests.support.polling import eventually_true

POST = b"POST /body HTTP/1.1\r\nHost: x\r\n"

TIMED_OUT = (408, error_body("request did not come within 0.3 s"))
HEADER_TOO_LONG = (431, error_body("header is longer than 2048 bytes"))
MALFORMED = (400, error_body("not a valid HTTP request"))


# Valid requests.


async def test_a_request_may_come_in_any_pieces() -> None:
    request = POST + b"Content-Length: 20\r\n\r\n" + b"\r\n\r\n" * 5
    async with serving(PATIENT) as served:
        client = await served.connect()
        for size in (1, 2, 3, 7, 19, len(request) - 1, len(request)):
            for start in range(0, len(request), size):
                client.send(request[start : start + size])
                await asyncio.sleep(0.001)
            assert await client.read_response() == (200, b"/body")
            assert await client.request(f"/{size}") == (200, b"/%d" % size)
    assert served.close_reasons() == {}


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as served:
        client = await served.connect()
        client.send(b"".join(get(f"/{number}") for number in range(10)))
        assert [await client.read_response() for _ in range(10)] == [(200, b"/%d" % number) for number in range(10)]
        assert await client.request("/after") == (200, b"/after")
    assert served.close_reasons() == {}


async def test_a_request_right_after_a_body_is_answered_in_order() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Content-Length: 3\r\n\r\nabc" + get("/next") + get("/last"))
        assert [await client.read_response() for _ in range(3)] == [(200, b"/body"), (200, b"/next"), (200, b"/last")]


@pytest.mark.parametrize("path", [b"/body", b"/early"])
async def test_a_body_may_be_longer_than_a_header(path: bytes) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        for _ in range(5):
            client.send(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n" % path + b"x" * 30_000)
            assert await client.read_response() == (200, path)
            assert await client.request("/next") == (200, b"/next")
    assert served.close_reasons() == {}


async def test_a_header_may_be_as_long_as_the_limit_and_not_longer() -> None:
    async with serving(PATIENT) as served:
        for whole in (True, False):
            head = b"GET /long-header HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n"
            longest = head % (b"x" * (2048 - len(head) + 2))
            assert len(longest) == 2048
            for request, expected in (
                (longest, (200, b"/long-header")),
                (longest.replace(b"X: ", b"X: x"), HEADER_TOO_LONG),
            ):
                client = await served.connect()
                if not whole:
                    client.send(request[:100])
                    await asyncio.sleep(0.05)
                client.send(request[0 if whole else 100 :])
                assert await client.read_response() == expected
    assert served.close_reasons() == {"oversized": 2}


async def test_the_header_after_an_unread_body_may_come_in_pieces() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        # Answered at once; the body is larger than the limit of headers.
        client.send(b"GET /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n")
        assert await client.read_response() == (200, b"/early")
        client.send(b"x" * 10_000 + b"GET /ne")
        await asyncio.sleep(0.05)
        client.send(b"xt HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1000)
        await asyncio.sleep(0.05)
        client.send(b"\r\n\r\n")
        assert await client.read_response() == (200, b"/next")
    assert served.close_reasons() == {}


async def test_empty_lines_before_a_request_are_ignored() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"\r\n\r\n" + get("/"))
        assert await client.read_response() == (200, b"/")


# Too much.


async def test_an_endless_header_is_rejected_when_it_exceeds_the_limit() -> None:
    async with serving(PATIENT) as served:
        for begin in (b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: "):
            client = await served.connect()
            client.send(begin)
            for _ in range(50):
                client.send(b"X: %b\r\n" % (b"x" * 60) if begin.endswith(b"\n") else b"x" * 60)
                await asyncio.sleep(0.001)
            assert await client.read_response() == HEADER_TOO_LONG
            assert await client.read_until_closed() == b""
    assert served.application.requested == []


@pytest.mark.parametrize("size", [1, 3, 4, 500])
async def test_pieces_of_any_size_count_towards_the_limit(size: int) -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_header_bytes=1024)) as served:
        client = await served.connect()
        client.send(b"GET / HTTP/1.1\r\n")
        for _ in range(1100 // size + 1):
            client.send(b"x" * size)
            await asyncio.sleep(0)
            await client.writer.drain()
        assert await client.read_response() == (431, error_body("header is longer than 1024 bytes"))


async def test_more_than_a_hundred_header_fields_are_rejected() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_header_bytes=16_384)) as served:
        client = await served.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x:\r\n" * 300 + b"\r\n")
        assert await client.read_response() == (431, error_body("more than 100 header fields"))
        client = await served.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %b\r\n" % (b"x" * 60) * 99 + b"\r\n")
        assert await client.read_response() == (200, b"/")
    assert served.application.requested == ["/"]


async def test_a_request_target_that_is_too_long_has_an_error_of_its_own() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"GET /?" + b"x" * 3000)
        assert await client.read_response() == (414, error_body("request target is longer than 1024 bytes"))


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"0\r\n" + b"x:\r\n" * 20_000, (431, error_body("more than 100 header fields"))),
        (b"0\r\n" + b"x: %b\r\n" % (b"x" * 1000) * 90, (413, error_body("request is longer than 65536 bytes"))),
        (b"1\r\nx\r\n" * 20_000, (413, error_body("request is longer than 65536 bytes"))),
    ],
)
async def test_a_body_with_endless_chunks_or_trailers_is_rejected(content: bytes, answer: tuple[int, bytes]) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + content)
        assert await client.read_response() == answer
        await client.read_until_closed()
        await eventually_true(lambda: served.application.disconnected == ["/body"])
    assert served.close_reasons() == {"oversized": 1}


async def test_an_endless_unread_body_closes_the_connection() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"GET /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await client.read_response() == (200, b"/early")
        client.send((b"1000\r\n" + b"x" * 4096 + b"\r\n") * 20)
        await eventually_true(lambda: served.stats.connections == 0)


# Malformed.


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_malformed_http_is_answered_400(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(content)
        assert await client.read_response() == MALFORMED
        assert await client.read_until_closed() == b""
        assert await (await served.connect()).request("/") == (200, b"/")
    assert served.close_reasons() == {"malformed": 1}
    assert caplog.messages == []


async def test_a_malformed_body_is_answered_400_at_once() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        await eventually_true(lambda: served.application.requested)
        client.send(b"no length\r\n")
        assert await client.read_response() == MALFORMED
        assert await client.read_until_closed() == b""
        await eventually_true(lambda: served.application.disconnected == ["/body"])


async def test_malformed_http_after_a_request_does_not_affect_its_response() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait") + b"nonsense\r\n\r\n")
        await eventually_true(lambda: served.application.requested)
        served.application.proceed.set()
        assert await client.read_response() == (200, b"/wait")
        assert await client.read_response() == MALFORMED


# Too slow.


async def test_a_header_that_is_sent_slowly_times_out() -> None:
    async with serving() as served:
        client = await served.connect()
        await client.send_slowly(b"GET / HTTP/1.1\r\nX: " + b"x" * 60)
        assert await client.read_response() == TIMED_OUT
        assert await client.read_until_closed() == b""
    assert served.close_reasons() == {"slow": 1}


async def test_a_second_header_that_is_sent_slowly_times_out() -> None:
    async with serving() as served:
        client = await served.connect()
        assert await client.request("/") == (200, b"/")
        await client.send_slowly(b"GET / HTTP/1.1\r\nX: " + b"x" * 60)
        assert await client.read_response() == TIMED_OUT


async def test_an_idle_connection_is_closed() -> None:
    async with serving() as served:
        assert await (await served.connect()).read_until_closed() == b""
        client = await served.connect()
        assert await client.request("/") == (200, b"/")
        assert await client.read_until_closed() == b""
    assert served.close_reasons() == {}


async def test_an_unread_body_that_is_sent_slowly_closes_the_connection() -> None:
    async with serving() as served:
        client = await served.connect()
        client.send(b"GET /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert await client.read_response() == (200, b"/early")
        await client.send_slowly(b"x" * 100)
        assert await client.read_until_closed() == b""


async def test_a_connection_with_an_unread_response_is_closed() -> None:
    async with serving() as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        await eventually_true(served.close_reasons)
        assert served.close_reasons() == {"unread": 1}
        await eventually_true(lambda: served.stats.connections == 0)


async def test_a_response_that_is_read_slowly_but_steadily_is_sent() -> None:
    async with serving(msgspec.structs.replace(QUICK, client_timeout_seconds=1.0)) as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        left = 32 * 1024 * 1024
        # Twice the timeout.
        for _ in range(20):
            left -= len(await client.reader.readexactly(1024 * 1024))
            await asyncio.sleep(0.1)
        while left:
            left -= len(await client.reader.read(1024 * 1024))
    assert served.close_reasons() == {}


async def test_a_response_that_is_read_too_slowly_is_aborted() -> None:
    async with serving(msgspec.structs.replace(QUICK, client_timeout_seconds=0.1)) as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        read = 0
        # Steadily, but all of it would take more than ten seconds; three are allowed.
        with contextlib.suppress(ConnectionError):
            while part := await client.reader.read(16 * 1024):
                read += len(part)
                await asyncio.sleep(0.005)
        assert read < 32 * 1024 * 1024
    assert served.close_reasons() == {"unread": 1}


async def test_an_application_may_take_its_time() -> None:
    async with serving() as served:
        client = await served.connect()
        client.send(get("/wait"))
        await asyncio.sleep(1.0)
        served.application.proceed.set()
        assert await client.read_response() == (200, b"/wait")


async def test_a_connection_that_the_client_keeps_open_after_an_error_is_closed() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"nonsense\r\n\r\n")
        assert await client.read_response() == MALFORMED
        await eventually_true(lambda: served.stats.connections == 0)


# Disconnects.


@pytest.mark.parametrize(
    "content",
    [
        get("/wait"),
        get("/wait") + get("/wait/2"),
        b"GET /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get("/2"),
        b"GET /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get("/2") + get("/3"),
    ],
)
async def test_a_request_of_a_disconnected_client_is_dropped(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(content)
        await eventually_true(lambda: served.application.requested)
        client.writer.transport.abort()
        await eventually_true(lambda: served.application.disconnected == ["/wait"])
        await eventually_true(lambda: served.stats.connections == 0)
        assert served.application.requested == ["/wait"]
    assert caplog.messages == []


async def test_an_unread_response_delays_the_stop_by_the_grace_period_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 1.0)
    async with serving(PATIENT) as served:
        client = await served.connect(limit=1024)
        client.send(get("/long"))
        await eventually_true(lambda: served.application.requested)
        await served.server.stop()
        assert served.stats.connections == 0
    assert caplog.messages == []


# Too many.


async def test_connections_above_the_limit_do_not_accumulate() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=1)) as served:
        client = await served.connect()
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.requested)
        refused = [await served.connect() for _ in range(300)]
        for one in refused:
            await one.read_until_closed()
        served.application.proceed.set()
        assert await client.read_response() == (200, b"/wait")
        assert served.close_reasons() == {"crowded": 300}


async def test_a_response_that_is_not_read_does_not_fill_the_buffer_of_the_kernel() -> None:
    loop = asyncio.get_running_loop()
    async with serving(PATIENT) as served:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)  # noqa: FBT003 - the name of the parameter is flag
            await loop.sock_connect(client, ("127.0.0.1", served.port))
            await loop.sock_sendall(client, get("/long"))
            await eventually_true(lambda: served.application.headers)
            (connection,) = served.server._server.server_state.connections
            await eventually_true(connection.transport.get_write_buffer_size)
            unsent = fcntl.ioctl(connection.transport.get_extra_info("socket"), termios.TIOCOUTQ, bytes(4))
            # The kernel copies 16 KiB at a time.
            assert int.from_bytes(unsent, sys.byteorder) < 3 * UNSENT_BYTES

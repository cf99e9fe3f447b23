"""Limits on clients before, during and after a TLS handshake."""

import asyncio
import os
import ssl

import msgspec
import pytest

from tests.support.certificates import HOST
from tests.support.connections import PATIENT, QUICK, error_body, get, serving
from tests.support.polling import eventually_true

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The first bytes of a handshake: RFC 8446, sections 4 and 5.1."""


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_an_incomplete_handshake_times_out(tls: ssl.SSLContext) -> None:
    async with serving(QUICK, tls) as served:
        for begin in (b"", CLIENT_HELLO):
            client = await served.connect()
            client.send(begin)
            assert await client.read_until_closed() == b""
        await eventually_true(lambda: served.stats.connections == 0)
    assert served.close_reasons() == {"handshake": 2}


async def test_a_handshake_ends_when_the_server_stops(tls: ssl.SSLContext) -> None:
    async with serving(PATIENT, tls) as served:
        client = await served.connect()
        client.send(CLIENT_HELLO)
        await eventually_true(lambda: served.stats.connections == 1)
        await served.server.stop()
        assert await client.read_until_closed() == b""


async def test_handshakes_count_as_connections(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=2), tls) as served:
        waiting = await served.connect()
        waiting.send(CLIENT_HELLO)
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.requested)
        assert served.stats.connections == 2
        waiting.writer.close()
        await eventually_true(lambda: served.stats.connections == 1)
        another = await served.connect(ssl=trusting, server_hostname=HOST)
        assert await another.request("/") == (200, b"/")


async def test_a_connection_without_tls_is_closed(tls: ssl.SSLContext) -> None:
    async with serving(PATIENT, tls) as served:
        client = await served.connect()
        client.send(get("/"))
        await client.read_until_closed()
        await eventually_true(lambda: served.stats.connections == 0)
    assert served.close_reasons() == {"handshake": 1}


async def test_a_failed_handshake_closes_no_descriptor_but_its_own(
    tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(PATIENT, tls) as served:
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        before = open_files()
        for number in range(200):
            failing = await served.connect()
            failing.send(CLIENT_HELLO if number % 2 else get("/"))
            await asyncio.sleep(0)
            failing.writer.transport.abort()
            assert await client.request("/") == (200, b"/")
        await eventually_true(lambda: served.stats.connections == 1)
        await eventually_true(lambda: open_files() <= before)
        assert await (await served.connect(ssl=trusting, server_hostname=HOST)).request("/") == (200, b"/")


async def test_the_limits_apply_after_a_handshake_too(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with serving(QUICK, tls) as served:
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        await client.send_slowly(b"GET / HTTP/1.1\r\nX: " + b"x" * 50)
        assert await client.read_response() == (408, error_body("request did not come within 0.3 s"))
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 3000)
        assert await client.read_response() == (431, error_body("header is longer than 2048 bytes"))
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        assert await client.read_until_closed() == b""


async def test_a_long_body_and_pipelined_requests_are_read_with_tls(
    tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_body_bytes=1024 * 1024), tls) as served:
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        for size in (1, 15_000, 17_000, 1_000_000):
            client.send(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
            assert await client.read_response() == (200, b"/body")
        client.send(get("/ignored") + get("/next") * 10_000)
        await eventually_true(lambda: "/ignored" in served.application.requested)
        await asyncio.sleep(0.1)
        served.application.proceed.set()
        assert await client.read_response() == (200, b"/ignored")
        for _ in range(10_000):
            assert await client.read_response() == (200, b"/next")


async def test_a_client_with_tls_that_closes_its_side_is_gone(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with serving(PATIENT, tls) as served:
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.requested)
        client.writer.close()
        await eventually_true(lambda: served.application.disconnected == ["/wait"])


@pytest.mark.parametrize("path", ["/long", "/short"])
async def test_a_connection_with_an_unread_response_is_closed(
    path: str, tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(QUICK, tls) as served:
        # The client's stream stops reading at this limit.
        client = await served.connect(ssl=trusting, server_hostname=HOST, limit=1)
        client.send(get(path))
        await eventually_true(lambda: served.application.requested)
        await eventually_true(lambda: served.stats.connections == 0)

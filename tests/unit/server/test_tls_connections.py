"""Clients that do their worst before, in and after a TLS handshake."""

import asyncio
import os
import ssl
from pathlib import Path

import msgspec
import pytest
import trustme

from pod_index.server.certificate import Certificate
from tests.support.certificates import HOST, MountedSecret
from tests.support.connections import PATIENT, QUICK, error, get, serving
from tests.support.polling import eventually_true

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The first bytes of a handshake: RFC 8446, sections 4 and 5.1."""


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(tmp_path: Path, ca: trustme.CA) -> ssl.SSLContext:
    secret = MountedSecret(tmp_path, ca)
    return Certificate(str(secret.certificate), str(secret.key)).context


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    """A client that trusts the CA."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_handshake_that_is_not_completed_is_ended(tls: ssl.SSLContext) -> None:
    async with serving(QUICK, tls) as served:
        for begin in (b"", CLIENT_HELLO):
            client = await served.connect()
            client.send(begin)
            assert await client.rest() == b""
        await eventually_true(lambda: served.stats.connections == 0)
    assert served.cuts() == {"handshake": 2}


async def test_handshakes_count_as_connections(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=2), tls) as served:
        waiting = await served.connect()
        waiting.send(CLIENT_HELLO)
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        assert await client.ask("/") == (200, b"/")
        refused = await served.connect()
        assert await refused.rest() == b""
        assert served.cuts() == {"crowded": 1}
        waiting.writer.close()
        await eventually_true(lambda: served.stats.connections == 1)
        another = await served.connect(ssl=trusting, server_hostname=HOST)
        assert await another.ask("/") == (200, b"/")


async def test_what_is_no_tls_is_hung_up_on(tls: ssl.SSLContext) -> None:
    async with serving(PATIENT, tls) as served:
        client = await served.connect()
        client.send(get("/"))
        await client.rest()
        await eventually_true(lambda: served.stats.connections == 0)
    assert served.cuts() == {"handshake": 1}


async def test_handshakes_that_fail_close_no_descriptor_but_their_own(
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
            assert await client.ask("/") == (200, b"/")
        await eventually_true(lambda: served.stats.connections == 1)
        await eventually_true(lambda: open_files() <= before)
        assert await (await served.connect(ssl=trusting, server_hostname=HOST)).ask("/") == (200, b"/")


async def test_the_limits_hold_behind_a_handshake_too(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with serving(QUICK, tls) as served:
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        await client.dribble(b"GET / HTTP/1.1\r\nX: " + b"x" * 50)
        assert await client.answer() == (408, error("request did not come within 0.3 s"))
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 3000)
        assert await client.answer() == (431, error("header is longer than 2048 bytes"))
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        assert await client.rest() == b""


@pytest.mark.parametrize("path", ["/long", "/short"])
async def test_an_answer_that_nobody_reads_is_given_up(
    path: str, tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(QUICK, tls) as served:
        # Its stream takes no more than that from the connection.
        client = await served.connect(ssl=trusting, server_hostname=HOST, limit=1)
        client.send(get(path))
        await eventually_true(lambda: served.application.asked)
        await eventually_true(lambda: served.stats.connections == 0)

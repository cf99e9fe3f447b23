"""Plain lookups: which are answered without the application, and what stays as with it."""

import asyncio
import itertools
import re
import ssl
import uuid

import msgspec
import pytest

from pod_index.server.connections import Connection
from pod_index.server.lookups import RECORD_BYTES, PlainLookups
from pod_index.stats import Stats
from tests.support.certificates import HOST
from tests.support.connections import PATIENT, QUICK, Served, get, serving
from tests.support.polling import eventually_true

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
LONG_UID = str(uuid.UUID(int=1))
RECORDS = {UID: b'{"uid":"..."}', UID.upper(): b"", LONG_UID: b"x" * RECORD_BYTES, "": b""}
LOOKUP = f"/api/v1/pod?uid={UID}"
REQUEST_LINE = b"GET %b HTTP/1.1\r\n" % LOOKUP.encode()
APPLICATION = (200, b"/api/v1/pod")
"""The response of the application."""


def lookups(stats: Stats) -> PlainLookups:
    return PlainLookups("/api/v1/pod", RECORDS.get, lambda: 7.9, stats)


def protected_lookups(stats: Stats) -> PlainLookups:
    return PlainLookups("/api/v1/pod", RECORDS.get, lambda: 7.9, stats, lambda value: value.strip() == b"secret")


def open_connections(served: Served) -> list[Connection]:
    return [
        connection
        for connection in served.server._server.server_state.connections
        if isinstance(connection, Connection)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        b"Host: x\r\n",
        b"hOST:\r\n",
        b"A: b\r\nHost: x\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n",
        b"Host: x\r\nConnection: keep-alive\r\n",
        b"Host: x\r\nconnection:Keep-Alive\r\nX-Connection: close\r\nHosts: a\r\nExpected: 1\r\n",
        b"Host: x\r\nAuthorization: none is needed\r\nAccept: */*\r\n",
        b"Host: x\r\n" + b"a:\r\n" * 30,
    ],
)
async def test_a_plain_lookup_does_not_reach_the_application(fields: bytes) -> None:
    async with serving(PATIENT, lookups=lookups) as served:
        client = await served.connect()
        for _ in range(2):
            client.send(REQUEST_LINE + fields + b"\r\n")
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert re.fullmatch(
                rb"HTTP/1\.1 200 OK\r\ndate: \w{3}, [\w :]+ GMT\r\ncontent-type: application/json\r\n"
                rb"content-length: 13\r\nage: 7\r\nmatched-by: uid\r\n\r\n",
                head,
            )
            assert await client.reader.readexactly(13) == RECORDS[UID]
        assert await client.request("/next") == (200, b"/next")
    assert served.application.requested == ["/next"]
    assert served.stats.lookups["uid", "hit"] == 2
    assert served.stats.requests["/api/v1/pod", 200].count == 2


@pytest.mark.parametrize(
    "head",
    [
        REQUEST_LINE.replace(b"1.1", b"1.0") + b"Host: x\r\n",
        REQUEST_LINE.replace(UID.encode(), b"") + b"Host: x\r\n",
        REQUEST_LINE.replace(UID.encode(), UID.upper().encode()) + b"Host: x\r\n",
        REQUEST_LINE.replace(UID.encode(), str(uuid.UUID(int=2)).encode()) + b"Host: x\r\n",
        REQUEST_LINE.replace(b" HTTP", b"&wait=1s HTTP") + b"Host: x\r\n",
        REQUEST_LINE.replace(b"-", b"%2d") + b"Host: x\r\n",
        REQUEST_LINE.replace(b"/api", b"http://x/api") + b"Host: x\r\n",
        REQUEST_LINE.replace(b"GET", b"HEAD") + b"Host: x\r\n",
        REQUEST_LINE + b"Host: x\r\nConnection: close, x\r\n",
        REQUEST_LINE + b"Host: x\r\nProxy-Connection: close\r\n",
        REQUEST_LINE + b"Host: x\r\nExpect: 100-continue\r\n",
        REQUEST_LINE + b"Host: x\r\nContent-Length: 0\r\n",
        REQUEST_LINE + b"Host: x\r\nUpgrade: h2c\r\n",
        REQUEST_LINE + b"Host: x\r\nAuthorization: a\r\nAuthorization: b\r\n",
    ],
)
async def test_the_application_answers_all_other_lookups(head: bytes) -> None:
    async with serving(PATIENT, lookups=lookups) as served:
        client = await served.connect()
        client.send(head + b"\r\n")
        await eventually_true(lambda: served.application.requested)
    assert served.application.requested == ["/api/v1/pod"]
    assert served.stats.lookups["uid", "hit"] == 0


async def test_the_application_answers_pieces_of_requests_and_several_in_one_piece() -> None:
    async with serving(PATIENT, lookups=lookups) as served:
        client = await served.connect()
        client.send(get(LOOKUP)[:30])
        await asyncio.sleep(0.02)
        client.send(get(LOOKUP)[30:])
        assert await client.read_response() == APPLICATION
        client.send(get(LOOKUP) * 2)
        assert [await client.read_response() for _ in range(2)] == [APPLICATION, APPLICATION]
        client.send(get("/wait"))
        await eventually_true(lambda: "/wait" in served.application.requested)
        client.send(get(LOOKUP))
        await asyncio.sleep(0.02)
        served.application.proceed.set()
        assert [await client.read_response() for _ in range(2)] == [(200, b"/wait"), APPLICATION]
        assert await client.request(LOOKUP) == (200, RECORDS[UID])


async def test_the_application_answers_without_valid_credentials() -> None:
    async with serving(PATIENT, lookups=protected_lookups) as served:
        client = await served.connect()
        for fields in (b"", b"Authorization: wrong\r\n", b"Authorization: secret\r\nAuthorization: secret\r\n"):
            client.send(REQUEST_LINE + b"Host: x\r\n" + fields + b"\r\n")
            assert await client.read_response() == APPLICATION
        for order in itertools.permutations([b"Host: x\r\n", b"Accept: */*\r\n", b"aUTHORIZATION:secret \r\n"]):
            client.send(REQUEST_LINE + b"".join(order) + b"\r\n")
            assert await client.read_response() == (200, RECORDS[UID])


async def test_a_plain_lookup_over_tls_does_not_reach_the_application(
    tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(PATIENT, tls, lookups) as served:
        client = await served.connect(ssl=trusting, server_hostname=HOST)
        # With the first response, OpenSSL sends session tickets.
        assert await client.request("/first") == (200, b"/first")
        for _ in range(2):
            assert await client.request(LOOKUP) == (200, RECORDS[UID])
    assert served.application.requested == ["/first"]


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_client_that_does_not_read_fills_no_memory(
    encrypted: bool, tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with serving(PATIENT, tls if encrypted else None, lookups) as served:
        options = {"ssl": trusting, "server_hostname": HOST} if encrypted else {}
        client = await served.connect(**options)
        assert await client.request("/first") == (200, b"/first")
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        (connection,) = open_connections(served)
        for _ in range(2_000):
            client.send(get(f"/api/v1/pod?uid={LONG_UID}"))
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        assert connection.transport.get_write_buffer_size() <= 2 * RECORD_BYTES + 1024
    assert served.stats.lookups["uid", "hit"] < 2_000


async def test_a_long_record_is_sent_by_the_application() -> None:
    def long_records(stats: Stats) -> PlainLookups:
        return PlainLookups("/api/v1/pod", {UID: b"x" * (RECORD_BYTES + 1)}.get, lambda: 0.0, stats)

    async with serving(PATIENT, lookups=long_records) as served:
        assert await (await served.connect()).request(LOOKUP) == APPLICATION


async def test_a_plain_lookup_restarts_the_idle_timeout() -> None:
    settings = msgspec.structs.replace(QUICK, idle_timeout_seconds=1.0)
    async with serving(settings, lookups=lookups) as served:
        client = await served.connect()
        for _ in range(5):
            assert await client.request(LOOKUP) == (200, RECORDS[UID])
            await asyncio.sleep(settings.idle_timeout_seconds / 4)
        assert await client.read_until_closed() == b""


async def test_a_plain_lookup_counts_as_activity_when_room_is_needed() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_connections=2), lookups=lookups) as served:
        first, second = await served.connect(), await served.connect()
        for client in (first, second, first):
            assert await client.request(LOOKUP) == (200, RECORDS[UID])
        third = await served.connect()
        assert await third.request(LOOKUP) == (200, RECORDS[UID])
        assert await second.read_until_closed() == b""
        assert await first.request(LOOKUP) == (200, RECORDS[UID])
    assert served.close_reasons() == {"displaced": 1}


async def test_the_connection_is_closed_if_the_client_wants_it() -> None:
    async with serving(PATIENT, lookups=lookups) as served:
        for fields in (b"Connection: close\r\n", b"connection: keep-alive\r\nX: y\r\ncONNECTION:close\r\n"):
            client = await served.connect()
            client.send(REQUEST_LINE + b"Host: x\r\n" + fields + b"\r\n")
            answer = await client.read_until_closed()
            assert answer.endswith(b"\r\nmatched-by: uid\r\nconnection: close\r\n\r\n" + RECORDS[UID])
        client = await served.connect()
        client.send(REQUEST_LINE + b"Host: close\r\nX: close\r\n\r\n")
        assert await client.read_response() == (200, RECORDS[UID])
        assert await client.request(LOOKUP) == (200, RECORDS[UID])
    assert served.application.requested == []
    assert not served.server._pool.waiting


async def test_a_half_closed_connection_gets_its_response() -> None:
    async with serving(PATIENT, lookups=lookups) as served:
        client = await served.connect()
        client.send(get(LOOKUP))
        client.writer.write_eof()
        assert (await client.read_until_closed()).endswith(RECORDS[UID])
        await eventually_true(lambda: served.stats.connections == 0)


async def test_idle_connections_are_closed_when_the_server_stops() -> None:
    async with serving(PATIENT, lookups=lookups) as served:
        client = await served.connect()
        assert await client.request(LOOKUP) == (200, RECORDS[UID])
        await served.server.stop()
        assert await client.read_until_closed() == b""

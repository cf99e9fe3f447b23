"""Closed connections free their memory at once: the garbage collector would block the event loop."""

import asyncio
import gc
import ssl
import weakref
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import uvloop

from pod_index.server.connections import Connection
from tests.support.certificates import HOST
from tests.support.connections import PATIENT, get, serving
from tests.support.polling import eventually_true

REQUESTS = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\n",
    "a complete request": get("/"),
    "a body": b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    "a chunked body": b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "pipelined requests": get("/") * 10,
    "a request that waits": get("/wait"),
    "half a body": b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx",
    "a long response that is not read": get("/long"),
    "no HTTP": b"hello\r\n\r\n",
}


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[weakref.ref[Connection]]]:
    """The connections since the start of the test, while the garbage collector is off."""
    made: list[weakref.ref[Connection]] = []
    init = Connection.__init__

    def note(connection: Connection, *arguments: Any) -> None:
        made.append(weakref.ref(connection))
        init(connection, *arguments)

    monkeypatch.setattr(Connection, "__init__", note)
    gc.disable()
    yield made
    gc.enable()


def skip_with_asyncio() -> None:
    if not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        pytest.skip("asyncio's own transports may leave reference cycles, with TLS and after errors")


@pytest.mark.parametrize("content", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
async def test_a_closed_connection_is_freed_without_the_garbage_collector(
    content: bytes,
    encrypted: bool,
    tls: ssl.SSLContext,
    trusting: ssl.SSLContext,
    connections: list[weakref.ref[Connection]],
) -> None:
    if encrypted or content == REQUESTS["a long response that is not read"]:
        skip_with_asyncio()
    options = {"ssl": trusting, "server_hostname": HOST} if encrypted else {}
    async with serving(PATIENT, tls if encrypted else None) as served:
        for closes_orderly in (True, False):
            client = await served.connect(**options)
            client.send(content)
            await asyncio.sleep(0.02)
            if closes_orderly:
                client.writer.close()
            else:
                client.writer.transport.abort()
            await eventually_true(lambda: served.stats.connections == 0)
            await eventually_true(lambda: not any(connection() for connection in connections))
    assert len(connections) == 2


@pytest.mark.parametrize("begin", [b"", b"hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
@pytest.mark.parametrize("displaced", [False, True])
async def test_a_failed_handshake_is_freed_without_the_garbage_collector(
    begin: bytes, displaced: bool, tls: ssl.SSLContext, connections: list[weakref.ref[Connection]]
) -> None:
    skip_with_asyncio()
    async with serving(msgspec.structs.replace(PATIENT, max_connections=1), tls) as served:
        for _ in range(2 if displaced else 1):
            client = await served.connect()
            client.send(begin)
            await asyncio.sleep(0.02)
        client.writer.close()
        await eventually_true(lambda: served.stats.connections == 0)
        await eventually_true(lambda: not any(connection() for connection in connections))
    assert len(connections) == (2 if displaced else 1)

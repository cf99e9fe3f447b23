"""Connections to peers, which limit what a peer can send.

aiohttp limits the headers of a response, and ``PeerClient`` its body. Neither limits the interim responses (1xx) before
it, the responses after it, and the framing of its chunks: a peer can send these as fast as the network allows.
"""

import asyncio
from typing import Any

import aiohttp
import aiohttp.http
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from pod_index.client_sockets import open_socket

KEEPALIVE_SECONDS = 60.0
"""How long idle connections stay open. The peer closes them after its IDLE_TIMEOUT_SECONDS, 75 by default."""

EXCHANGE_MAX_BYTES = 16 * 1024 * 1024
"""The bytes that a peer may send for one request: the longest accepted body has 10 MB."""

RESPONSES_MAX = 5
"""How many responses may be parsed, but not read yet: the one that is expected, and interim ones before it."""

SLICE_BYTES = 4 * 1024
"""How many bytes are parsed at once. In these, 200 interim responses fit, which take 300 KB and 1 ms."""


def new_session() -> aiohttp.ClientSession:
    """Make the HTTP client for all peers. It has no cookies, and no proxies or passwords of the environment."""
    return aiohttp.ClientSession(
        connector=_Connector(limit=0, socket_factory=open_socket, keepalive_timeout=KEEPALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
        headers={"Accept-Encoding": "identity", "User-Agent": "pod-index"},
    )


class _Connector(aiohttp.TCPConnector):
    """Puts a limit between each connection and aiohttp."""

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """Return a connection for one request; raise ClientConnectionError if it has data already."""
        connection = await super().connect(*args, **kwargs)
        transport, handler = connection.transport, connection.protocol
        if transport is not None and handler is not None:
            if handler.should_close:
                connection.close()
                raise aiohttp.ClientConnectionError("it has sent a response before the request")
            limit = transport.get_protocol()
            if not isinstance(limit, _ReceiveLimit):
                limit = _ReceiveLimit(transport, handler)
                transport.set_protocol(limit)
            limit.begin()
            connection.add_callback(limit.end)
        return connection


class _ReceiveLimit(asyncio.Protocol):
    """Gives aiohttp what a peer sends, and closes the connection if this is too much."""

    def __init__(self, transport: asyncio.Transport, handler: ResponseHandler) -> None:
        self._transport = transport
        self._handler = handler
        self._received = 0
        self._in_use = False

    def begin(self) -> None:
        """Note that a request is sent."""
        self._received = 0
        self._in_use = True

    def end(self) -> None:
        """Note that the response has been read, or that aiohttp closes the connection."""
        self._in_use = False

    def data_received(self, data: bytes) -> None:
        """Give aiohttp the data in slices: it would parse all of it before it reads the first response."""
        self._received += len(data)
        for start in range(0, len(data), SLICE_BYTES):
            if not self._in_use or self._received > EXCHANGE_MAX_BYTES or len(self._handler) > RESPONSES_MAX:
                self._handler.set_exception(aiohttp.http.HttpProcessingError(message="too many responses"))
                self._transport.abort()
                return
            self._handler.data_received(data[start : start + SLICE_BYTES])

    def eof_received(self) -> None:
        """Give aiohttp the end of the data."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give aiohttp the end of the connection."""
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell aiohttp that the send buffer is full."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Tell aiohttp that the send buffer has room."""
        self._handler.resume_writing()

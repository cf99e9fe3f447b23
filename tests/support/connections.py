"""A server whose application is controlled by the request path, and clients that send raw bytes."""

import asyncio
import contextlib
import dataclasses
import re
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from pod_index.server.lookups import PlainLookups
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from tests.support.operator_process import free_port

QUICK = Settings(client_timeout_seconds=0.3, idle_timeout_seconds=0.3, max_header_bytes=2048, max_body_bytes=16 * 1024)
"""Low limits."""

PATIENT = msgspec.structs.replace(QUICK, client_timeout_seconds=60.0, idle_timeout_seconds=60.0)
"""The same with long timeouts."""


def get(path: str) -> bytes:
    """Return a GET request."""
    return b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()


class Application:
    """Responds with the request path.

    ``/body...`` reads the body first, ``/wait...`` waits until ``proceed`` is set or the client disconnects,
    ``/ignored...`` only until ``proceed`` is set, and ``/long`` has a response of 32 MiB.
    """

    def __init__(self) -> None:
        self.proceed = asyncio.Event()
        self.requested: list[str] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.disconnected: list[str] = []

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Respond to one request."""
        path: str = scope["path"]
        self.requested.append(path)
        disconnected = False
        if path.startswith("/body"):
            disconnected = await self._read(receive)
        elif path.startswith("/wait"):
            disconnected = await self._wait(receive)
        elif path.startswith("/ignored"):
            await self.proceed.wait()
        self.headers.append(list(scope["headers"]))
        if disconnected:
            self.disconnected.append(path)
            return
        content = b"x" * 32 * 1024 * 1024 if path == "/long" else path.encode()
        headers = [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(content), 65536):
            part = content[start : start + 65536]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    @staticmethod
    async def _read(receive: Callable[..., Any]) -> bool:
        while (message := await receive())["type"] == "http.request":
            if not message["more_body"]:
                return False
        return True

    async def _wait(self, receive: Callable[..., Any]) -> bool:
        async def wait_for_disconnect() -> None:
            while (await receive())["type"] == "http.request":
                pass

        tasks = [asyncio.create_task(wait_for_disconnect()), asyncio.create_task(self.proceed.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        return not self.proceed.is_set()


@dataclasses.dataclass
class Client:
    """A connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self.writer.write(content)

    async def send_slowly(self, content: bytes) -> None:
        """Send single bytes, each in a packet of its own, until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            for byte in content:
                if self.writer.is_closing():
                    return
                self.send(bytes([byte]))
                await self.writer.drain()
                await asyncio.sleep(0.01)

    async def read_response(self) -> tuple[int, bytes]:
        """Read a response; return its status and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        return int(head.split(b" ", 2)[1]), await self.reader.readexactly(int(length[1]))

    async def request(self, path: str) -> tuple[int, bytes]:
        """Send a GET request; return the status and body of the response."""
        self.send(get(path))
        return await self.read_response()

    async def read_until_closed(self) -> bytes:
        """Read until the server closes or resets the connection."""
        rest = b""
        with contextlib.suppress(ConnectionError):
            while part := await self.reader.read(65536):
                rest += part
        return rest


class Served:
    """A server, its application and its clients."""

    def __init__(
        self, settings: Settings, tls: ssl.SSLContext | None, lookups: Callable[[Stats], PlainLookups] | None
    ) -> None:
        self.port = free_port()
        self.application = Application()
        self.stats = Stats()
        self.server = Server(
            self.application,
            msgspec.structs.replace(settings, port=self.port),
            pytest.fail,
            tls=tls,
            stats=self.stats,
            lookups=lookups and lookups(self.stats),
        )
        self._clients: list[Client] = []

    async def connect(self, **options: Any) -> Client:
        """Connect another client."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self._clients.append(client)
        return client

    def close_reasons(self) -> dict[str, int]:
        """The number of connections that the server closed, by reason."""
        return {reason: count for reason, count in self.stats.connections_cut.items() if count}

    async def close(self) -> None:
        """Close all clients and stop the server."""
        self.application.proceed.set()
        for client in self._clients:
            client.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()
        await self.server.stop()


@contextlib.asynccontextmanager
async def serving(
    settings: Settings = QUICK,
    tls: ssl.SSLContext | None = None,
    lookups: Callable[[Stats], PlainLookups] | None = None,
) -> AsyncIterator[Served]:
    """Run a server for the length of the context."""
    served = Served(settings, tls, lookups)
    await served.server.start()
    try:
        yield served
    finally:
        await served.close()


def error_body(message: str) -> bytes:
    """The body of an error response."""
    return b'{"error":"%b"}' % message.encode()

"""Clients that follow pods, in a process of their own: ``python -m tests.benchmarks.followers PORT``.

Commands are lines of JSON on stdin; for each, it prints a line of JSON. The program ends when stdin ends.
"""

import asyncio
import json
import sys
import time
from typing import Any, cast

import uvloop

from tests.benchmarks.podbytes import marker_of

INITIAL_SECONDS = 120.0
END = b'"initialEventsEnd":true'


class Client(asyncio.Protocol):
    """A client that sends one request, and notes when changes come."""

    def __init__(self, path: str, arrivals: dict[int, list[float]], end: bytes) -> None:
        self._path = path
        self._arrivals = arrivals
        self._rest = b""
        self._end = end
        self.is_closed = False
        self.settled = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(f"GET {self._path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def connection_lost(self, _: Exception | None) -> None:
        """Note that the stream has ended."""
        self.is_closed = True

    def stop_reading(self) -> None:
        """Leave everything that comes unread."""
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Note the changes, once the initial state is complete."""
        now = time.monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self.settled.done():
            for line in lines:
                if line.startswith((b'{"type":"MODIFIED"', b'{"type":"ADDED"')):
                    self._arrivals.setdefault(marker_of(line), []).append(now)
        elif self._end in data or any(self._end in line for line in lines):
            self.settled.set_result(None)


class Clients:
    """All clients. Its public methods are the commands; their results are printed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: list[Client] = []
        self._arrivals: dict[int, list[float]] = {}

    async def open(self, paths: list[str], end: str) -> dict[str, Any]:
        """Open a connection for each path, and wait for ``end`` in each response."""
        loop = asyncio.get_running_loop()
        begin = time.monotonic()
        for path in paths:
            _, client = await loop.create_connection(
                lambda path=path: Client(path, self._arrivals, end.encode()),  # type: ignore[misc] # mypy 1.x
                "127.0.0.1",
                self._port,
            )
            self._clients.append(client)
        async with asyncio.timeout(INITIAL_SECONDS):
            await asyncio.gather(*(client.settled for client in self._clients))
        return {"seconds": time.monotonic() - begin}

    async def stop_reading(self) -> dict[str, Any]:
        """Let the last client stop reading."""
        self._clients[-1].stop_reading()
        return {}

    async def closed(self) -> dict[str, Any]:
        """Return how many connections have been closed."""
        return {"count": sum(client.is_closed for client in self._clients)}

    async def latencies(self, sent: dict[str, float]) -> dict[str, Any]:
        """Return how long each client took to get each of these changes, which were sent at these times."""
        times = [at - begin for version, begin in sent.items() for at in self._arrivals.get(int(version), ())]
        self._arrivals.clear()
        return {"times": times}


async def run() -> None:
    """Serve the commands."""
    clients = Clients(int(sys.argv[1]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, arguments = json.loads(line)
        print(json.dumps(await getattr(clients, command)(**arguments)), flush=True)


if __name__ == "__main__":
    uvloop.run(run())

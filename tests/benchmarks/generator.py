"""A load generator in Python, for machines without wrk: ``python -m tests.benchmarks.generator PORT PATHS ...``.

It prints a line of JSON like that of the script for wrk.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop

from tests.benchmarks.figures import percentile
from tests.benchmarks.processes import content_length


class Connection(asyncio.Protocol):
    """A client that sends the next request as soon as it has a response, until the time is over."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], until: float, keep_alive: bool) -> None:
        self._requests = requests
        self._latencies = latencies
        self._until = until
        self._keep_alive = keep_alive
        self._received = b""
        self._asked = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.answered = True
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        # The transports of uvloop are not subclasses of those of asyncio.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Send the next request when the response is complete."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= content_length(head):
            self._latencies.append(time.perf_counter() - self._asked)
            self._received = b""
            self.answered = True
            if self._keep_alive:
                self._ask()
            elif self._transport is not None:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Notice the end of the connection."""
        self.closed.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        self._asked = time.perf_counter()
        if self._asked > self._until:
            self._transport.close()
        else:
            self.answered = False
            self._transport.write(next(self._requests))


async def load(
    port: int, paths: list[str], connections: int, seconds: float, headers: dict[str, str]
) -> dict[str, float]:
    """Send requests on all connections for ``seconds``; return what the script for wrk prints."""
    keep_alive = headers["Connection"] == "keep-alive"
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    requests = itertools.cycle([f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode() for path in paths])
    latencies: list[float] = []
    errors = 0
    begin = time.perf_counter()
    until = begin + seconds

    async def client() -> None:
        nonlocal errors
        while time.perf_counter() < until:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(requests, latencies, until, keep_alive), "127.0.0.1", port
            )
            await connection.closed
            errors += not connection.answered

    await asyncio.gather(*(client() for _ in range(connections)))
    lasted = time.perf_counter() - begin
    ranks = {f"p{percent:g}": percentile(latencies, percent) for percent in (50, 99, 99.9)}
    return {"requests": len(latencies), "seconds": lasted, "errors": errors, **ranks}


def main() -> None:
    """Run with the arguments of the command line."""
    port, paths, connections, seconds, headers = sys.argv[1:]
    done = uvloop.run(
        load(int(port), Path(paths).read_text().split(), int(connections), float(seconds), json.loads(headers))
    )
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()

"""A TCP proxy that breaks connections as networks do."""

import asyncio
import itertools
import socket
import struct
from collections.abc import Callable
from enum import Enum
from threading import Event, Thread
from typing import Self, TypeVar

from tests.apiserver.connections import bound_socket
from tests.apiserver.threads import call_in_loop

_Result = TypeVar("_Result")
_HOST = "127.0.0.1"
_BACKLOG = 128
_CHUNK = 1 << 16
# Every operation takes a fraction of a second.
_TIMEOUT_SECONDS = 30.0
# socket(7): with a linger time of 0 s, close() resets the connection.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _Mode(Enum):
    PASS = "pass"
    STALL = "stall"
    SWALLOW = "swallow"


class TcpProxy:
    """Forwards connections from its own port on loopback to ``ports`` there, by turns. A context manager.

    TLS passes unchanged: the certificate of the server must be valid for 127.0.0.1. Every method may be called in any
    thread, and has taken effect when it returns.
    """

    def __init__(self, *ports: int) -> None:
        self._targets = itertools.cycle((_HOST, port) for port in ports)
        # Bound but not listening: the port stays reserved while connections are refused.
        self._reservation = bound_socket(_HOST, 0)
        self.port: int = self._reservation.getsockname()[1]
        self._listening: socket.socket | None = None
        self._acceptor: asyncio.Task[None] | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._accepted = 0
        self._mode = _Mode.PASS
        self._thread = Thread(target=self._run, daemon=True)
        self._started = Event()

    # ---- state

    @property
    def connections(self) -> int:
        """How many connections were accepted since the start."""
        return self._accepted

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return self._call(lambda: len(self._connections))

    # ---- faults

    def cut(self, *, reset: bool = True) -> int:
        """Close all connections with RST, or else with FIN; return how many. New ones are accepted."""
        return self._call(lambda: self._cut(list(self._connections), reset=reset))

    def stall(self) -> None:
        """Keep connections, accept new ones, but hold back all bytes until ``resume()``."""
        self._call(lambda: self._change(_Mode.STALL))

    def blackhole(self) -> None:
        """Keep connections, accept new ones, but discard all bytes until ``resume()``."""
        self._call(lambda: self._change(_Mode.SWALLOW))

    def resume(self) -> None:
        """Forward bytes again, those that were held back first. Reset connections that have lost bytes."""
        self._call(lambda: self._change(_Mode.PASS))

    def refuse(self) -> None:
        """Refuse new connections; open ones go on."""
        self._call(self._refuse)

    def accept(self) -> None:
        """Accept new connections again, on the same port."""
        self._call(self._accept)

    # ---- start and stop

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(_TIMEOUT_SECONDS):
            raise TimeoutError("the proxy did not start")
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Reset all connections, and release the port."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_TIMEOUT_SECONDS)
        self._reservation.close()

    # ---- in the thread of the proxy

    def _run(self) -> None:
        asyncio.run(self._run_until_closed())

    async def _run_until_closed(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._passing = asyncio.Event()
        self._passing.set()
        self._started.set()
        await self._end.wait()
        self._refuse()
        tasks = list(self._connections)
        self._cut(tasks, reset=True)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, function: Callable[[], _Result]) -> _Result:
        return call_in_loop(self._loop, function)

    def _refuse(self) -> None:
        if self._acceptor is not None and self._listening is not None:
            self._acceptor.cancel()
            # The loop must not poll the closed socket until the cancelled task has run.
            self._loop.remove_reader(self._listening)
            self._listening.close()
        self._acceptor = self._listening = None

    def _accept(self) -> None:
        if self._listening is None:
            self._listening = bound_socket(_HOST, self.port)
            self._listening.listen(_BACKLOG)
            self._listening.settimeout(0)
            self._acceptor = asyncio.create_task(self._accept_from(self._listening))

    async def _accept_from(self, listening: socket.socket) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listening)
            self._accepted += 1
            connection = _Connection(client)
            task = asyncio.create_task(self._serve(connection))
            self._connections[task] = connection
            # A task that is cancelled before it starts would not run its own ``finally``.
            task.add_done_callback(lambda task: self._connections.pop(task).close())

    def _change(self, mode: _Mode) -> None:
        self._mode = mode
        if mode is _Mode.STALL:
            self._passing.clear()
        else:
            self._passing.set()
        if mode is _Mode.PASS:
            self._cut([task for task, connection in self._connections.items() if connection.has_lost_bytes], reset=True)

    def _cut(self, tasks: list[asyncio.Task[None]], *, reset: bool) -> int:
        for task in tasks:
            self._connections[task].reset_on_close(reset=reset)
            task.cancel()
        return len(tasks)

    async def _serve(self, connection: "_Connection") -> None:
        client, server = connection.client, connection.server
        try:
            await self._loop.sock_connect(server, next(self._targets))
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(connection, client, server))
                pumps.create_task(self._pump(connection, server, client))
        except* OSError:
            # One side was reset, or the server refuses: reset the other side too.
            connection.reset_on_close(reset=True)

    async def _pump(self, connection: "_Connection", source: socket.socket, sink: socket.socket) -> None:
        while chunk := await self._loop.sock_recv(source, _CHUNK):
            await self._passing.wait()
            if self._mode is _Mode.SWALLOW:
                connection.has_lost_bytes = True
            else:
                await self._loop.sock_sendall(sink, chunk)
        await self._passing.wait()
        if self._mode is _Mode.PASS:
            sink.shutdown(socket.SHUT_WR)


class _Connection:
    """The two sockets of one forwarded connection."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.server = socket.socket()
        self.has_lost_bytes = False
        for end in (self.client, self.server):
            end.settimeout(0)

    def reset_on_close(self, *, reset: bool) -> None:
        if reset:
            for end in (self.client, self.server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def close(self) -> None:
        self.client.close()
        self.server.close()

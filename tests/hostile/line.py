"""One connection of a hostile client."""

import asyncio
import functools
import json
import re
import socket
import struct
from collections.abc import Container
from pathlib import Path
from typing import Any, cast

from tests.hostile.steps import Action

KEPT_BYTES = 8 * 1024
"""The bytes that are kept of what was received last."""
STATUS = re.compile(rb"HTTP/1\.[01] ([45]\d\d)")
"""The start of an error response."""
SOCKET_TABLES = Path("/proc/net/tcp"), Path("/proc/net/tcp6")
"""The sockets of this machine and their states: see proc(5)."""
TCP_CLOSE, TCP_CLOSE_WAIT = 7, 8
"""States of a connection that the other side has reset or closed: see Linux, tcp_states.h."""
TCP_FIN_WAIT1 = 4
"""The state of the other side when it has closed the connection, and not all of its bytes are received."""


class Line(asyncio.Protocol):
    """A connection whose end is noticed even if it is not read.

    ``persists``: it goes on after an error response.
    """

    def __init__(self, *, persists: bool = False) -> None:
        self._persists = persists
        self._received = b""
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._reads_once = False
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended; the result is ``closed`` or ``reset``."""

    @property
    def status(self) -> str | None:
        """The status of the error response, if there was one."""
        found = STATUS.findall(self._received)
        return found[-1].decode() if found else None

    @property
    def error(self) -> str | None:
        """The message in that response, if it has one as in the API of pod-index."""
        if self.status is None:
            return None
        try:
            body = json.loads(self._received.rpartition(b"\r\n\r\n")[2])
        except ValueError:
            return None
        return str(body.get("error")) if isinstance(body, dict) else None

    async def send(self, sent: bytes) -> None:
        """Send as fast as the server reads; return when all is sent, or the connection has ended."""
        assert self._transport is not None
        if self._transport.is_closing():
            await self.is_lost(None)
        elif not self._over.done():
            self._transport.write(sent)
            await self._writable.wait()

    async def is_over(self, within: float | None) -> bool:
        """Wait until the client is rejected or the connection ends; return False after ``within`` seconds."""
        return await _is_done(self._over, within)

    async def is_lost(self, within: float | None) -> bool:
        """Wait until the connection ends; return False after ``within`` seconds."""
        return await _is_done(self.lost, within)

    def stop_reading(self) -> None:
        """Stop reading; uvloop does not allow that in ``connection_made`` already."""
        assert self._transport is not None
        self._transport.pause_reading()

    def act(self, action: Action) -> None:
        """Do what a client does besides sending."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        match action:
            case Action.READ:
                self._reads_once = True
                self._transport.resume_reading()
            case Action.HALF_CLOSE:
                if self._transport.can_write_eof():  # Not with TLS.
                    self._transport.write_eof()
            case Action.RESET:
                linger = struct.pack("ii", 1, 0)
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._transport.abort()

    def look(self, deserted: Container[int]) -> None:
        """Check whether a connection that is not read has ended; ``deserted`` are ports of clients."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        sock = self._transport.get_extra_info("socket")
        if sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (TCP_CLOSE, TCP_CLOSE_WAIT):
            self._transport.resume_reading()
        elif sock.getsockname()[1] in deserted:
            self._end()

    async def close(self) -> None:
        """Abort the connection, and wait until it has ended."""
        assert self._transport is not None
        self._transport.abort()
        await self.is_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # The transports of uvloop are not subclasses of those of asyncio.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Keep the last bytes, and notice an error response."""
        self._received = (self._received + data)[-KEPT_BYTES:]
        if self._reads_once:
            self._reads_once = False
            self.stop_reading()
        if self.status is not None and not self._persists:
            self._end()

    def pause_writing(self) -> None:
        """Let ``send`` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let ``send`` go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Notice the end of the connection."""
        self.lost.set_result("closed" if exc is None else "reset")
        self._end()

    def _end(self) -> None:
        self._writable.set()
        if not self._over.done():
            self._over.set_result(None)


async def _is_done(future: asyncio.Future[Any], within: float | None) -> bool:
    """Wait for a future. It costs a third of ``asyncio.wait()``, which hostile clients would spend most time in."""
    if not future.done():
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        timer = None if within is None else loop.call_later(within, _wake, waiter)
        wake = functools.partial(_wake, waiter)
        future.add_done_callback(wake)
        try:
            await waiter
        finally:
            future.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()
    return future.done()


def _wake(waiter: asyncio.Future[None], _: object = None) -> None:
    if not waiter.done():
        waiter.set_result(None)


def deserted_ports(port: int) -> set[int]:
    """Return the ports of clients whose connection to ``port`` the server has closed, if they do not read."""
    closed = re.compile(rb":%04X [0-9A-F]+:([0-9A-F]{4}) %02X " % (port, TCP_FIN_WAIT1))
    tables = [path.read_bytes() for path in SOCKET_TABLES if path.exists()]
    return {int(found, 16) for table in tables for found in closed.findall(table)}

"""One connection of a hostile client."""

import asyncio
import functools
import json
import re
import socket
from collections.abc import Container
from pathlib import Path
from typing import Any, cast

KEPT_BYTES = 8 * 1024
"""How much of what a client was told last is kept."""
STATUS = re.compile(rb"HTTP/1\.[01] ([45]\d\d)")
"""The begin of an answer that refuses."""
SOCKET_TABLES = Path("/proc/net/tcp"), Path("/proc/net/tcp6")
"""All sockets of this machine with their states: proc(5) of Linux."""
TCP_CLOSE, TCP_CLOSE_WAIT = 7, 8
"""States of a connection that the other side has reset or closed: tcp_states.h of Linux."""
TCP_FIN_WAIT1 = 4
"""The state of the other side when it has closed the connection and we have not taken all that it had sent before."""


class Line(asyncio.Protocol):
    """A connection that is written to, and whose end is noticed, whether or not it is read."""

    def __init__(self) -> None:
        self._told = b""
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Is done when the connection is closed, with what closed it: ``closed`` or ``reset``."""

    @property
    def status(self) -> str | None:
        """The status of the answer that refuses, if there was one."""
        found = STATUS.findall(self._told)
        return found[-1].decode() if found else None

    @property
    def error(self) -> str | None:
        """The error in that answer, as our API tells it."""
        if self.status is None:
            return None
        try:
            told = json.loads(self._told.rpartition(b"\r\n\r\n")[2])
        except ValueError:
            return None
        return str(told.get("error")) if isinstance(told, dict) else None

    async def send(self, sent: bytes) -> None:
        """Send as fast as it is taken; return when all is sent or the connection is over."""
        assert self._transport is not None
        if self._transport.is_closing():
            await self.is_lost(None)
        elif not self._over.done():
            self._transport.write(sent)
            await self._writable.wait()

    async def is_over(self, within: float | None) -> bool:
        """Wait until the client was refused or the connection closed; False if neither is so in time (seconds)."""
        return await _is_done(self._over, within)

    async def is_lost(self, within: float | None) -> bool:
        """Wait until the connection is closed; False if it is not in time (seconds)."""
        return await _is_done(self.lost, within)

    def stop_reading(self) -> None:
        """Read nothing until the connection is over; for uvloop it is too early for that in ``connection_made``."""
        assert self._transport is not None
        self._transport.pause_reading()

    def look(self, deserted: Container[int]) -> None:
        """Notice the end of a connection that is not read, whose kernel tells nobody; the ports are ours."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        sock = self._transport.get_extra_info("socket")
        if sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (TCP_CLOSE, TCP_CLOSE_WAIT):
            self._transport.resume_reading()
        elif sock.getsockname()[1] in deserted:
            self._end()

    async def close(self) -> None:
        """Close the connection at once, if it is open, and wait until it is."""
        assert self._transport is not None
        self._transport.abort()
        await self.is_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Note what was told."""
        self._told = (self._told + data)[-KEPT_BYTES:]
        if self.status is not None:
            self._end()

    def pause_writing(self) -> None:
        """Wait: the other side does not take it."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.lost.set_result("closed" if exc is None else "reset")
        self._end()

    def _end(self) -> None:
        self._writable.set()
        if not self._over.done():
            self._over.set_result(None)


async def _is_done(future: asyncio.Future[Any], within: float | None) -> bool:
    """Wait for a future, with a third of what asyncio.wait() costs: it is what hostile clients do all the time."""
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
    """The clients of a server on this machine which it has left without their knowledge, since they do not read."""
    closed = re.compile(rb":%04X [0-9A-F]+:([0-9A-F]{4}) %02X " % (port, TCP_FIN_WAIT1))
    tables = [path.read_bytes() for path in SOCKET_TABLES if path.exists()]
    return {int(found, 16) for table in tables for found in closed.findall(table)}

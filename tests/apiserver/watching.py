"""Open watches: what they send, when they end, and what can befall them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.apiserver.connection import Connection, connection_of
from tests.apiserver.faults import CUT, Fault, WatchFault
from tests.apiserver.history import Change
from tests.apiserver.watchstart import WatchStart

_BATCH = 256
_HALF_LINE = b'{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"ha'


class Watches:
    """All watches that are open. To be called in the event loop, but for `len()`."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()

    def __len__(self) -> int:
        return len(self._open)

    def wake(self) -> None:
        """Let each look for changes."""
        for watch in self._open:
            watch.wake.set()

    def disturb(self, fault: WatchFault) -> int:
        """Let a fault befall each of them; returns their number."""
        for watch in self._open:
            watch.disturb(fault)
        return len(self._open)

    @contextmanager
    def opened(self, watch: Watch) -> Iterator[None]:
        """Count it among them for the time of the block."""
        self._open.add(watch)
        try:
            yield
        finally:
            self._open.discard(watch)


class _Over(Exception):
    """The stream is to be ended; `clean` with the final chunk."""

    def __init__(self, *, clean: bool) -> None:
        self.clean = clean


class Watch(Response):
    """The answer to one watch: a line of JSON for each event, until one side ends it."""

    media_type = "application/json"

    def __init__(self, start: WatchStart, watches: Watches, bookmark_interval: float, fault: Fault | None) -> None:
        """`bookmark_interval` in seconds; `fault` is one that befalls this watch after some events."""
        self.wake = asyncio.Event()
        self._start = start
        self._watches = watches
        self._bookmark_interval = bookmark_interval
        self._armed = fault if fault and fault.watch else None
        self._disturbances: deque[WatchFault] = deque()
        self._events_sent = 0
        super().__init__()
        # no Content-Length: the body is chunked and has no end
        self.raw_headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]

    def disturb(self, fault: WatchFault) -> None:
        """Let a fault befall it, as soon as it has sent what it is sending."""
        self._disturbances.append(fault)
        if fault is CUT:
            # a watch whose client does not read is stuck in sending, and would never see it
            self._connection.abort()
        self.wake.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream is over."""
        self._send = send
        self._connection: Connection = connection_of(scope)
        gone = asyncio.create_task(self._connection.gone.wait())
        gone.add_done_callback(lambda _: self.wake.set())
        try:
            with self._watches.opened(self):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._stream()
        except _Over as over:
            if over.clean:
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _stream(self) -> None:
        start = self._start
        clock = asyncio.get_running_loop().time
        deadline = clock() + start.timeout if start.timeout else None
        initial = start.initial_lines()
        await self._emit([])
        while batch := list(islice(initial, _BATCH)):
            await self._emit(batch)
        if start.error_line:
            raise _Over(clean=True)
        position = start.position
        bookmark_at = clock() + self._bookmark_interval if start.bookmarks else None
        while True:
            self.wake.clear()
            await self._settle()
            lines, position = self._news(position)
            if lines:
                await self._emit(lines)
            if deadline is not None and clock() >= deadline:
                raise _Over(clean=True)
            if bookmark_at is not None and clock() >= bookmark_at:
                bookmark_at = clock() + self._bookmark_interval
                if position.version >= start.above:
                    await self._emit([start.bookmark_line(position.version)])
            if position.next is None:
                await self._sleep_until(min((at for at in (deadline, bookmark_at) if at), default=None))

    def _news(self, position: Change) -> tuple[list[bytes], Change]:
        """The events of the next changes, and the last change that has been looked at."""
        lines: list[bytes] = []
        while position.next is not None and len(lines) < _BATCH:
            position = position.next
            if line := self._start.event_line(position):
                lines.append(line)
        return lines, position

    async def _emit(self, lines: list[bytes]) -> None:
        await self._settle()
        fault = self._armed
        if fault and fault.watch and self._events_sent + len(lines) >= fault.after_events:
            self._armed = None
            before = fault.after_events - self._events_sent
            await self._write(lines[:before])
            self.disturb(fault.watch)
            await self._settle()
            lines = lines[before:]
        await self._write(lines)

    async def _write(self, lines: list[bytes]) -> None:
        if lines:
            self._events_sent += len(lines)
            await self._send({"type": "http.response.body", "body": b"".join(lines), "more_body": True})

    async def _settle(self) -> None:
        """Suffer the faults that have come, and return if the stream goes on."""
        stalled = False
        while self._disturbances or stalled:
            if self._connection.gone.is_set():
                break
            if not self._disturbances:
                self.wake.clear()
                await self.wake.wait()
                continue
            fault = self._disturbances.popleft()
            if fault.action in ("stall", "resume"):
                stalled = fault.action == "stall"
            else:
                await self._suffer(fault)
        if self._connection.gone.is_set():
            raise _Over(clean=False)

    async def _suffer(self, fault: WatchFault) -> None:
        match fault.action:
            case "end":
                raise _Over(clean=True)
            case "cut":
                await self._connection.gone.wait()
                raise _Over(clean=False)
            case "half_line":
                await self._send({"type": "http.response.body", "body": _HALF_LINE, "more_body": True})
                await self._connection.close()
                raise _Over(clean=False)
            case _:
                await self._send({"type": "http.response.body", "body": fault.line + b"\n", "more_body": True})
                if fault.action == "last_line":
                    raise _Over(clean=True)

    async def _sleep_until(self, at: float | None) -> None:
        """Wait for a wake; one comes by itself `at` this time of the event loop's clock."""
        timer = asyncio.get_running_loop().call_at(at, self.wake.set) if at is not None else None
        await self.wake.wait()
        if timer is not None:
            timer.cancel()

"""Open watches: what they send, when they end, and their faults."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.apiserver.faults import CUT, Fault, WatchFault
from tests.apiserver.history import Change
from tests.apiserver.watchstart import WatchStart

_BATCH = 256


class Watches:
    """All open watches. Only ``len()`` may be called outside the event loop."""

    def __init__(self) -> None:
        self._open: set[Watch] = set()

    def __len__(self) -> int:
        return len(self._open)

    def wake(self) -> None:
        """Make every watch look for changes."""
        for watch in self._open:
            watch.wake.set()

    def disturb(self, fault: WatchFault) -> int:
        """Apply a fault to every watch; return their number."""
        for watch in self._open:
            watch.disturb(fault)
        return len(self._open)

    def add(self, watch: "Watch") -> None:
        """Add a watch that has opened."""
        self._open.add(watch)

    def remove(self, watch: "Watch") -> None:
        """Remove a watch that has ended."""
        self._open.remove(watch)


class Watch(StreamingResponse):
    """The response to a watch: a line of JSON or a frame of protobuf for each event.

    Starlette cancels it when the client disconnects.
    """

    def __init__(self, start: WatchStart, watches: Watches, bookmark_interval: float, fault: Fault | None) -> None:
        """``bookmark_interval`` is in seconds; ``fault`` is the fault of the request, if any."""
        self.wake = asyncio.Event()
        self._start = start
        self._watches = watches
        self._bookmark_interval = bookmark_interval
        self._fault = fault
        self._disturbances: deque[WatchFault] = deque()
        super().__init__(self._stream(), media_type=start.encoding.watch_media_type)

    def disturb(self, fault: WatchFault) -> None:
        """Apply a fault after the events that are being sent."""
        if fault is CUT:  # at once: a watch whose client does not read would wait for ever
            self._cut()
        self._disturbances.append(fault)
        self.wake.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the watch ends."""
        self._cut = Request(scope).state.cut
        self._watches.add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watches.remove(self)

    async def _stream(self) -> AsyncIterator[bytes]:
        sent = 0
        async for events in self._events():
            fault = self._fault
            if fault and fault.watch and sent + len(events) >= fault.after_events:
                yield b"".join(events[: fault.after_events - sent])
                events = events[fault.after_events - sent :]
                self._disturbances.append(fault.watch)
                self._fault = None
            while self._disturbances:
                disturbance = self._disturbances.popleft()
                yield disturbance.content(self._start.encoding)
                if disturbance.then == "end":
                    return
                if disturbance.then == "cut":
                    self._cut()
                if disturbance.then != "continue":
                    await asyncio.Event().wait()  # until the client disconnects
            yield b"".join(events)
            sent += len(events)

    async def _events(self) -> AsyncIterator[list[bytes]]:
        """The events in batches; a batch can be empty."""
        start, clock = self._start, asyncio.get_running_loop().time
        deadline = clock() + start.timeout if start.timeout else None
        initial = start.initial_events()
        yield []
        while batch := list(islice(initial, _BATCH)):
            yield batch
        if start.error:
            return
        position = start.position
        bookmark_at = clock() + self._bookmark_interval if start.bookmarks else None
        while True:
            self.wake.clear()
            events, position = self._changes_after(position)
            yield events
            if deadline is not None and clock() >= deadline:
                return
            if bookmark_at is not None and clock() >= bookmark_at:
                bookmark_at = clock() + self._bookmark_interval
                if position.version >= start.above:
                    yield [start.bookmark(position.version)]
            if position.next is None:
                await self._sleep_until(min((at for at in (deadline, bookmark_at) if at), default=None))

    def _changes_after(self, position: Change) -> tuple[list[bytes], Change]:
        """The events of the next changes, and the last change that was looked at."""
        events: list[bytes] = []
        while position.next is not None and len(events) < _BATCH:
            position = position.next
            if event := self._start.event(position):
                events.append(event)
        return events, position

    async def _sleep_until(self, at: float | None) -> None:
        """Wait for ``wake``, but not longer than until ``at`` by the clock of the event loop."""
        timer = asyncio.get_running_loop().call_at(at, self.wake.set) if at is not None else None
        await self.wake.wait()
        if timer is not None:
            timer.cancel()

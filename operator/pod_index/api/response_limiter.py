"""A limit for long responses: lists, batch lookups, and large objects of streams. And the steps of long work."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from starlette.types import Scope

from pod_index.api.responses import RETRY_AFTER, RequestError, ResponseProgress

RESPONSES_MAX = 100
"""How many long responses may be in progress. Each takes up to some hundred kilobytes until its client has read it."""

YOUNG_SECONDS = 0.5
"""How long a response may be read before it can be aborted for another one."""

STEP_BYTES = 4 * 1024
"""The cost at which a step ends, in bytes of input: up to 0.5 ms."""

PROGRESS = "pod_index.progress"
"""The key of the scope of a request for the progress of its response."""

T = TypeVar("T")


class ResponseLimiter:
    """Bounds the number of long responses in progress, and computes one at a time, in steps.

    A request waits up to ``timeout_seconds`` for a slot. Meanwhile, it aborts the response that is read most slowly.
    """

    def __init__(self, timeout_seconds: float, limit: int = RESPONSES_MAX) -> None:
        self._timeout_seconds = timeout_seconds
        self._limit = limit
        self._slots = asyncio.Semaphore(limit)
        self._computing = asyncio.Lock()
        self._stepping = asyncio.Lock()
        self._in_progress: set[ResponseProgress] = set()

    @contextlib.asynccontextmanager
    async def slot(self, scope: Scope) -> AsyncIterator[None]:
        """Wait for a slot and for other computations to end; the response is computed in the context.

        The slot stays taken until ``release`` is called, unless the context ends with an exception.
        Raise RequestError (503) if no slot becomes free in time.
        """
        async with self.waiting_slot(scope), self.computing():
            yield

    @contextlib.asynccontextmanager
    async def waiting_slot(self, scope: Scope) -> AsyncIterator[None]:
        """Wait for a slot as ``slot`` does, for a response that also waits for something else than its computation."""
        await self.acquire(scope)
        try:
            yield
        except BaseException:
            self.release(scope)
            raise

    def computing(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Return the context of a part of such a computation. Do not wait for clients or other clusters in it."""
        return self._computing

    async def acquire(self, scope: Scope) -> None:
        """Wait for a slot, which stays taken until ``release`` is called. Raise RequestError (503) as ``slot``."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._acquire()
        except TimeoutError as timeout:
            message = f"{self._limit} lists and batch lookups are already in progress"
            raise RequestError(503, message, RETRY_AFTER) from timeout
        abort: Callable[[], None] | None = scope.get("state", {}).get("abort")
        scope[PROGRESS] = progress = ResponseProgress(abort)
        self._in_progress.add(progress)

    @contextlib.asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Wait for other steps to end; the context is one step of a long computation.

        An iteration of the event loop has at most one step, whatever the number of requests. So a short request waits
        for one step, and not for one of each other request.
        """
        async with self._stepping:
            yield
            await asyncio.sleep(0)

    async def in_steps(self, items: Iterable[T], work: Callable[[T], int]) -> None:
        """Do the work for each item, which returns its cost in bytes, in steps of STEP_BYTES."""
        rest = iter(items)
        more = True
        while more:
            async with self.step():
                more, cost = False, 0
                for item in rest:
                    cost += work(item)
                    if cost >= STEP_BYTES:
                        more = True
                        break

    def release(self, scope: Scope) -> None:
        """Free the slot of a request: its response has been sent, or its client is gone."""
        self._in_progress.discard(scope[PROGRESS])
        self._slots.release()

    async def _acquire(self) -> None:
        while self._slots.locked():
            self._abort_slowest()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(YOUNG_SECONDS / 2):
                    await self._slots.acquire()
                    return
        await self._slots.acquire()

    def _abort_slowest(self) -> None:
        now = time.monotonic()
        rates = {
            progress: progress.sent_bytes / (now - progress.started)
            for progress in self._in_progress
            if progress.abort is not None and progress.started < now - YOUNG_SECONDS
        }
        if rates:
            slowest = min(rates, key=rates.__getitem__)
            self._in_progress.discard(slowest)
            slowest.aborted = True
            if slowest.abort is not None:
                slowest.abort()

"""A limit for long responses: lists and batch lookups."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pod_index.api.responses import RETRY_AFTER, RequestError

RESPONSES_MAX = 100
"""How many long responses may be in progress. Each takes up to some hundred kilobytes until its client has read it."""


class ResponseLimiter:
    """Bounds the number of long responses in progress, and computes one at a time.

    A request waits up to ``timeout_seconds`` for a slot.
    """

    def __init__(self, timeout_seconds: float, limit: int = RESPONSES_MAX) -> None:
        self._timeout_seconds = timeout_seconds
        self._limit = limit
        self._slots = asyncio.Semaphore(limit)
        self._computing = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot and for other computations to end; the response is computed in the context.

        The slot stays taken until ``release`` is called, unless the context ends with an exception.
        Raise RequestError (503) if no slot becomes free in time.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._slots.acquire()
        except TimeoutError as timeout:
            message = f"{self._limit} lists and batch lookups are already in progress"
            raise RequestError(503, message, RETRY_AFTER) from timeout
        try:
            async with self._computing:
                yield
        except BaseException:
            self._slots.release()
            raise

    def release(self) -> None:
        """Free a slot: its response has been sent, or its client is gone."""
        self._slots.release()

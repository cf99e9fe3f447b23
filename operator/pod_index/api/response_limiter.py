"""Answers that may be long: so many are under way at a time, and one is worked out at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pod_index.api.responses import RETRY_AFTER, RequestError

RESPONSES_MAX = 100
"""How many may be under way. Each holds up to some hundred kilobytes until its client has read it."""


class ResponseLimiter:
    """Who asks for lists, or for many pods at once. What that costs others is the same, however many do.

    ``patience`` is how many seconds a request may wait for its turn.
    """

    def __init__(self, patience: float, limit: int = RESPONSES_MAX) -> None:
        self._patience = patience
        self._limit = limit
        self._places = asyncio.Semaphore(limit)
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until an answer may be worked out; if that goes well it is under way, until it is ``done``.

        Raise RequestError (503) if that takes too long.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError as late:
            raise RequestError(503, f"{self._limit} lists and lookups of many are under way", RETRY_AFTER) from late
        try:
            async with self._turn:
                yield
        except BaseException:
            self._places.release()
            raise

    def done(self) -> None:
        """Let another one begin: this one has been sent, or nobody wants it any more."""
        self._places.release()

"""Lookups that wait for their pod."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from starlette.types import Receive

from pod_index.api.responses import RETRY_AFTER, RequestError
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex

WAITERS_MAX = 1_000
"""How many lookups may wait at a time. Each holds a connection and a few kilobytes."""

T = TypeVar("T")


class ClientGone(Exception):
    """The client has hung up: nobody is there to answer."""


class LookupWaiters:
    """The lookups that wait. Nothing is polled: the index calls who waits for a key."""

    def __init__(self, index: PodIndex, limit: int = WAITERS_MAX) -> None:
        self._index = index
        self._limit = limit
        self._waiters: set[asyncio.Event] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiters)

    def close(self) -> None:
        """Release everybody, and let nobody in any more."""
        self._closed = True
        for called in self._waiters:
            called.set()

    async def wait_for(
        self, find: Callable[[], T | None], identifiers: Iterable[Identifier], seconds: float, receive: Receive
    ) -> T | None:
        """Return what ``find`` finds once it does, but None after ``seconds``.

        Raise ClientGone if the client hangs up, and RequestError (503) if too many wait or the service shuts down.
        """
        if len(self._waiters) >= self._limit:
            raise RequestError(503, f"{self._limit} lookups wait already", RETRY_AFTER)
        called = asyncio.Event()
        self._waiters.add(called)
        unsubscribe = self._index.subscribe(identifiers, called.set)
        gone = asyncio.create_task(_disconnect(receive))
        gone.add_done_callback(lambda _: called.set())
        try:
            async with asyncio.timeout(seconds):
                while (found := find()) is None:
                    if self._closed:
                        raise RequestError(503, "shutting down", RETRY_AFTER)
                    if gone.done():
                        raise ClientGone
                    called.clear()
                    await called.wait()
                return found
        except TimeoutError:
            # It may have come while the loop was busy with what made it late.
            return find()
        finally:
            gone.cancel()
            unsubscribe()
            self._waiters.discard(called)


async def _disconnect(receive: Receive) -> None:
    """Return when the client hangs up: https://asgi.readthedocs.io/en/latest/specs/www.html#disconnect-receive-event"""
    while (await receive())["type"] != "http.disconnect":
        pass

"""Lookups that wait for their pod."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from starlette.types import Receive

from pod_index.api.responses import RETRY_AFTER, RequestError
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from pod_index.store.matching import Ambiguity, Match

WAITERS_MAX = 1_000
"""How many lookups may wait at a time. Each holds a connection and a few kilobytes."""


class ClientGone(Exception):
    """The client has disconnected: there is nobody to respond to."""


class LookupWaiters:
    """The lookups that wait. Nothing polls: the index wakes them when a matching pod appears."""

    def __init__(self, index: PodIndex, limit: int = WAITERS_MAX) -> None:
        self._index = index
        self._limit = limit
        self._wakeups: set[asyncio.Event] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._wakeups)

    def close(self) -> None:
        """End all waits, and refuse further ones."""
        self._closed = True
        for wakeup in self._wakeups:
            wakeup.set()

    async def wait_for(
        self,
        find: Callable[[], Awaitable[Match | Ambiguity | None]],
        identifiers: Iterable[Identifier],
        seconds: float,
        receive: Receive,
    ) -> Match | Ambiguity | None:
        """Return the first match of ``find``, or after ``seconds`` its last result.

        Raise ClientGone if the client disconnects, and RequestError (503) if too many lookups wait or the service
        shuts down.
        """
        if len(self._wakeups) >= self._limit:
            raise RequestError(503, f"{self._limit} lookups are already waiting", RETRY_AFTER)
        wakeup = asyncio.Event()
        self._wakeups.add(wakeup)
        unsubscribe = self._index.subscribe(identifiers, wakeup.set)
        disconnect = asyncio.create_task(wait_for_disconnect(receive))
        disconnect.add_done_callback(lambda _: wakeup.set())
        try:
            async with asyncio.timeout(seconds):
                while not isinstance(found := await find(), Match):
                    if self._closed:
                        raise RequestError(503, "shutting down", RETRY_AFTER)
                    if disconnect.done():
                        raise ClientGone
                    await wakeup.wait()
                    wakeup.clear()  # Before the search: the next change may come while it waits for its turn.
                return found
        except TimeoutError:
            # The pod may have appeared while the event loop was busy.
            return await find()
        finally:
            disconnect.cancel()
            unsubscribe()
            self._wakeups.discard(wakeup)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client disconnects.

    https://asgi.readthedocs.io/en/latest/specs/www.html#disconnect-receive-event
    """
    while (await receive())["type"] != "http.disconnect":
        pass

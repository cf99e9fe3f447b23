"""Reads a watch so that changes gather: a few of them at once cost little more than one.

Each ticket for Kopf costs the same, however many changes it carries. A change after a quiet moment is read at once. The
changes after it wait in the connection until GATHER_SECONDS have passed since that read, and are then read together.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from pod_index.informer.json_wire import Content

GATHER_SECONDS = 0.02
"""The longest time that a change waits for others: much less than the second within which it must be served."""

GATHER_BYTES = 64 * 1024
"""After a read of this size, the next one does not wait: enough changes came, and the buffer of aiohttp may be full."""


class GatheringContent(Content):
    """The body of a watch. The reads gather changes once ``gathers`` is set."""

    def __init__(self, content: Content, *, gathers: bool) -> None:
        self.gathers = gathers
        self._reads = content.iter_any()
        self._next_read = 0.0
        """The earliest time of the next read, by the loop's clock."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the bytes of each read."""
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        loop = asyncio.get_running_loop()
        pause = self._next_read - loop.time()
        if self.gathers and pause > 0:
            await asyncio.sleep(pause)
        chunk = await anext(self._reads)
        self._next_read = loop.time() + GATHER_SECONDS if len(chunk) < GATHER_BYTES else 0.0
        return chunk

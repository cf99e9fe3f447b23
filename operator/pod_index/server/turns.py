"""Turns of requests: the work of many requests is spread over iterations of the event loop."""

import asyncio
from collections import deque

TURNS = 1
"""Maximum number of requests that the application begins to answer in one iteration. Each takes up to 0.2 ms."""


class Turns:
    """Lets only a few requests begin in an iteration of the event loop, in the order of their arrival.

    Plain lookups take no turn: they wait for one iteration at most, and not for a turn of each other request.
    """

    def __init__(self, turns: int = TURNS) -> None:
        self._turns = turns
        self._left = turns
        """How many more turns this iteration has."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Return at once if this iteration has a turn left, and otherwise when a later one has."""
        if not self._left:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
            return
        if self._left == self._turns:
            asyncio.get_running_loop().call_soon(self._begin_iteration)
        self._left -= 1

    def _begin_iteration(self) -> None:
        self._left = self._turns
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self._left < self._turns:
            asyncio.get_running_loop().call_soon(self._begin_iteration)

"""Waiting in tests: polling with a deadline instead of fixed sleeps."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_SECONDS = 60.0
"""How long a test waits for what must happen: on a busy machine, a start of the operator takes 20 seconds."""


def eventually(check: Callable[[], object], *, within: float = DEADLINE_SECONDS, every: float = 0.02) -> None:
    """Call ``check`` until it returns a true value; raise an AssertionError after ``within`` seconds.

    While there is time left, an AssertionError of ``check`` counts as false; the last one is raised at the end.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            if check():
                return
            failure = AssertionError(f"{check} was never true within {within} s")
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(every)


async def eventually_true(
    check: Callable[[], object], *, within: float = DEADLINE_SECONDS, every: float = 0.001
) -> None:
    """Run the event loop until ``check`` returns a true value; raise an AssertionError after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"{check} was never true within {within} s"
        await asyncio.sleep(every)

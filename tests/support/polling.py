"""Waiting in tests: by polling with a deadline, never by sleeping and hoping."""

import asyncio
import time
from collections.abc import Callable


def eventually(check: Callable[[], object], *, within: float = 30.0, every: float = 0.02) -> None:
    """Call ``check`` until it returns something true; raise AssertionError after ``within`` seconds.

    An AssertionError of ``check`` counts as not yet, and the last one is raised in the end.
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


async def eventually_true(check: Callable[[], object], *, within: float = 30.0, every: float = 0.001) -> None:
    """Let the event loop run until ``check`` returns something true; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"{check} was never true within {within} s"
        await asyncio.sleep(every)

"""Exponential backoff with jitter."""

import random

FIRST_SECONDS = 0.5
"""The first pause, before jitter."""


class Backoff:
    """The pauses of one retry loop, in seconds.

    They double from half a second up to ``limit``. Jitter shortens each by up to a half, so that the clients of
    an API server that restarts do not all call it at the same moment.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.attempts = 0
        """The number of pauses since the last success."""

    def next_pause(self) -> float:
        """Count a failed attempt and return the pause before the next one."""
        # 2.0 ** 1024 overflows, and a long outage has that many attempts.
        pause = min(self.limit, FIRST_SECONDS * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Note a success: the next pause is the first again."""
        self.attempts = 0

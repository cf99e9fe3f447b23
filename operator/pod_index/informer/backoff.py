"""Pauses between attempts: exponential, with jitter, up to a limit."""

import random

FIRST_SECONDS = 0.5
"""The first pause, before jitter."""


class Backoff:
    """The pauses of one retry loop, in seconds.

    They double from half a second up to ``limit``. Each is shortened at random by up to a half, so that many
    clients of an API server that comes back do not all call it at the same moment.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.attempts = 0
        """How many pauses there were since the last success."""

    def next_pause(self) -> float:
        """Count a failed attempt and return how long to pause before the next."""
        # The exponent is bounded because 2.0 ** 1024 overflows, and an outage can be that long.
        pause = min(self._limit, FIRST_SECONDS * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Note a success: the next pause is a first one."""
        self.attempts = 0

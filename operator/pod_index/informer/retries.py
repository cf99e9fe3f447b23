"""When to try again: the pauses after failed and after short requests, and the log of an outage."""

import asyncio
import logging

from pod_index.backoff import Backoff
from pod_index.informer.errors import ApiError, IdleTimeout, OlderVersion, Throttled, Unauthorized

logger = logging.getLogger("pod_index.informer")

HEALTHY_WATCH_SECONDS = 30.0
"""A watch this long counts as healthy, even without an event."""

REOPEN_MAX_SECONDS = 5.0
"""The longest interval between the starts of watches that make progress, but end early."""

SHORT_WATCHES_LOGGED = 8
"""After this many short watches in a row, a line is logged."""

WATCH_FAILURES_MAX = 5
"""After this many failures in a row while lists work, a watch is replaced by a new listing."""


class Retries:
    """The attempts of one stream: each is a listing, or a watch."""

    def __init__(self, retry_max_seconds: float) -> None:
        self._failures = Backoff(retry_max_seconds)
        self._short_watches = Backoff(min(retry_max_seconds, REOPEN_MAX_SECONDS))
        self._watch_failures = 0
        """Failures of watches in a row while lists worked."""
        self._broken_watches = 0
        """Failures in a row of short watches that made progress."""
        self._failing_since: float | None = None
        self._started = 0.0
        self._progressed = False

    @property
    def failing(self) -> bool:
        """Whether the attempt before this one failed, without progress since."""
        return self._failures.attempts > 0

    def begin(self) -> None:
        """Note the start of an attempt."""
        self._started = asyncio.get_running_loop().time()
        self._progressed = False

    def seconds(self) -> float:
        """Return how long the attempt has lasted."""
        return asyncio.get_running_loop().time() - self._started

    def progress(self) -> None:
        """Note that a listing was completed, or that a watch sent an event."""
        self._progressed = True
        self._failures.reset()
        self._watch_failures = 0
        if self._failing_since is not None:
            seconds = asyncio.get_running_loop().time() - self._failing_since
            logger.info("The API server is back: recovered after %.1f s", seconds)
            self._failing_since = None

    def watch_keeps_failing(self, failure: ApiError) -> bool:
        """Count a watch that failed although a list succeeded just before; return whether there were too many.

        A new login or a pause helps against some failures, and a listing does not.
        """
        if isinstance(failure, Unauthorized | Throttled):
            return False
        self._watch_failures += 1
        return self._watch_failures >= WATCH_FAILURES_MAX

    async def pause_before_reopening(self) -> None:
        """Pause after a watch that ended in good order, if it was short."""
        await asyncio.sleep(self._reopen_pause())
        if self._short_watches.attempts == SHORT_WATCHES_LOGGED:
            logger.info(
                "%d watches in a row ended early; they are reopened every %g s. Check for proxies with time limits",
                SHORT_WATCHES_LOGGED,
                self._short_watches.limit,
            )

    async def pause_after(self, failure: ApiError, *, watching: bool) -> bool:
        """Log a failure and pause; return whether it was logged."""
        self._failing_since = self._failing_since or asyncio.get_running_loop().time()
        # A dead connection lasts longest: it is not a healthy watch.
        watching = watching and not isinstance(failure, IdleTimeout)
        if watching and self.seconds() > HEALTHY_WATCH_SECONDS:
            self._failures.reset()
            self._watch_failures = self._broken_watches = 0
        pause = max(self._failures.next_pause(), failure.retry_after)
        attempt = self._failures.attempts
        if watching and self._progressed:
            # Else a watch that breaks off after each event would be reopened without growing pauses.
            pause = max(pause, self._reopen_pause())
            self._broken_watches += 1
            attempt = max(attempt, self._broken_watches)
        if isinstance(failure, OlderVersion):
            # The connection to a replica that is up to date is still open then.
            pause = min(pause, REOPEN_MAX_SECONDS)
        # Log attempts 1, 2, 4, 8, ...: an outage is visible but does not fill the log.
        is_logged = attempt & (attempt - 1) == 0
        if is_logged:
            logger.warning("%s; attempt %d failed, the next is in %.1f s", failure, attempt, pause)
        await asyncio.sleep(pause)
        return is_logged

    def _reopen_pause(self) -> float:
        """Count the end of a watch; return the pause, which is 0 if it was not short."""
        if self.seconds() > HEALTHY_WATCH_SECONDS:
            self._short_watches.reset()
            return 0.0
        return max(0.0, self._short_watches.next_pause() - self.seconds())

"""The streams to clients that follow pods.

Nothing polls: the index wakes the streams that a change concerns. A stream without changes is one suspended task.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from pod_index.api.authentication import Authenticator
from pod_index.api.queries import WatchQuery
from pod_index.api.responses import CHUNK_BYTES, RETRY_AFTER, Header, RequestError, encode
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.following import Event, Follower, HistoryReset, LaggingStream
from pod_index.store.index import PodIndex
from pod_index.store.resume import Expired, parse_token

BEHIND_SECONDS = 150.0
"""How long a stream waits until the index has reached the version of its resume token. In a quiet cluster, the API
server sends a bookmark each minute, and the first one after a streaming list only after two minutes."""

GATHER_SECONDS = 0.02
"""Changes gather for this time after a stream has sent some: most of the cost of a change is that of sending."""

RETRY_SECONDS = (5, 30)
"""The range of Retry-After where too many streams are open. Random, so that the clients do not come back together."""

ENDING_SECONDS = 2.0
"""How long a stream that is about to end may still send changes, so that it ends with a bookmark."""

STEP_SECONDS = 0.001
"""The time of a step that computes for many streams. One for each stream would take as many iterations of the event
loop, and beside thousands of other clients each of them takes long."""

CHECK_SECONDS = 1.0
"""Time between two checks of what is due, or a quarter of the time between two heartbeats if that is less."""


class Watch:
    """A stream to one client."""

    def __init__(self, headers: Sequence[Header], now: float, ends_at: float) -> None:
        self.wakeup = asyncio.Event()
        self.ended = False
        """Whether nothing more is sent."""
        self.follower: Follower
        self.headers = headers
        """The credentials."""
        self.started = self.bookmarked = self.checked = now
        """The times of its start, its last bookmark, and the last check of its credentials, by the loop's clock."""
        self.sent = 0.0
        """The time of its last change."""
        self.ends_at = ends_at
        self.is_marked = False
        """Whether it has had a bookmark since its last change."""

    async def wait(self) -> None:
        """Wait until there may be something to send."""
        if self.ended or not self.follower.settled:
            return
        await self.wakeup.wait()
        rest = self.sent + GATHER_SECONDS - asyncio.get_running_loop().time()
        if rest > 0:
            await asyncio.sleep(rest)


class Turn(NamedTuple):
    """A stream that waits for its next lines."""

    watch: Watch
    large: bool
    """Whether a large object may be among them."""
    pieces: asyncio.Future[list[bytes]]


class Watches:
    """All open streams.

    ``age`` returns how many seconds ago the API server last confirmed the data, and ``step`` the context for a step of
    long work: ``ResponseLimiter.step``.
    """

    def __init__(
        self,
        index: PodIndex,
        age: Callable[[], float],
        settings: Settings,
        stats: Stats,
        authenticator: Authenticator | None,
        step: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self._index = index
        self._step = step
        self._age = age
        self._settings = settings
        self._stats = stats
        self._authenticator = authenticator
        self._watches: set[Watch] = set()
        self._turns: deque[Turn] = deque()
        self._computing: asyncio.Task[None] | None = None
        self._checks: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._watches)

    @property
    def backlog(self) -> int:
        """The number of changes that the stream which is behind most has not read."""
        return max((watch.follower.backlog for watch in self._watches), default=0)

    def add(self, query: WatchQuery, headers: Sequence[Header]) -> Watch:
        """Begin a stream; raise RequestError for an unusable resume token (410), or too many streams (503)."""
        if self._closed:
            raise RequestError(503, "shutting down", RETRY_AFTER)
        if len(self._watches) >= self._settings.max_watches:
            retry_after = (b"retry-after", b"%d" % random.randint(*RETRY_SECONDS))  # noqa: S311 - jitter, not a secret
            raise RequestError(503, f"{self._settings.max_watches} streams are already open", retry_after)
        now = asyncio.get_running_loop().time()
        duration = self._settings.watch_max_seconds * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        watch = Watch(headers, now, now + duration)
        try:
            token = parse_token(query.resume, query.view) if query.resume else None
            watch.follower = Follower(self._index, query.view, token, watch.wakeup.set)
        except Expired as error:
            self._stats.watches_expired += 1
            raise RequestError(410, f"{error}: begin without resume") from error
        self._stats.watches_resumed += token is not None
        self._watches.add(watch)
        if self._checks is None or self._checks.done():
            self._checks = asyncio.create_task(self._check(), name="client watches")
        return watch

    def remove(self, watch: Watch) -> None:
        """Forget a stream that has ended."""
        watch.follower.close()
        self._watches.discard(watch)

    def close(self) -> None:
        """End all streams with a bookmark, and refuse further ones."""
        self._closed = True
        now = asyncio.get_running_loop().time() if self._watches else 0.0
        for watch in self._watches:
            watch.ends_at = min(watch.ends_at, now)
            watch.wakeup.set()

    async def next_chunks(self, watch: Watch, *, large: bool) -> Iterator[bytes]:
        """Return the next lines of a stream; without ``large``, no large objects."""
        turn = Turn(watch, large, asyncio.get_running_loop().create_future())
        self._turns.append(turn)
        if self._computing is None or self._computing.done():
            self._computing = asyncio.create_task(self._compute(), name="client watches: computing")
        return _chunks(await turn.pieces)

    async def _compute(self) -> None:
        """Compute the next lines of the waiting streams, many in one step: most have a single small change."""
        while self._turns:
            async with self._step():
                until = time.perf_counter() + STEP_SECONDS
                while self._turns and time.perf_counter() < until:
                    watch, large, pieces = self._turns.popleft()
                    if pieces.cancelled():
                        continue
                    watch.wakeup.clear()
                    try:
                        pieces.set_result(self._next_pieces(watch, large=large))
                    except Exception as problem:  # noqa: BLE001 - the task of the stream raises it
                        pieces.set_exception(problem)

    def _next_pieces(self, watch: Watch, *, large: bool) -> list[bytes]:
        now = asyncio.get_running_loop().time()
        follower = watch.follower
        heartbeat = self._settings.watch_heartbeat_seconds
        if self._authenticator is not None and now >= watch.checked + heartbeat:
            watch.checked = now
            if self._authenticator.challenges(watch.headers):
                return self._fail(watch, "unauthorized", 401, "the credentials are no longer valid")
        try:
            events = follower.pull(CHUNK_BYTES, large=large)
        except Expired as error:
            return self._expire(watch, str(error))
        except HistoryReset as error:
            return self._fail(watch, "history", 410, str(error))
        except LaggingStream as error:
            return self._fail(watch, "slow", 503, str(error))
        if follower.waiting and now >= watch.started + BEHIND_SECONDS:
            return self._expire(watch, "the version of the resume token was not reached")
        watch.ended = now >= watch.ends_at and (follower.settled or now >= watch.ends_at + ENDING_SECONDS)
        is_due = now >= watch.bookmarked + heartbeat
        pieces = self._encode(events)
        if events:
            watch.sent, watch.is_marked = now, False
        if follower.settled and not follower.waiting and (is_due or watch.ended or not watch.is_marked):
            watch.bookmarked, watch.is_marked = now, True
            pieces.append(self._bookmark(follower))
        return pieces

    def _encode(self, events: list[Event]) -> list[bytes]:
        pieces: list[bytes] = []
        for event_type, record in events:
            self._stats.watch_events[event_type.lower()] += 1
            pieces += (b'{"type":"%b","object":' % event_type.encode(), record, b"}\n")
        return pieces

    def _bookmark(self, follower: Follower) -> bytes:
        token, initial_events_end = follower.bookmark()
        self._stats.watch_events["bookmark"] += 1
        resume = {"resume": token} if token else {}
        end = {"initialEventsEnd": True} if initial_events_end else {}
        return _line({"type": "BOOKMARK", **resume, **end, "age": round(self._age(), 1)})

    def give_up(self, watch: Watch, message: str) -> bytes:
        """End a stream whose large object has to wait for too many others; return its last line."""
        return b"".join(self._fail(watch, "slow", 503, message))

    def _expire(self, watch: Watch, message: str) -> list[bytes]:
        self._stats.watches_expired += 1
        return self._end(watch, 410, message)

    def _fail(self, watch: Watch, reason: str, code: int, message: str) -> list[bytes]:
        self._stats.watches_cut[reason] += 1
        return self._end(watch, code, message)

    def _end(self, watch: Watch, code: int, message: str) -> list[bytes]:
        watch.ended = True
        self._stats.watch_events["error"] += 1
        return [_line({"type": "ERROR", "error": message, "code": code})]

    async def _check(self) -> None:
        """Wake the streams that are due."""
        heartbeat = self._settings.watch_heartbeat_seconds
        loop = asyncio.get_running_loop()
        while self._watches:
            await asyncio.sleep(min(CHECK_SECONDS, heartbeat / 4))
            now = loop.time()
            for watch in self._watches:
                if watch.follower.waiting or now >= min(watch.bookmarked + heartbeat, watch.ends_at):
                    watch.wakeup.set()


def _line(document: dict[str, Any]) -> bytes:
    return encode(document) + b"\n"


def _chunks(pieces: list[bytes]) -> Iterator[bytes]:
    """Join small pieces, and divide large ones: records, which are not copied as a whole."""
    chunk = bytearray()
    for piece in pieces:
        for begin in range(0, len(piece), CHUNK_BYTES):
            part = piece[begin : begin + CHUNK_BYTES]
            if len(chunk) + len(part) > CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
            chunk += part
    if chunk:
        yield bytes(chunk)

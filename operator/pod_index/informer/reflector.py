"""Lists and watches the pods of one scope, whatever the API server does.

It does for Kopf what client-go's Reflector does for an informer. A stream is one listing and the watches after it. It
ends when a new listing is needed: the history is gone (410), a response is inconsistent, or watches from this version
fail while lists work. After all other failures the request is repeated, from the last resourceVersion, with growing
pauses.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

from pod_index.backoff import Backoff
from pod_index.informer import protobuf_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import (
    ApiError,
    Expired,
    Forbidden,
    InconsistentResponse,
    InternalFailure,
    OlderVersion,
    SelectorRejected,
    Throttled,
    Unauthorized,
    listing_reason,
)
from pod_index.informer.history import History
from pod_index.informer.json_wire import Added, Bookmark, Deleted, Modified, WatchEvent
from pod_index.informer.listings import (
    MODE_LABELS,
    Chunk,
    Mode,
    Strategy,
    list_in_pages,
    list_streaming,
    list_whole,
)
from pod_index.informer.listwatch import ListWatch
from pod_index.informer.retries import Retries
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Changes, Delta, ListPage, Progress

logger = logging.getLogger("pod_index.informer")

RELIST_BACKOFF_RESET_SECONDS = 300.0
"""A listing this long after the last one starts without a pause."""

SLOW_LISTING_SECONDS = 15.0
"""A listing that takes longer is logged before its end."""


class Reflector:
    """The lists and watches of one scope ("" is all namespaces); one stream at a time. Retries what may succeed."""

    def __init__(
        self, client: ApiClient, scope: str, settings: Settings, stats: Stats, on_failure: Callable[[str], None]
    ) -> None:
        self._client = client
        self._on_failure = on_failure
        self._stats = stats
        self._scope = scope
        self._api = ListWatch.from_settings(client, scope, settings)
        self._strategy = Strategy(streaming_list=settings.streaming_list)
        self._streaming_list_seconds = settings.streaming_list_seconds
        self._history = History(self._api, settings.retry_max_seconds)
        self._retries = Retries(settings.retry_max_seconds)
        self._relist_backoff = Backoff(settings.retry_max_seconds)
        self._version: int | None = None
        """The resourceVersion to watch from; None until the listing is complete."""
        self._relist_request: str | None = None
        self._pods_listed = 0
        """The number of pods in the current listing so far."""
        self._list_works = False
        """Whether a list succeeded immediately before the watch request of this attempt."""
        self._watch_requested = False
        """Whether this attempt came to a watch request; a streaming list is one, too."""
        self._listed_at: float | None = None
        self._listing_reason = "start"
        """The reason of the next listing: one of ``stats.LISTING_REASONS``."""
        self._slow_listing_logged = False
        self.confirmed_at: float | None = None
        """When the API server last confirmed the state (event, bookmark, end of a listing), by the loop's clock."""

    @property
    def read_at(self) -> float:
        """When the latest delta was read from the connection, by time.perf_counter()."""
        return self._api.read_at

    def request_relist(self, reason: str) -> None:
        """End the stream, or begin the incomplete listing anew; ``reason`` is for the log."""
        self._relist_request = reason
        self._api.interrupt_watch()

    async def stream(self) -> AsyncGenerator[ListPage | Changes]:
        """Yield the pages of a listing and then the changes of each read, until a new listing is needed."""
        await self._start_over()
        while True:
            self._retries.begin()
            self._list_works = self._watch_requested = False
            try:
                attempt = self._list() if self._version is None else self._watch(self._version)
                async with contextlib.aclosing(attempt) as items:
                    async for item in items:
                        yield item
                        self._check_relist_request()
            except ApiError as error:
                failure = error if self._relist_request is None else InternalFailure(self._relist_request)
                self._count_end(failure.reason)
                if isinstance(failure, SelectorRejected) and self.confirmed_at is None:
                    self._on_failure(str(failure))
                if self._version is None and self._uses_another_way(failure):
                    continue
                if isinstance(failure, OlderVersion):
                    failure = await self._history.check_reset(failure)
                if self._version is not None and self._needs_listing(failure):
                    logger.warning("Relisting the pods: %s", failure)
                    self._listing_reason = listing_reason(failure)
                    return
                await self._recover(failure)
            except Exception as error:
                # Kopf would end the operator for any exception, and the API with it.
                logger.exception("Internal error of pod-index; please report it")
                self._count_end("other")
                self._listing_reason = "fault"
                await self._recover(ApiError(f"relisting the pods after an internal error ({error!r})"))
                return

    async def _list(self) -> AsyncGenerator[ListPage | Changes]:
        """List the pods. A streaming list goes on as a watch."""
        self._relist_request = None
        self._pods_listed = 0
        yield ListPage(scope=self._scope, pods=[], begins=True, history_reset=self._history.was_reset)
        parts = await self._request_list()
        mode = self._strategy.mode
        slow = asyncio.get_running_loop().call_later(SLOW_LISTING_SECONDS, self._log_slow_listing)
        try:
            async with contextlib.aclosing(parts):
                async for part in parts:
                    if isinstance(part, Chunk):
                        yield self._page(part, mode)
                    elif self._version is not None:
                        for deltas in self._follow(part):
                            yield deltas
                    else:
                        self._pods_listed -= len(part)
                        yield [self._delta(event) for event in part if isinstance(event, Deleted)]
        finally:
            slow.cancel()
        if mode == "streaming":
            await self._reopen()

    async def _request_list(self) -> AsyncGenerator[Chunk | list[WatchEvent]] | AsyncGenerator[Chunk]:
        """Begin a list in the way of the strategy."""
        if self._strategy.mode == "streaming":
            await self._prepare_watch()
            return list_streaming(self._api, self._streaming_list_seconds)
        if self._strategy.mode == "whole":
            version = await self._checked_version()
            from_cache = not self._strategy.after_pages
            if self._api.wire is protobuf_wire or not from_cache:
                return list_whole(self._api, version, self._streaming_list_seconds, from_cache=from_cache)
            self._strategy.use_pages("a whole list in JSON takes too much memory")
        return list_in_pages(self._api)

    async def _watch(self, version: int) -> AsyncGenerator[Changes]:
        await self._prepare_watch()
        async with contextlib.aclosing(self._api.watch(version)) as reads:
            async for events, _ in reads:
                for deltas in self._follow(events):
                    yield deltas
        await self._reopen()

    async def _prepare_watch(self) -> None:
        """After a failure, find out whether lists work, and whether the history was reset.

        Only a watch that fails while lists work needs another way; in an outage, both fail. After a restore of etcd the
        version to watch from can be in the future; such a watch hangs without an error.
        """
        if self._retries.failing:
            await self._checked_version()
        self._watch_requested = True

    async def _checked_version(self) -> int:
        """Return the newest resourceVersion; raise OlderVersion if it is older than an earlier one."""
        version = await self._api.current_version()
        self._history.check(version)
        self._list_works = True
        return version

    def _follow(self, events: Sequence[WatchEvent]) -> Iterator[Changes]:
        """Advance to events after the listing. Yield their changes together, even if one of the events fails."""
        changes: list[Delta | Progress] = []
        try:
            for event in events:
                self._history.advance(version := event.object.metadata.resource_version)
                self._version = version
                self._confirm()
                if isinstance(event, Bookmark):
                    self._stats.events["bookmark"] += 1
                    changes.append(Progress(scope=self._scope, version=version))
                else:
                    self._stats.events[event.type.lower()] += 1
                    changes.append(self._delta(event))
        finally:
            if changes:
                yield changes

    def _check_relist_request(self) -> None:
        """Raise InternalFailure if a handler lost an item: a listing without it is not complete."""
        if self._relist_request is not None:
            raise InternalFailure(self._relist_request)

    def _delta(self, event: Added | Modified | Deleted) -> Delta:
        return Delta(type=event.type, scope=self._scope, pod=event.object)

    def _page(self, chunk: Chunk, mode: Mode) -> ListPage:
        if chunk.version is not None:
            self._history.check(chunk.version)
        self._pods_listed += chunk.added
        complete_at = chunk.version if chunk.complete else None
        if complete_at is not None:
            self._complete(complete_at, mode)
        return ListPage(scope=self._scope, pods=chunk.pods, complete_at=complete_at)

    def _complete(self, version: int, mode: Mode) -> None:
        """Record and log that the listing is complete; watch from ``version``."""
        self._history.complete(version)
        self._version = version
        self._slow_listing_logged = False
        self._strategy.completed()
        self._listed_at = asyncio.get_running_loop().time()
        seconds = self._retries.seconds()
        self._stats.listings[self._listing_reason] += 1
        self._stats.listing_durations[mode].observe(seconds)
        self._listing_reason = "reopened"
        self._confirm()
        where = f" of namespace {self._scope}" if self._scope else ""
        pods = "1 pod" if self._pods_listed == 1 else f"{self._pods_listed} pods"
        logger.info("Listed %s%s in %.2f s, %s (%s)", pods, where, seconds, MODE_LABELS[mode], self._api.wire.NAME)

    def _log_slow_listing(self) -> None:
        if self._version is None and not self._slow_listing_logged:
            self._slow_listing_logged = True
            logger.warning(
                "The listing is not complete after %g s, %d pods so far; check the API server's load and the network",
                SLOW_LISTING_SECONDS,
                self._pods_listed,
            )

    def _confirm(self) -> None:
        """Record that the API server has just confirmed the state."""
        self.confirmed_at = asyncio.get_running_loop().time()
        self._retries.progress()

    def _count_end(self, reason: str) -> None:
        """Count the end of a watch, or of an incomplete listing."""
        (self._stats.listing_failures if self._version is None else self._stats.watch_restarts)[reason] += 1

    def _uses_another_way(self, failure: ApiError) -> bool:
        """Return whether to list in another way, and at once, after this failure of a listing."""
        requested = self._watch_requested or self._strategy.mode != "streaming"
        if not requested or isinstance(failure, Unauthorized | Throttled | OlderVersion | InternalFailure):
            return False
        watches_fail = self._watch_requested and self._list_works and self._retries.watch_keeps_failing(failure)
        accepted, lists_work = self._api.watch_accepted, self._list_works
        return self._strategy.failed(failure, accepted=accepted, lists_work=lists_work, watches_fail=watches_fail)

    def _needs_listing(self, failure: ApiError) -> bool:
        return isinstance(failure, Expired | InconsistentResponse | InternalFailure) or (
            self._list_works and self._retries.watch_keeps_failing(failure)
        )

    async def _start_over(self) -> None:
        """Reset the state of the last stream; pause if its listing was recent."""
        self._version = None
        if self._listed_at is None:
            return
        if asyncio.get_running_loop().time() - self._listed_at > RELIST_BACKOFF_RESET_SECONDS:
            self._relist_backoff.reset()
        await asyncio.sleep(self._relist_backoff.next_pause())

    async def _reopen(self) -> None:
        """Count a watch that ended in good order, and pause if it was short."""
        self._count_end("ended")
        await self._retries.pause_before_reopening()

    async def _recover(self, failure: ApiError) -> None:
        """Log the failure, pause, and renew the login if the credentials were refused."""
        refused = self._client.credentials
        is_logged = await self._retries.pause_after(failure, watching=self._version is not None)
        if isinstance(failure, Unauthorized | Forbidden):
            try:
                await self._client.renew_login(refused)
            except ApiError as error:
                if is_logged:
                    logger.warning("%s", error)

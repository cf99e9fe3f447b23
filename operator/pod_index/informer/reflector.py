"""Lists and watches the pods of one scope, whatever the API server does.

It does for Kopf what client-go's Reflector does for an informer. A stream is one listing and the watches after it. It
ends when a new listing is needed: the history is gone (410), or a response is inconsistent. After all other failures
the request is repeated, from the last resourceVersion, with growing pauses.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from pod_index.informer.backoff import Backoff
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import (
    ApiError,
    Expired,
    IdleTimeout,
    InconsistentResponse,
    Rejected,
    Unauthorized,
    Unreachable,
)
from pod_index.informer.json_wire import Added, Bookmark, Deleted, Modified, WatchEvent
from pod_index.informer.listwatch import ListWatch
from pod_index.pods import Pod
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Delta, ListPage

logger = logging.getLogger("pod_index.informer")

FIRST_PAGE_SIZE = 50
"""Pods in the first page of a listing, whose size is unknown: up to 100 MB if each is as large as etcd allows."""

PAGE_SIZE = 500
"""The maximum number of pods in a page of a listing: 5 MB of JSON at 10 KB each."""

PAGE_BYTES = 8 * 1024 * 1024
"""The maximum JSON in a page of a listing, estimated from the page before. Memory holds a whole page."""

RELIST_BACKOFF_RESET_SECONDS = 300.0
"""A listing this long after the last one starts without a pause."""

HEALTHY_WATCH_SECONDS = 30.0
"""A watch this long counts as healthy, even without an event."""

REJECTIONS = 5
"""After this many failures in a row, outages not counted, a watch is replaced by a new listing."""

MODE_LABELS = {"streaming": "by a streaming list", "chunked": "in pages"}
"""The log's words for ``stats.MODES``."""


class Reflector:
    """The lists and watches of one scope ("" is all namespaces); one stream at a time."""

    def __init__(self, client: ApiClient, scope: str, settings: Settings, stats: Stats) -> None:
        self._client = client
        self._stats = stats
        self._scope = scope
        self._api = ListWatch(client, scope, idle_seconds=settings.watch_idle_seconds)
        self._streaming_list = settings.streaming_list
        self._retry_backoff = Backoff(settings.retry_max_seconds)
        self._relist_backoff = Backoff(settings.retry_max_seconds)
        self._version: int | None = None
        """The resourceVersion to watch from; None until the listing is complete."""
        self._newest_version = 0
        """The newest resourceVersion ever received; an older one means that the history was reset."""
        self._history_reset = False
        self._was_unreachable = False
        self._relist_request: str | None = None
        self._pods_listed = 0
        """The number of pods in the current listing so far."""
        self._attempt_started = 0.0
        self._listed_at: float | None = None
        self._listing_reason = "start"
        """The reason of the next listing: one of ``stats.LISTING_REASONS``."""
        self._failing_since: float | None = None
        self.confirmed_at: float | None = None
        """When the API server last confirmed the state (event, bookmark, end of a listing), by the loop's clock."""

    @property
    def read_at(self) -> float:
        """When the latest delta was read from the connection, by the loop's clock."""
        return self._api.read_at

    def request_relist(self, reason: str) -> None:
        """End the stream at the next event, for a new listing; ``reason`` is for the log."""
        self._relist_request = reason

    async def stream(self) -> AsyncGenerator[ListPage | Delta]:
        """Yield the pages of a listing and then each change, until a new listing is needed."""
        await self._start_over()
        while True:
            if self._version is None:
                yield ListPage(scope=self._scope, pods=[], begins=True, history_reset=self._history_reset)
                self._pods_listed = 0
            paged = self._version is None and not self._streaming_list
            self._attempt_started = asyncio.get_running_loop().time()
            try:
                async with contextlib.aclosing(self._attempt()) as items:
                    async for item in items:
                        yield item
                if self._version is not None and not paged:
                    self._count_end("ended")
            except ApiError as failure:
                self._count_end(failure.reason)
                if self._version is not None and self._needs_listing(failure):
                    logger.warning("Relisting the pods: %s", failure)
                    known = isinstance(failure, Expired | InconsistentResponse)
                    self._listing_reason = failure.reason if known else "failing"
                    return
                if asyncio.get_running_loop().time() - self._attempt_started > HEALTHY_WATCH_SECONDS:
                    self._retry_backoff.reset()
                await self._recover(failure)
            except Exception as error:
                # Kopf would end the operator for any exception, and the API with it.
                logger.exception("Internal error of pod-index; please report it")
                self._count_end("other")
                self._listing_reason = "fault"
                await self._recover(ApiError(f"relisting the pods after an internal error ({error!r})"))
                return

    def _attempt(self) -> AsyncGenerator[ListPage | Delta]:
        """Make the next request: for the listing, or for the watch after it."""
        if self._version is not None:
            return self._watch(self._version)
        return self._list_streaming() if self._streaming_list else self._list_pages()

    async def _list_pages(self) -> AsyncGenerator[ListPage]:
        token: str | None = None
        limit = FIRST_PAGE_SIZE
        buffer = bytearray()
        while True:
            page, size = await self._api.list_page(limit, token, buffer=buffer)
            token, version = page.metadata.continue_token, page.metadata.resource_version
            pods = page.items or []
            self._check_history(version)
            self._pods_listed += len(pods)
            if not token:
                self._complete(version, "chunked")
                yield self._page(pods, version)
                return
            if pods:
                limit = max(1, min(PAGE_SIZE, PAGE_BYTES * len(pods) // size))
            yield self._page(pods)

    async def _list_streaming(self) -> AsyncGenerator[ListPage | Delta]:
        """List by a watch that sends the initial state first, and continue that watch."""
        pods: list[Pod] = []
        page_bytes = 0
        try:
            async with contextlib.aclosing(self._api.watch(None)) as reads:
                async for events, size in reads:
                    page_bytes += size
                    for event in events:
                        if self._version is not None:
                            if (delta := self._follow(event)) is not None:
                                yield delta
                            continue
                        match event:
                            case Added(pod) | Modified(pod):
                                pods.append(pod)
                                self._pods_listed += isinstance(event, Added)
                            case Deleted():
                                # Changes can come before the end of the initial state: keep the order.
                                yield self._page(pods)
                                pods = []
                                self._pods_listed -= 1
                                yield self._delta(event)
                            case Bookmark() if event.ends_initial_events:
                                version = event.object.metadata.resource_version
                                self._check_history(version)
                                self._complete(version, "streaming")
                                yield self._page(pods, version)
                                pods = []
                    if self._version is None and (len(pods) >= PAGE_SIZE or page_bytes >= PAGE_BYTES):
                        yield self._page(pods)
                        pods, page_bytes = [], 0
        except (Rejected, IdleTimeout) as failure:
            if self._version is not None:
                raise
            # An old server rejects the request. If its etcd cannot report progress, the initial state never ends.
            logger.info("Listing the pods in pages, since streaming lists are unavailable: %s", failure)
            self._streaming_list = False
            self._stats.listing_failures[failure.reason] += 1

    async def _watch(self, version: int) -> AsyncGenerator[Delta]:
        if self._was_unreachable:
            # After a restore of etcd the version can be in the future; such a watch hangs without an error.
            page, _ = await self._api.list_page(1)
            self._check_history(page.metadata.resource_version)
            self._was_unreachable = False
        async with contextlib.aclosing(self._api.watch(version)) as reads:
            async for events, _ in reads:
                for event in events:
                    if (delta := self._follow(event)) is not None:
                        yield delta

    def _follow(self, event: WatchEvent) -> Delta | None:
        """Advance to an event after the listing; return its change, if it is not a bookmark."""
        if self._relist_request is not None:
            raise InconsistentResponse(self._relist_request)
        version = event.object.metadata.resource_version
        self._check_history(version)
        self._version = self._newest_version = version
        self._confirm()
        if isinstance(event, Bookmark):
            self._stats.events["bookmark"] += 1
            return None
        self._stats.events[event.type.lower()] += 1
        return self._delta(event)

    def _check_history(self, version: int) -> None:
        """Raise InconsistentResponse if the server's version is older than one that it sent before."""
        if version < self._newest_version and not self._history_reset:
            self._history_reset = True
            raise InconsistentResponse(
                f"the API server's history was reset (version {version} after {self._newest_version})"
            )

    def _delta(self, event: Added | Modified | Deleted) -> Delta:
        return Delta(type=event.type, scope=self._scope, pod=event.object)

    def _page(self, pods: list[Pod], complete_at: int | None = None) -> ListPage:
        return ListPage(scope=self._scope, pods=pods, complete_at=complete_at)

    def _complete(self, version: int, mode: str) -> None:
        """Record and log that the listing is complete; watch from ``version``."""
        self._version = self._newest_version = version
        self._history_reset = self._was_unreachable = False
        self._listed_at = asyncio.get_running_loop().time()
        seconds = self._listed_at - self._attempt_started
        self._stats.listings[self._listing_reason] += 1
        self._stats.listing_durations[mode].observe(seconds)
        self._listing_reason = "reopened"
        self._confirm()
        where = f" of namespace {self._scope}" if self._scope else ""
        pods = "1 pod" if self._pods_listed == 1 else f"{self._pods_listed} pods"
        logger.info("Listed %s%s in %.2f s, %s", pods, where, seconds, MODE_LABELS[mode])

    def _confirm(self) -> None:
        """Record that the API server has just confirmed the state."""
        self.confirmed_at = asyncio.get_running_loop().time()
        self._retry_backoff.reset()
        if self._failing_since is not None:
            logger.info("The API server is back: recovered after %.1f s", self.confirmed_at - self._failing_since)
            self._failing_since = None

    def _count_end(self, reason: str) -> None:
        """Count the end of a watch, or of an incomplete listing."""
        ends = self._stats.listing_failures if self._version is None else self._stats.watch_restarts
        ends[reason] += 1

    def _needs_listing(self, failure: ApiError) -> bool:
        if isinstance(failure, Expired | InconsistentResponse):
            return True
        # If an error that is not an outage persists, the cause is this resourceVersion.
        temporary = isinstance(failure, Unreachable | Unauthorized)
        return not temporary and self._retry_backoff.attempts >= REJECTIONS

    async def _start_over(self) -> None:
        """Reset the state of the last stream; pause if its listing was recent."""
        self._version = self._relist_request = None
        if self._listed_at is None:
            return
        if asyncio.get_running_loop().time() - self._listed_at > RELIST_BACKOFF_RESET_SECONDS:
            self._relist_backoff.reset()
        await asyncio.sleep(self._relist_backoff.next_pause())

    async def _recover(self, failure: ApiError) -> None:
        """Log the failure, pause, and renew the login if the credentials were refused."""
        self._failing_since = self._failing_since or asyncio.get_running_loop().time()
        self._was_unreachable = self._was_unreachable or isinstance(failure, Unreachable)
        pause = max(self._retry_backoff.next_pause(), failure.retry_after)
        attempt = self._retry_backoff.attempts
        # Log attempts 1, 2, 4, 8, ...: an outage is visible but does not fill the log.
        is_logged = attempt & (attempt - 1) == 0
        if is_logged:
            logger.warning("%s; attempt %d failed, the next is in %.1f s", failure, attempt, pause)
        refused = self._client.credentials
        await asyncio.sleep(pause)
        if isinstance(failure, Unauthorized):
            try:
                await self._client.renew_login(refused)
            except ApiError as error:
                if is_logged:
                    logger.warning("%s", error)

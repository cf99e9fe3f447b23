"""Lists and watches the pods of one scope, and goes on whatever the API server does.

It is to Kopf what client-go's Reflector is to an informer. A stream is one listing and the watches after it; it
ends when a new listing is needed: the history is gone (410), or what came can no longer be trusted. All other
trouble is retried inside, from the last resourceVersion, with pauses that grow.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from pod_index.informer.backoff import Backoff
from pod_index.informer.client import (
    ApiClient,
    ApiError,
    Expired,
    Rejected,
    Silent,
    Unauthorized,
    Unreachable,
    Untrusted,
)
from pod_index.informer.listwatch import ListWatch
from pod_index.pods import Added, Bookmark, Deleted, Modified, Pod, WatchEvent
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Delta, ListPage

logger = logging.getLogger("pod_index.feed")

FIRST_PAGE_SIZE = 50
"""Pods in the first page of a listing, whose size nobody knows: 100 MB at the worst, if all are as large as can be."""

PAGE_SIZE = 500
"""The most pods in a page of a listing: 5 MB of JSON at 10 KB each."""

PAGE_BYTES = 8 * 1024 * 1024
"""The most JSON in a page of a listing, by the size of the pods before. A page is held in memory as a whole."""

RELIST_BACKOFF_RESET_SECONDS = 300.0
"""Listings that are further apart than this do not slow each other down."""

HEALTHY_WATCH_SECONDS = 30.0
"""A watch that lasted so long was none that failed, though it may have had nothing to say."""

REJECTIONS = 5
"""After so many failures in a row, outages aside, a watch is not resumed but begun anew with a listing."""

MODE_LABELS = {"streaming": "by a streaming list", "chunked": "in pages"}
"""What the log calls the modes of ``stats.MODES``."""

Item = tuple[str, ListPage | Delta]
"""The type of a watch event and what it says; pages are ADDED."""


class Reflector:
    """The lists and watches of one scope ("" is all namespaces); one stream at a time."""

    def __init__(self, client: ApiClient, scope: str, settings: Settings, stats: Stats) -> None:
        self._client = client
        self._stats = stats
        self._scope = scope
        self._api = ListWatch(client, scope, idle_seconds=settings.watch_idle_seconds)
        self._streaming_list = settings.streaming_list
        self._retries = Backoff(settings.retry_max_seconds)
        self._listings = Backoff(settings.retry_max_seconds)
        self._version: int | None = None
        """The resourceVersion to resume from; None before the listing is complete."""
        self._newest = 0
        """The newest resourceVersion ever seen, to notice that the history began anew."""
        self._rewound = False
        self._was_away = False
        self._distrusted: str | None = None
        self._listed = 0
        """How many pods the listing under way has brought."""
        self._began = 0.0
        self._listed_at: float | None = None
        self._reason = "start"
        """Why the listing that is due is: one of ``stats.LISTING_REASONS``."""
        self._trouble_since: float | None = None
        self.confirmed_at: float | None = None
        """When the API server last confirmed the state (event, bookmark, end of a listing), by the loop's clock."""

    @property
    def read_at(self) -> float:
        """When the change that is yielded was read from the connection, by the loop's clock."""
        return self._api.read_at

    def request_relist(self, reason: str) -> None:
        """Begin anew with a listing at the next event, for a reason that the log tells."""
        self._distrusted = reason

    async def stream(self) -> AsyncGenerator[Item]:
        """Yield the pages of a listing and then every change, until a new listing is needed."""
        await self._begin_anew()
        while True:
            if self._version is None:
                yield "ADDED", ListPage(scope=self._scope, pods=[], begins=True, history_reset=self._rewound)
                self._listed = 0
            paged = self._version is None and not self._streaming_list
            self._began = asyncio.get_running_loop().time()
            try:
                async with contextlib.aclosing(self._attempt()) as items:
                    async for item in items:
                        yield item
                if self._version is not None and not paged:
                    self._count_end("ended")
            except ApiError as trouble:
                self._count_end(trouble.reason)
                if self._version is not None and self._needs_listing(trouble):
                    logger.warning("Listing the pods anew: %s", trouble)
                    self._reason = trouble.reason if isinstance(trouble, Expired | Untrusted) else "failing"
                    return
                if asyncio.get_running_loop().time() - self._began > HEALTHY_WATCH_SECONDS:
                    self._retries.reset()
                await self._recover(trouble)
            except Exception as fault:
                # Whatever we have overlooked: Kopf would end the operator for it, and with it all answers.
                logger.exception("This is a fault of pod-index; please report it")
                self._count_end("other")
                self._reason = "fault"
                await self._recover(ApiError(f"listing the pods anew after a fault ({fault!r})"))
                return

    def _attempt(self) -> AsyncGenerator[Item]:
        """Make the request that is due: for the listing, or for the watch after it."""
        if self._version is not None:
            return self._watch(self._version)
        return self._list_streaming() if self._streaming_list else self._list_pages()

    async def _list_pages(self) -> AsyncGenerator[Item]:
        token: str | None = None
        limit = FIRST_PAGE_SIZE
        buffer = bytearray()
        while True:
            page, size = await self._api.list_page(limit, token, buffer=buffer)
            token, version = page.metadata.continue_token, page.metadata.resource_version
            pods = page.items or []
            self._check_history(version)
            self._listed += len(pods)
            if not token:
                self._complete(version, "chunked")
                yield self._page(pods, version)
                return
            if pods:
                limit = max(1, min(PAGE_SIZE, PAGE_BYTES * len(pods) // size))
            yield self._page(pods)

    async def _list_streaming(self) -> AsyncGenerator[Item]:
        """List by a watch that sends the state first, and follow that watch."""
        pods: list[Pod] = []
        held = 0
        try:
            async with contextlib.aclosing(self._api.watch(None)) as reads:
                async for events, size in reads:
                    held += size
                    for event in events:
                        if self._version is not None:
                            for item in self._follow(event):
                                yield item
                            continue
                        match event:
                            case Added(pod) | Modified(pod):
                                pods.append(pod)
                                self._listed += isinstance(event, Added)
                            case Deleted(pod):
                                # Changes may come between the state and its end; keep their order.
                                yield self._page(pods)
                                pods = []
                                self._listed -= 1
                                yield "DELETED", Delta(self._scope, pod)
                            case Bookmark() if event.ends_initial_events:
                                version = event.object.metadata.resource_version
                                self._check_history(version)
                                self._complete(version, "streaming")
                                yield self._page(pods, version)
                                pods = []
                    if self._version is None and (len(pods) >= PAGE_SIZE or held >= PAGE_BYTES):
                        yield self._page(pods)
                        pods, held = [], 0
        except (Rejected, Silent) as refusal:
            if self._version is not None:
                raise
            # An old server rejects the request; one whose etcd cannot report progress never ends the state.
            logger.info("Listing the pods in pages, as there are no streaming lists: %s", refusal)
            self._streaming_list = False
            self._stats.listing_failures[refusal.reason] += 1

    async def _watch(self, version: int) -> AsyncGenerator[Item]:
        if self._was_away:
            # A watch from a version that lies in the future of a restored etcd hangs without an error.
            page, _ = await self._api.list_page(1)
            self._check_history(page.metadata.resource_version)
            self._was_away = False
        async with contextlib.aclosing(self._api.watch(version)) as reads:
            async for events, _ in reads:
                for event in events:
                    for item in self._follow(event):
                        yield item

    def _follow(self, event: WatchEvent) -> tuple[Item, ...]:
        """Turn an event after the listing into what it says, and remember how far the watch has come."""
        if self._distrusted is not None:
            raise Untrusted(self._distrusted)
        version = event.object.metadata.resource_version
        self._check_history(version)
        self._version = self._newest = version
        self._confirm()
        match event:
            case Added(pod):
                return self._change("ADDED", pod)
            case Modified(pod):
                return self._change("MODIFIED", pod)
            case Deleted(pod):
                return self._change("DELETED", pod)
        self._stats.events["bookmark"] += 1
        return ()

    def _change(self, kind: str, pod: Pod) -> tuple[Item]:
        self._stats.events[kind.lower()] += 1
        return ((kind, Delta(self._scope, pod)),)

    def _check_history(self, version: int) -> None:
        """Raise Untrusted if the server is at a version before one that it was at already."""
        if version < self._newest and not self._rewound:
            self._rewound = True
            raise Untrusted(f"the API server's history began anew (version {version} after {self._newest})")

    def _page(self, pods: list[Pod], complete_at: int | None = None) -> Item:
        return "ADDED", ListPage(scope=self._scope, pods=pods, complete_at=complete_at)

    def _complete(self, version: int, mode: str) -> None:
        """Note and tell that the listing is complete; the watch goes on from ``version``."""
        self._version = self._newest = version
        self._rewound = self._was_away = False
        self._listed_at = asyncio.get_running_loop().time()
        self._stats.listings[self._reason] += 1
        self._stats.listing_durations[mode].observe(self._listed_at - self._began)
        self._reason = "reopened"
        self._confirm()
        where = f" of namespace {self._scope}" if self._scope else ""
        pods = "1 pod" if self._listed == 1 else f"{self._listed} pods"
        logger.info("Listed %s%s in %.2f s, %s", pods, where, self._listed_at - self._began, MODE_LABELS[mode])

    def _confirm(self) -> None:
        """Note that the API server has just confirmed the state."""
        self.confirmed_at = asyncio.get_running_loop().time()
        self._retries.reset()
        if self._trouble_since is not None:
            logger.info("The API server is back: recovered after %.1f s", self.confirmed_at - self._trouble_since)
            self._trouble_since = None

    def _count_end(self, reason: str) -> None:
        """Count the end of a watch, or of a listing that is not complete."""
        ends = self._stats.listing_failures if self._version is None else self._stats.watch_restarts
        ends[reason] += 1

    def _needs_listing(self, trouble: ApiError) -> bool:
        if isinstance(trouble, Expired | Untrusted):
            return True
        # Errors that are no outage and do not pass are about this very resourceVersion.
        passing = isinstance(trouble, Unreachable | Unauthorized)
        return not passing and self._retries.attempts >= REJECTIONS

    async def _begin_anew(self) -> None:
        """Forget the last stream; pause if its listing was not long ago, the longer the more there were."""
        self._version = self._distrusted = None
        if self._listed_at is None:
            return
        if asyncio.get_running_loop().time() - self._listed_at > RELIST_BACKOFF_RESET_SECONDS:
            self._listings.reset()
        await asyncio.sleep(self._listings.next_pause())

    async def _recover(self, trouble: ApiError) -> None:
        """Tell the trouble, pause, and do what makes the next attempt better than the last."""
        self._trouble_since = self._trouble_since or asyncio.get_running_loop().time()
        self._was_away = self._was_away or isinstance(trouble, Unreachable)
        pause = max(self._retries.next_pause(), trouble.retry_after)
        attempt = self._retries.attempts
        # The first, second, fourth, ... attempt: visible, but a long outage does not fill the log.
        is_told = attempt & (attempt - 1) == 0
        if is_told:
            logger.warning("%s; attempt %d failed, the next is in %.1f s", trouble, attempt, pause)
        refused = self._client.credentials
        await asyncio.sleep(pause)
        if isinstance(trouble, Unauthorized):
            try:
                await self._client.renew_login(refused)
            except ApiError as error:
                if is_told:
                    logger.warning("%s", error)

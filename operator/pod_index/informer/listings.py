"""The ways to list the pods: as a streaming list, as a whole list, or in pages."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator
from typing import Literal

from pod_index.backoff import Backoff
from pod_index.informer.errors import (
    ApiError,
    Expired,
    IdleTimeout,
    IncompleteListing,
    InconsistentResponse,
    PageTooLarge,
    Rejected,
)
from pod_index.informer.json_wire import Added, Bookmark, Deleted, Modified, PodList, WatchEvent
from pod_index.informer.listwatch import ListWatch
from pod_index.pods import Pod

logger = logging.getLogger("pod_index.informer")

FIRST_PAGE_SIZE = 50
"""Pods in the first page of a listing, whose size is unknown. A page that is too large is requested with fewer."""

PAGE_SIZE = 500
"""The maximum number of pods in a page of a listing: 5 MB of JSON at 10 KB each."""

PAGE_BYTES = 8 * 1024 * 1024
"""The maximum size of a page, by ``_size_of``. It is estimated from the page before. Memory holds a whole page."""

ENTRY_BYTES = 100
"""What a label or an annotation takes besides its text: a string each for key and value, and a place in a dictionary.
60,000 annotations without values take 600 KB on the wire, but 5 MB in memory."""

EMPTY_PAGE_SECONDS = 5.0
"""The longest pause after an empty page that is not the last."""


MODE_LABELS = {"streaming": "by a streaming list", "whole": "by a whole list", "chunked": "in pages"}
"""The log's words for ``stats.MODES``."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Chunk:
    """A part of a listing."""

    pods: list[Pod]
    added: int
    """How many of the pods are new in this listing."""
    version: int | None = None
    """The resourceVersion of the listing, if it is known yet."""
    complete: bool = False


def _size_of(pods: list[Pod], size: int) -> int:
    """Return about how many bytes the pods take that had this ``size`` on the wire."""
    return size + ENTRY_BYTES * sum(map(_count_entries, pods))


def _count_entries(pod: Pod) -> int:
    metadata = pod.metadata
    # A reference to an owner has four strings.
    owners = 2 * len(metadata.owner_references) if metadata.owner_references else 0
    return len(metadata.labels or ()) + len(metadata.annotations or ()) + owners


async def list_in_pages(api: ListWatch) -> AsyncGenerator[Chunk]:
    """Yield the pages of a list."""
    token: str | None = None
    limit = FIRST_PAGE_SIZE
    number = 1
    buffer = bytearray()
    pause = Backoff(EMPTY_PAGE_SECONDS)
    while True:
        try:
            page, size = await api.list_page(limit, token, buffer=buffer)
        except PageTooLarge:
            if limit == 1:
                raise
            limit = max(1, limit // 4)
            logger.info("A page of the list is too large; asking for %d pods", limit)
            continue
        except Expired as failure:
            # etcd was compacted, or another replica does not know the token: the listing begins anew.
            raise Expired(f"page {number} of the list is not available: {failure}") from failure
        pods = page.items or []
        next_token = _next_token(page, token)
        yield Chunk(pods=pods, added=len(pods), version=page.metadata.resource_version, complete=next_token is None)
        if next_token is None:
            return
        token = next_token
        number += 1
        if pods:
            limit = max(1, min(PAGE_SIZE, PAGE_BYTES * len(pods) // _size_of(pods, size)))
            pause.reset()
        else:
            await asyncio.sleep(pause.next_pause())


def _next_token(page: PodList, token: str | None) -> str | None:
    """Return the token of the next page, or None; raise InconsistentResponse if the list does not advance."""
    following = page.metadata.continue_token or None
    if following is not None and following == token:
        raise InconsistentResponse("the API server sent the same page of the list again")
    return following


async def list_whole(api: ListWatch, minimum: int, seconds: float, *, from_cache: bool) -> AsyncGenerator[Chunk]:
    """Yield the pods of a whole list as they arrive; the arguments are those of ``ListWatch.list_whole``.

    Raise IncompleteListing if it takes more than ``seconds``.
    """
    pods: list[Pod] = []
    size = 0
    deadline = asyncio.get_running_loop().time() + seconds
    async with contextlib.aclosing(api.list_whole(minimum, from_cache=from_cache)) as parts:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    part = await anext(parts)
            except TimeoutError as error:
                raise IncompleteListing(
                    f"the API server did not complete the list within {seconds:g} s (STREAMING_LIST_SECONDS);"
                    " check its load and the network"
                ) from error
            pods += part.pods
            size += _size_of(part.pods, part.size)
            while len(pods) > PAGE_SIZE or (pods and size >= PAGE_BYTES):
                yield Chunk(pods=pods[:PAGE_SIZE], added=len(pods[:PAGE_SIZE]))
                del pods[:PAGE_SIZE]
                size = 0
            if part.version is not None:
                yield Chunk(pods=pods, added=len(pods), version=part.version, complete=True)
                return


async def list_streaming(api: ListWatch, seconds: float) -> AsyncGenerator[Chunk | list[WatchEvent]]:
    """Yield the initial state, and then the events of the watch that goes on, those of each read together.

    A deletion can come before the initial state is complete. Raise IncompleteListing if the server ends the watch
    before that, or if it takes more than ``seconds``: changes alone do not complete it.
    """
    pods: list[Pod] = []
    added = page_bytes = 0
    complete = False
    deadline = asyncio.get_running_loop().time() + seconds
    async with contextlib.aclosing(api.watch(None, initial_seconds=seconds)) as reads:
        while True:
            try:
                async with asyncio.timeout_at(None if complete else deadline):
                    events, size = await anext(reads)
            except StopAsyncIteration:
                break
            except TimeoutError as error:
                raise IncompleteListing(
                    f"the API server did not complete the streaming list within {seconds:g} s"
                    " (STREAMING_LIST_SECONDS); check its load and the network"
                ) from error
            page_bytes += size
            for position, event in enumerate(events):
                if complete:
                    yield events[position:]
                    break
                match event:
                    case Added(pod) | Modified(pod):
                        pods.append(pod)
                        page_bytes += ENTRY_BYTES * _count_entries(pod)
                        added += isinstance(event, Added)
                    case Deleted():
                        # Changes can come before the end of the initial state: keep the order.
                        yield Chunk(pods=pods, added=added)
                        pods, added = [], 0
                        yield [event]
                    case Bookmark() if event.ends_initial_events:
                        complete = True
                        yield Chunk(
                            pods=pods, added=added, version=event.object.metadata.resource_version, complete=True
                        )
                        pods, added = [], 0
            if not complete and (len(pods) >= PAGE_SIZE or page_bytes >= PAGE_BYTES):
                yield Chunk(pods=pods, added=added)
                pods, added, page_bytes = [], 0, 0
    if not complete:
        raise IncompleteListing(
            "the API server ended the streaming list before all pods were sent; check for proxies with time limits"
        )


Mode = Literal["streaming", "whole", "chunked"]
"""The ways to list, as in ``stats.MODES``."""


class Strategy:
    """How to list the pods: the way that costs the API server least, and the next one after failures.

    Only failures count that another way may not have. Pages are the last way, because they always work, but they cost
    the API server most. Where even they fail, since no second page is available, a whole list takes turns with them.
    """

    MAX_FAILURES = 2
    """So many failures of one way lead to the next one."""

    def __init__(self, *, streaming_list: bool) -> None:
        self.mode: Mode = "streaming" if streaming_list else "chunked"
        self.after_pages = False
        """Whether pages have failed, so that a whole list must not depend on the watch cache."""
        self._failures = 0

    def completed(self) -> None:
        """Note a complete listing."""
        self._failures = 0

    def failed(self, failure: ApiError, *, accepted: bool, lists_work: bool, watches_fail: bool) -> bool:
        """Note a failed listing; return whether to use another way at once.

        ``accepted`` is whether the server began to answer a watch, ``lists_work`` whether a list succeeded just before,
        and ``watches_fail`` whether watches kept failing while lists worked.
        """
        if self.mode == "streaming":
            self._failures += accepted
            # An old server rejects the request. If its etcd cannot report progress, the initial state never ends.
            unavailable = isinstance(failure, Rejected | IdleTimeout)
            if unavailable or watches_fail or self._failures >= self.MAX_FAILURES:
                self._use("whole", "streaming lists are unavailable", failure, expected=unavailable)
                return True
        elif self.mode == "whole":
            # If etcd cannot report progress, the watch cache never reaches the version, and the server answers 504.
            self._failures += lists_work
            unavailable = isinstance(failure, Rejected | PageTooLarge)
            if unavailable or self._failures >= self.MAX_FAILURES:
                self._use("chunked", "whole lists are unavailable", failure)
                return not self.after_pages
        else:
            self._failures += isinstance(failure, Expired)
            if self._failures >= self.MAX_FAILURES:
                self.after_pages = True
                self._use("whole", "pages are unavailable", failure)
        return False

    def use_pages(self, reason: str) -> None:
        """List in pages from now on."""
        self.mode, self._failures = "chunked", 0
        logger.info("Listing the pods in pages, since %s", reason)

    def _use(self, mode: Mode, reason: str, failure: ApiError, *, expected: bool = False) -> None:
        self.mode, self._failures = mode, 0
        logger.log(
            logging.INFO if expected else logging.WARNING,
            "Listing the pods %s, since %s: %s",
            MODE_LABELS[mode],
            reason,
            failure,
        )

"""The ways to list the pods: as a streaming list, or in pages."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator

from pod_index.informer.backoff import Backoff
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
"""The maximum JSON in a page of a listing, estimated from the page before. Memory holds a whole page."""

EMPTY_PAGE_SECONDS = 5.0
"""The longest pause after an empty page that is not the last."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Chunk:
    """A part of a listing."""

    pods: list[Pod]
    added: int
    """How many of the pods are new in this listing."""
    version: int | None = None
    """The resourceVersion of the listing, if it is known yet."""
    complete: bool = False


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
            limit = max(1, min(PAGE_SIZE, PAGE_BYTES * len(pods) // size))
            pause.reset()
        else:
            await asyncio.sleep(pause.next_pause())


def _next_token(page: PodList, token: str | None) -> str | None:
    """Return the token of the next page, or None; raise InconsistentResponse if the list does not advance."""
    following = page.metadata.continue_token or None
    if following is not None and following == token:
        raise InconsistentResponse("the API server sent the same page of the list again")
    return following


async def list_streaming(api: ListWatch, seconds: float) -> AsyncGenerator[Chunk | WatchEvent]:
    """Yield the initial state, and then each event of the watch that goes on.

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
            for event in events:
                if complete:
                    yield event
                    continue
                match event:
                    case Added(pod) | Modified(pod):
                        pods.append(pod)
                        added += isinstance(event, Added)
                    case Deleted():
                        # Changes can come before the end of the initial state: keep the order.
                        yield Chunk(pods=pods, added=added)
                        pods, added = [], 0
                        yield event
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


class StreamingListSupport:
    """Whether streaming lists work here: after failures that only they can have, pages are requested."""

    MAX_INCOMPLETE = 2
    """After this many streaming lists without their end, the listing comes in pages."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._incomplete = 0

    def completed(self) -> None:
        """Note a complete listing."""
        self._incomplete = 0

    def failed(self, failure: ApiError, *, accepted: bool, watches_fail: bool) -> bool:
        """Note a failed streaming list; return whether pages are requested from now on.

        ``accepted`` is whether the server began to answer. ``watches_fail`` is whether watches kept failing while lists
        worked.
        """
        self._incomplete += accepted
        # An old server rejects the request. If its etcd cannot report progress, the initial state never ends.
        unavailable = isinstance(failure, Rejected | IdleTimeout)
        if not (unavailable or watches_fail or self._incomplete >= self.MAX_INCOMPLETE):
            return False
        self.enabled = False
        logger.log(
            logging.INFO if unavailable else logging.WARNING,
            "Listing the pods in pages, since streaming lists are unavailable: %s",
            failure,
        )
        return True

"""The requests of the informer: one page of a list of pods, a whole list, and a watch."""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import NamedTuple, Self

import aiohttp

from pod_index.informer import json_wire, protobuf_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import (
    ApiError,
    BadRequest,
    IdleTimeout,
    InconsistentResponse,
    PageTooLarge,
    SelectorRejected,
)
from pod_index.informer.gathering import GatheringContent
from pod_index.informer.json_wire import Bookmark, ListMetadata, PodList, WatchEvent
from pod_index.informer.protobuf_list import ListDecoder
from pod_index.informer.watch_errors import split
from pod_index.informer.wire import ACCEPT, Wire, wire_for
from pod_index.pods import Pod
from pod_index.settings import Settings

logger = logging.getLogger("pod_index.informer")

WATCH_SECONDS = (300, 600)
"""The range of a watch's timeoutSeconds, random as in client-go: it spreads the reconnects of many clients."""

PAGE_SECONDS = 120.0
"""The maximum time for one page of a list. The API server's own limit is 60 s by default (``--request-timeout``)."""

PAGE_LIMIT = 16 * 1024 * 1024
"""The maximum size of a page with several pods, in bytes: 500 pods of 32 KB. A larger page is requested again with
fewer pods, since decoded pods can take ten times their size."""

JSON_SECONDS = 300.0
"""How long JSON is requested after the first invalid response in protobuf. Each further one doubles the time, since it
costs a listing. A proxy's failure passes; a server whose protobuf differs from what we know does not."""

JSON_MAX_SECONDS = 4 * 3600.0
"""The longest time for which JSON is requested, before protobuf is tried again."""


class ListPart(NamedTuple):
    """Pods of a whole list."""

    pods: list[Pod]
    size: int
    """In bytes."""
    version: int | None = None
    """The resourceVersion of the list, with its last part."""


class ListWatch:
    """Lists and watches the pods of one scope ("" is all namespaces).

    ``selectors`` are the parameters that select pods. ``idle_seconds`` is the maximum time between two reads.
    ``details`` says whether the details of pods are decoded. All methods raise ApiError and nothing else.

    The server chooses protobuf or JSON. After a malformed response in protobuf, JSON is requested for a while.
    """

    def __init__(
        self,
        client: ApiClient,
        scope: str,
        *,
        idle_seconds: float,
        selectors: Mapping[str, str] | None = None,
        details: bool = True,
    ) -> None:
        self._client = client
        self._details = details
        self._selectors = dict(selectors or {})
        self._path = f"/api/v1/namespaces/{scope}/pods" if scope else "/api/v1/pods"
        self._idle_seconds = idle_seconds
        self._json_seconds = JSON_SECONDS
        self._json_until = 0.0
        """When protobuf is requested again, by the loop's clock."""
        self.wire: Wire = json_wire
        """The encoding of the latest list or watch."""
        self.read_at = 0.0
        """When the latest events were read, by ``time.perf_counter()``: the clock of uvloop has milliseconds."""
        self.watch_accepted = False
        """Whether the server answered the latest watch request with 200."""
        self._watching: aiohttp.ClientResponse | None = None

    @classmethod
    def from_settings(cls, client: ApiClient, scope: str, settings: Settings) -> Self:
        """Make the object for the pods that the settings select."""
        idle_seconds, selectors = settings.watch_idle_seconds, settings.selectors
        return cls(client, scope, idle_seconds=idle_seconds, selectors=selectors, details=settings.details)

    def interrupt_watch(self) -> None:
        """Let the open watch fail now, and not at its next event."""
        if self._watching is not None:
            self._watching.close()

    async def current_version(self, *, close_connection: bool = False) -> int:
        """Return the newest resourceVersion.

        A list without resourceVersion is a consistent read: no response is newer than another that was sent before.
        Behind a load balancer, the next request goes to the same replica, or with ``close_connection`` to any.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list

        The version is the same for all pods. With a selector, the API server might read all of them to find one.
        """
        page, _ = await self.list_page(1, selected=False, close_connection=close_connection)
        return page.metadata.resource_version

    async def list_page(
        self,
        limit: int,
        continue_token: str | None = None,
        *,
        buffer: bytearray | None = None,
        selected: bool = True,
        close_connection: bool = False,
    ) -> tuple[PodList, int]:
        """Return one page of at most ``limit`` pods, or ``selected`` ones, and its size in bytes.

        All pages of a listing are read into one ``buffer``, which grows as needed: allocating 5 MB for each
        page takes a third of the time of a large listing.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        params = {"limit": str(limit)} | ({"continue": continue_token} if continue_token else {})
        buffer = bytearray() if buffer is None else buffer
        try:
            async with (
                asyncio.timeout(PAGE_SECONDS),
                self._get(params, selected=selected, close_connection=close_connection) as response,
            ):
                size = await _read_body(
                    response,
                    buffer,
                    "a page of the list",
                    f" for {limit} pods; check that nothing between removes the limit",
                    PAGE_LIMIT if limit > 1 else json_wire.FRAME_LIMIT,
                )
        except TimeoutError as error:
            raise IdleTimeout(
                f"the API server did not complete a page of the list within {PAGE_SECONDS:g} s"
            ) from error
        with memoryview(buffer)[:size] as body, self._decoding("list of pods"):
            return self.wire.decode_list(body, details=self._details), size

    async def list_whole(self, minimum: int, *, from_cache: bool) -> AsyncGenerator[ListPart]:
        """Yield the pods of a whole list as they arrive, and with the last ones the resourceVersion of the list.

        The list is not older than the resourceVersion ``minimum``, which must be of a consistent read. With
        ``from_cache``, the API server answers from its watch cache, or not at all. The memory that is needed does not
        grow with the number of pods in protobuf, and is bounded like that for a page in JSON.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
        """
        cached = {"resourceVersion": str(minimum), "resourceVersionMatch": "NotOlderThan"}
        async with self._get(cached if from_cache else {}) as response:
            if self.wire is protobuf_wire:
                decoder = ListDecoder(details=self._details)
                async for chunk in response.content.iter_any():
                    view = memoryview(chunk)
                    for begin in range(0, len(view), protobuf_wire.SLICE_BYTES):
                        part = view[begin : begin + protobuf_wire.SLICE_BYTES]
                        with self._decoding("list of pods"):
                            pods = decoder.feed(part)
                        _check_version(decoder.metadata, minimum)
                        yield ListPart(pods, len(part))
                with self._decoding("list of pods"):
                    metadata = decoder.finish()
                pods, size = [], 0
            else:
                buffer = bytearray()
                remedy = "; larger ones must be protobuf"
                size = await _read_body(response, buffer, "a whole list in JSON", remedy, json_wire.FRAME_LIMIT)
                with memoryview(buffer)[:size] as body, self._decoding("list of pods"):
                    page = self.wire.decode_list(body, details=self._details)
                metadata, pods = page.metadata, page.items or []
                _check_version(metadata, minimum)
        if metadata.continue_token:
            raise InconsistentResponse("the API server sent a page instead of the whole list")
        yield ListPart(pods, size, metadata.resource_version)

    async def watch(
        self, resource_version: int | None, *, initial_seconds: float = 0.0
    ) -> AsyncGenerator[tuple[list[WatchEvent], int]]:
        """Yield the events after ``resource_version`` until the server ends the watch in good order.

        Each item has complete events of one read, and their size in bytes.

        None asks for a streaming list: the initial state comes as ADDED events, and a bookmark ends it. The server
        keeps the watch open for at least ``initial_seconds`` more.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
        https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
        """
        seconds = random.randint(*WATCH_SECONDS) + math.ceil(initial_seconds)  # noqa: S311 - jitter, not a secret
        params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if resource_version is None:
            params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            params |= {"resourceVersion": str(resource_version)}
        empty = True
        loop = asyncio.get_running_loop()
        started = loop.time()
        self.watch_accepted = False
        async with self._get(params) as response:
            self.watch_accepted = True
            self._watching = response
            content = GatheringContent(response.content, gathers=resource_version is not None)
            reads = self.wire.read_frames(content)
            while (frames := await self._next_frames(reads)) is not None:
                self.read_at = time.perf_counter()
                with self._decoding("watch event"):
                    decoded = self.wire.decode_events(frames, details=self._details)
                events, failure = split(decoded)
                # The first bookmark of a streaming list ends the initial state.
                content.gathers = content.gathers or Bookmark in map(type, events)
                if events:
                    yield events, len(frames)
                    empty = False
                if failure is not None:
                    raise failure
        if empty and loop.time() - started < 1.0:
            raise ApiError("the API server ended the watch at once, without an event")

    @contextlib.asynccontextmanager
    async def _get(
        self, params: dict[str, str], *, selected: bool = True, close_connection: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        selectors = self._selectors if selected else {}
        try:
            async with self._client.get(
                self._path,
                params | selectors,
                accept=ACCEPT if asyncio.get_running_loop().time() >= self._json_until else json_wire.MEDIA_TYPE,
                idle_seconds=self._idle_seconds,
                close_connection=close_connection,
            ) as response:
                self.wire = wire_for(response.headers.get("Content-Type", ""))
                yield response
        except BadRequest as error:
            # A server can also reject the other parameters of a watch.
            if selectors and "watch" not in params:
                raise SelectorRejected(f"{error}; check {', '.join(selectors.values())}") from error
            raise

    async def _next_frames(self, reads: AsyncIterator[memoryview]) -> memoryview | None:
        try:
            return await anext(reads, None)
        except InconsistentResponse:
            self._distrust_protobuf()
            raise

    @contextlib.contextmanager
    def _decoding(self, content: str) -> Iterator[None]:
        """Raise InconsistentResponse for errors of decoding."""
        try:
            yield
        except self.wire.DECODE_ERRORS as error:
            self._distrust_protobuf()
            raise InconsistentResponse(f"the API server sent an invalid {content} ({error})") from error

    def _distrust_protobuf(self) -> None:
        """Request JSON for a while, if the response was in protobuf: JSON is what every server and proxy can do."""
        if self.wire is protobuf_wire:
            seconds, self._json_seconds = self._json_seconds, min(2 * self._json_seconds, JSON_MAX_SECONDS)
            self._json_until = asyncio.get_running_loop().time() + seconds
            logger.warning("Requesting JSON for %g s, since the API server's protobuf is invalid", seconds)


async def _read_body(response: aiohttp.ClientResponse, buffer: bytearray, content: str, remedy: str, limit: int) -> int:
    """Read a response of at most ``limit`` bytes into ``buffer``; return its size.

    ``content`` and ``remedy`` are for the error.
    """
    size = 0
    async for part in response.content.iter_any():
        begin, size = size, size + len(part)
        if size > limit:
            raise PageTooLarge(f"the API server sent {content} of more than {limit} bytes{remedy}")
        if size > len(buffer):
            # Doubling: growing in small steps copies as much as the buffer saves.
            buffer.extend(bytes(max(size, min(2 * begin, limit)) - len(buffer)))
        with memoryview(buffer) as view:
            view[begin:size] = part
    return size


def _check_version(metadata: ListMetadata | None, minimum: int) -> None:
    """Raise InconsistentResponse if a list is older than requested, before its pods are used."""
    if metadata is not None and metadata.resource_version < minimum:
        raise InconsistentResponse(
            f"the API server sent a list of version {metadata.resource_version}, older than {minimum}"
        )

"""The two requests of the informer: one page of a list of pods, and a watch of pods."""

import asyncio
import math
import random
from collections.abc import AsyncGenerator
from typing import cast

import aiohttp

from pod_index.informer import json_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import ApiError, Expired, IdleTimeout, InconsistentResponse, PageTooLarge, Throttled
from pod_index.informer.json_wire import Error, PodList, Status, WatchEvent

WATCH_SECONDS = (300, 600)
"""The range of a watch's timeoutSeconds, random as in client-go: it spreads the reconnects of many clients."""

PAGE_SECONDS = 120.0
"""The maximum time for one page of a list. The API server's own limit is 60 s by default (``--request-timeout``)."""


class ListWatch:
    """Lists and watches the pods of one scope ("" is all namespaces).

    ``idle_seconds`` is the maximum time between two reads. All methods raise ApiError and nothing else.
    """

    def __init__(self, client: ApiClient, scope: str, *, idle_seconds: float) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{scope}/pods" if scope else "/api/v1/pods"
        self._idle_seconds = idle_seconds
        self.read_at = 0.0
        """When the latest events of a watch were read from the connection, by the loop's clock."""
        self.watch_accepted = False
        """Whether the server answered the latest watch request with 200."""
        self._watching: aiohttp.ClientResponse | None = None

    def interrupt_watch(self) -> None:
        """Let the open watch fail now, and not at its next event."""
        if self._watching is not None:
            self._watching.close()

    async def current_version(self, *, close_connection: bool = False) -> int:
        """Return the newest resourceVersion.

        A list without resourceVersion is a consistent read, and does not come from the API server's watch cache. Behind
        a load balancer, the next request goes to the same replica, or with ``close_connection`` to any.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
        """
        page, _ = await self.list_page(1, close_connection=close_connection)
        return page.metadata.resource_version

    async def list_page(
        self,
        limit: int,
        continue_token: str | None = None,
        *,
        buffer: bytearray | None = None,
        close_connection: bool = False,
    ) -> tuple[PodList, int]:
        """Return one page of at most ``limit`` pods, and its size in bytes.

        All pages of a listing are read into one ``buffer``, which grows as needed: allocating 5 MB for each
        page takes a third of the time of a large listing.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        params = {"limit": str(limit)} | ({"continue": continue_token} if continue_token else {})
        buffer = bytearray() if buffer is None else buffer
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                size = await self._read_page(params, buffer, close_connection=close_connection)
        except TimeoutError as error:
            raise IdleTimeout(
                f"the API server did not complete a page of the list within {PAGE_SECONDS:g} s"
            ) from error
        try:
            with memoryview(buffer)[:size] as body:
                return json_wire.decode_list(body), size
        except json_wire.DECODE_ERRORS as error:
            raise InconsistentResponse(f"the API server sent an invalid list of pods ({error})") from error

    async def _read_page(self, params: dict[str, str], buffer: bytearray, *, close_connection: bool) -> int:
        """Read a response into ``buffer``; return its size."""
        size = 0
        limit = json_wire.FRAME_LIMIT
        async with self._client.get(
            self._path, params, idle_seconds=self._idle_seconds, close_connection=close_connection
        ) as response:
            async for part in response.content.iter_any():
                begin, size = size, size + len(part)
                if size > limit:
                    raise PageTooLarge(
                        f"the API server sent a page of the list of more than {limit} bytes"
                        f" for {params['limit']} pods; check that nothing between removes the limit"
                    )
                if size > len(buffer):
                    # Doubling: growing in small steps copies as much as the buffer saves.
                    buffer.extend(bytes(max(size, min(2 * begin, limit)) - len(buffer)))
                with memoryview(buffer) as view:
                    view[begin:size] = part
        return size

    async def watch(
        self, resource_version: int | None, *, initial_seconds: float = 0.0
    ) -> AsyncGenerator[tuple[list[WatchEvent], int]]:
        """Yield the events after ``resource_version`` until the server ends the watch in good order.

        Each item has all complete events of one read, and their size in bytes.

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
        async with self._client.get(self._path, params, idle_seconds=self._idle_seconds) as response:
            self.watch_accepted = True
            self._watching = response
            async for frames in json_wire.read_frames(response.content):
                self.read_at = loop.time()
                events, failure = _decode(frames)
                if events:
                    yield events, len(frames)
                    empty = False
                if failure is not None:
                    raise failure
        if empty and loop.time() - started < 1.0:
            raise ApiError("the API server ended the watch at once, without an event")


def _decode(frames: memoryview) -> tuple[list[WatchEvent], ApiError | None]:
    """Return the events up to the first ERROR event, and the failure that it reports."""
    try:
        events = json_wire.decode_events(frames)
    except json_wire.DECODE_ERRORS as error:
        raise InconsistentResponse(f"the API server sent an invalid watch event ({error})") from error
    for position, event in enumerate(events if Error in map(type, events) else ()):
        if isinstance(event, Error):
            return cast(list[WatchEvent], events[:position]), _watch_error(event.object)
    return cast(list[WatchEvent], events), None


def _watch_error(status: Status) -> ApiError:
    failure = f"{status.code} {status.reason or ''}: {status.message or ''}".rstrip(": ")
    if status.code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(f"the API server no longer has the resourceVersion to watch from ({failure})")
    error_class = Throttled if status.code == 429 else ApiError
    return error_class(f"the API server ended the watch with an error ({failure})")

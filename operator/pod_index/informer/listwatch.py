"""The two requests of the informer: one page of a list of pods, and a watch of pods."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import cast

from pod_index.informer import json_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import ApiError, Expired, InconsistentResponse
from pod_index.informer.json_wire import Error, PodList, Status, WatchEvent

WATCH_SECONDS = (300, 600)
"""The range of a watch's timeoutSeconds, random as in client-go: it spreads the reconnects of many clients."""


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

    async def list_page(
        self, limit: int, continue_token: str | None = None, *, buffer: bytearray | None = None
    ) -> tuple[PodList, int]:
        """Return one page of at most ``limit`` pods, and its size in bytes.

        All pages of a listing are read into one ``buffer``, which grows as needed: allocating 5 MB for each
        page takes a third of the time of a large listing.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        params = {"limit": str(limit)} | ({"continue": continue_token} if continue_token else {})
        buffer = bytearray() if buffer is None else buffer
        size = 0
        async with self._client.get(self._path, params, idle_seconds=self._idle_seconds) as response:
            async for part in response.content.iter_any():
                begin, size = size, size + len(part)
                if size > len(buffer):
                    # Doubling: growing in small steps copies as much as the buffer saves.
                    buffer.extend(bytes(max(size, 2 * begin) - len(buffer)))
                with memoryview(buffer) as view:
                    view[begin:size] = part
        try:
            with memoryview(buffer)[:size] as body:
                return json_wire.decode_list(body), size
        except json_wire.DECODE_ERRORS as error:
            raise InconsistentResponse(f"the API server sent an invalid list of pods ({error})") from error

    async def watch(self, resource_version: int | None) -> AsyncGenerator[tuple[list[WatchEvent], int]]:
        """Yield the events after ``resource_version`` until the server ends the watch in good order.

        Each item has all complete events of one read, and their size in bytes.

        None asks for a streaming list: the initial state comes as ADDED events, and a bookmark ends it.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
        https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
        """
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - jitter, not a secret
        params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if resource_version is None:
            params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            params |= {"resourceVersion": str(resource_version)}
        empty = True
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._client.get(self._path, params, idle_seconds=self._idle_seconds) as response:
            async for frames in json_wire.read_frames(response.content):
                self.read_at = loop.time()
                yield _decode(frames), len(frames)
                empty = False
        if empty and loop.time() - started < 1.0:
            raise ApiError("the API server ended the watch at once, without an event")


def _decode(frames: memoryview) -> list[WatchEvent]:
    try:
        events = json_wire.decode_events(frames)
    except json_wire.DECODE_ERRORS as error:
        raise InconsistentResponse(f"the API server sent an invalid watch event ({error})") from error
    if Error in map(type, events):
        raise next(_watch_error(event.object) for event in events if isinstance(event, Error))
    return cast(list[WatchEvent], events)


def _watch_error(status: Status) -> ApiError:
    failure = f"{status.code} {status.reason or ''}: {status.message or ''}".rstrip(": ")
    if status.code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(f"the API server no longer has the resourceVersion to watch from ({failure})")
    return ApiError(f"the API server ended the watch with an error ({failure})")

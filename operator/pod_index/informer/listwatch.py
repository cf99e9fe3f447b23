"""The two requests that pod-index makes: one page of a list of pods, and a watch of pods."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol, cast

from pod_index.informer.client import ApiClient, ApiError, Expired, Unreachable, Untrusted
from pod_index.pods import NOT_JSON, Error, PodList, Status, WatchEvent, decode_events, decode_list

LINE_LIMIT = 32 * 1024 * 1024
"""The longest line of a watch, in bytes. etcd takes objects of 1.5 MB; this keeps garbage out of the memory."""

WATCH_SECONDS = (300, 600)
"""After how long the server shall end a watch; at random, as client-go does, to spread reconnects."""


class ListWatch:
    """Lists and watches the pods of one scope ("" is all namespaces).

    ``idle_seconds`` is how long the server may send nothing. All methods raise ApiError and nothing else.
    """

    def __init__(self, client: ApiClient, scope: str, *, idle_seconds: float) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{scope}/pods" if scope else "/api/v1/pods"
        self._idle_seconds = idle_seconds
        self.read_at = 0.0
        """When what a watch yields was read from the connection, by the loop's clock."""

    async def list_page(
        self, limit: int, continue_token: str | None = None, *, buffer: bytearray | None = None
    ) -> tuple[PodList, int]:
        """Get one page of at most ``limit`` pods, and its size in bytes.

        The pages of a listing are read into one ``buffer``, which grows as they need: at 5 MB, fresh memory for each
        of them costs a third of the time of listing a large cluster.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        params = {"limit": str(limit)} | ({"continue": continue_token} if continue_token else {})
        buffer = bytearray() if buffer is None else buffer
        size = 0
        async with self._client.get(self._path, params, idle_seconds=self._idle_seconds) as response:
            async for part in response.content.iter_any():
                begin, size = size, size + len(part)
                if size > len(buffer):
                    # Twofold: in smaller steps, it costs what it is to save.
                    buffer.extend(bytes(max(size, 2 * begin) - len(buffer)))
                with memoryview(buffer) as view:
                    view[begin:size] = part
        try:
            with memoryview(buffer)[:size] as body:
                return decode_list(body), size
        except NOT_JSON as error:
            raise Untrusted(f"the API server sends no list of pods ({error})") from error

    async def watch(self, resource_version: int | None) -> AsyncGenerator[tuple[list[WatchEvent], int]]:
        """Yield what happened after ``resource_version``; end when the server ends the watch in good order.

        The events come as they are read, many at a time, with their size in bytes.

        None asks for the state first, as a streaming list: its pods are ADDED, and a bookmark ends it.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
        https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
        """
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - jitter, not a secret
        params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if resource_version is None:
            params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            params |= {"resourceVersion": str(resource_version)}
        silent = True
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._client.get(self._path, params, idle_seconds=self._idle_seconds) as response:
            async for lines in read_lines(response.content):
                self.read_at = loop.time()
                yield _decode(lines), len(lines)
                silent = False
        if silent and loop.time() - started < 1.0:
            raise ApiError("the API server ends the watch at once, without an event")


class Content(Protocol):
    """What is used of aiohttp.StreamReader."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Yield what has come, as soon as anything has."""


async def read_lines(content: Content) -> AsyncIterator[memoryview]:
    """Yield the complete lines of every read that has any; raise Unreachable if the last one has no end.

    Copying them line by line would take a third of the time of reading a large cluster.
    """
    tail = b""
    async for chunk in content.iter_any():
        end = chunk.rfind(b"\n") + 1
        if not end:
            tail += chunk
            if len(tail) > LINE_LIMIT:
                raise Untrusted(f"the API server sends a line of more than {LINE_LIMIT} bytes")
            continue
        lines = memoryview(chunk)
        begin = 0
        if tail:
            # Only the line that was cut is put together; the others stay where they were received.
            begin = chunk.index(b"\n") + 1
            yield memoryview(tail + chunk[:begin])
        if begin < end:
            yield lines[begin:end]
        tail = chunk[end:]
    if tail:
        raise Unreachable("the API server's stream broke off in the middle of a line")


def _decode(lines: memoryview) -> list[WatchEvent]:
    try:
        events = decode_events(lines)
    except NOT_JSON as error:
        raise Untrusted(f"the API server sends no watch event ({error})") from error
    if Error in map(type, events):
        raise next(_watch_error(event.object) for event in events if isinstance(event, Error))
    return cast(list[WatchEvent], events)


def _watch_error(status: Status) -> ApiError:
    said = f"{status.code} {status.reason or ''}: {status.message or ''}".rstrip(": ")
    if status.code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(f"the API server has forgotten the version to watch from ({said})")
    return ApiError(f"the API server ends the watch with an error ({said})")

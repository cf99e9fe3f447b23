"""The session that Kopf gets at login: Kopf's requests to the API server end here.

Kopf sends its requests through an aiohttp session, and accepts one of the operator's own (``kopf.AiohttpSession``,
https://docs.kopf.dev/en/stable/authentication/). This session answers Kopf's discovery itself, and Kopf's watch of
pods with the stream of a Reflector: the stream never fails, starts with the initial state in pages of many pods, and
is read only, since this session cannot write.

Pods do not pass through Kopf's JSON: an event carries the number of a ticket, which the handler exchanges for the item:
a page of a listing, or all changes of one read. The next read is after the handler, so changes gather meanwhile.
All events of a stream share one object UID, so that Kopf handles them in order, in one task, and remembers one object
for any number of pods.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import math
import time
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol, Self

from pod_index.informer.client import ApiClient
from pod_index.informer.reflector import Reflector
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Changes, Delta, ListPage

POD = {"name": "pods", "singularName": "pod", "kind": "Pod", "namespaced": True, "verbs": ["list", "watch"]}
# Kopf does not start before it has discovered namespaces, even with settings.scanning.disabled.
NAMESPACE = {
    "name": "namespaces",
    "singularName": "namespace",
    "kind": "Namespace",
    "namespaced": False,
    "verbs": [],
}

DISCOVERY: dict[str, dict[str, object]] = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": []},
    "/api/v1": {"groupVersion": "v1", "resources": [POD, NAMESPACE]},
}
"""The responses to Kopf's discovery. Every Kubernetes has core/v1 pods, so the API server is not asked."""


class ContentUsedByKopf(Protocol):
    """The members of ``aiohttp.StreamReader`` that Kopf uses."""

    def iter_chunked(self, size: int, /) -> AsyncIterator[bytes]:
        """Yield the body in chunks of at most ``size`` bytes."""


class ResponseUsedByKopf(Protocol):
    """The members of ``aiohttp.ClientResponse`` that Kopf uses."""

    status: int

    @property
    def content(self) -> ContentUsedByKopf:
        """The body as a stream."""

    async def json(self) -> object:
        """Return the body as a document."""

    def close(self) -> None:
        """Close the connection."""

    async def __aenter__(self) -> Self:
        """Return the response itself."""

    async def __aexit__(self, *_: object) -> None:
        """Release the response."""


class SessionUsedByKopf(Protocol):
    """The members of ``aiohttp.ClientSession`` that Kopf uses."""

    headers: MutableMapping[str, str]
    closed: bool

    async def request(self, method: str, url: str, **options: object) -> ResponseUsedByKopf:
        """Send a request."""

    async def close(self) -> None:
        """Close all connections."""


@dataclasses.dataclass(slots=True)
class Ticket:
    """An item on its way to a handler."""

    item: ListPage | Changes
    reflector: Reflector
    handled: asyncio.Event
    read_at: float
    """When the deltas were read from the connection, by time.perf_counter(); meaningless for pages."""


class KopfSession(SessionUsedByKopf):
    """Kopf's session: answers discovery and watches of pods, and nothing else.

    ``on_failure`` is called with the reason, in one line, if the pods can never be listed.
    """

    def __init__(self, client: ApiClient, settings: Settings, stats: Stats, on_failure: Callable[[str], None]) -> None:
        self._client = client
        self._on_failure = on_failure
        self._settings = settings
        self._stats = stats
        self._reflectors: dict[str, Reflector] = {}
        self._tickets: dict[int, Ticket] = {}
        self._ticket_numbers = itertools.count(1)
        self.headers = {}
        self.closed = False

    async def request(self, method: str, url: str, **_: object) -> "KopfResponse":
        """Answer a request; raise RuntimeError if pod-index does not support it."""
        split = urllib.parse.urlsplit(url)
        path, query = split.path, dict(urllib.parse.parse_qsl(split.query))
        if method.lower() == "get":
            if path in DISCOVERY:
                return KopfResponse(document=DISCOVERY[path])
            scope = _scope_of(path)
            if scope is not None and query.get("watch") == "true":
                return KopfResponse(lines=self._stream(scope))
        raise RuntimeError(f"pod-index only watches pods, but Kopf requested {method.upper()} {path}")

    async def close(self) -> None:
        """Close all connections to the API server."""
        self.closed = True
        await self._client.close()

    @contextlib.contextmanager
    def ticket(self, event: Mapping[str, Any]) -> Iterator[ListPage | Changes]:
        """Exchange the ticket of an event for its item.

        If the handler fails, the item is lost, so the stream starts over with a new listing.
        """
        ticket = self._tickets.pop(event["object"]["ticket"])
        try:
            yield ticket.item
            if not isinstance(ticket.item, ListPage):
                deltas = sum(isinstance(change, Delta) for change in ticket.item)
                self._stats.event_lags.observe(time.perf_counter() - ticket.read_at, deltas)
        except BaseException:
            lost = "a page" if isinstance(ticket.item, ListPage) else "a change"
            ticket.reflector.request_relist(f"{lost} was lost by an internal error")
            raise
        finally:
            ticket.handled.set()

    def age(self) -> float | None:
        """Return how many seconds ago the API server last confirmed the stalest stream; None before the first sync."""
        confirmed_at = math.inf
        for reflector in self._reflectors.values():
            if reflector.confirmed_at is None:
                return None
            confirmed_at = min(confirmed_at, reflector.confirmed_at)
        return asyncio.get_running_loop().time() - confirmed_at if self._reflectors else None

    async def _stream(self, scope: str) -> AsyncGenerator[bytes]:
        """Yield the lines of a watch that starts with the initial state, as Kopf requests it."""
        reflector = self._reflectors.get(scope)
        if reflector is None:
            reflector = Reflector(self._client, scope, self._settings, self._stats, self._on_failure)
            self._reflectors[scope] = reflector
        async with contextlib.aclosing(reflector.stream()) as items:
            async for item in items:
                number = next(self._ticket_numbers)
                ticket = self._tickets[number] = Ticket(item, reflector, asyncio.Event(), reflector.read_at)
                # Kopf turns ADDED before the first bookmark into the type None: a resume.
                event_type = "ADDED" if isinstance(item, ListPage) else "MODIFIED"
                yield _line(event_type, {"uid": f"pods/{scope}", "name": "pods"}, ticket=number)
                # One item at a time, so that a fast server cannot fill the memory, and that changes gather meanwhile.
                await ticket.handled.wait()
                if isinstance(item, ListPage) and item.complete_at is not None:
                    yield _line("BOOKMARK", {})
        # Kopf then requests the initial state again, as from a real API server.
        yield _line("ERROR", {}, code=410)


def _scope_of(path: str) -> str | None:
    """Return the scope of a path: "" for all pods, the namespace for its pods, None for other paths."""
    match path.split("/"):
        case ["", "api", "v1", "pods"]:
            return ""
        case ["", "api", "v1", "namespaces", namespace, "pods"]:
            return namespace
    return None


def _line(event_type: str, metadata: dict[str, str], **fields: int) -> bytes:
    event = {"type": event_type, "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **fields}}
    return json.dumps(event).encode() + b"\n"


class KopfResponse(ResponseUsedByKopf):
    """A response to Kopf: a JSON document, or the lines of a watch."""

    def __init__(
        self, *, document: dict[str, object] | None = None, lines: AsyncGenerator[bytes] | None = None
    ) -> None:
        self._document = document
        self._lines = lines
        self.status = 200

    @property
    def content(self) -> Self:
        """The body as a stream."""
        return self

    async def json(self) -> dict[str, object] | None:
        """Return the body as a document."""
        return self._document

    async def iter_chunked(self, size: int, /) -> AsyncIterator[bytes]:
        """Yield each line as it comes; lines are shorter than the ``size`` of Kopf's buffer."""
        if self._lines is not None:
            async for line in self._lines:
                yield line

    def close(self) -> None:
        """Do nothing: Kopf calls this on its way to ``__aexit__``, which ends the lines."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lines is not None:
            await self._lines.aclose()

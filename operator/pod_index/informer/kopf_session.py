"""The session that Kopf gets at login: what Kopf asks of the API server comes through here.

Kopf talks to the API server by an aiohttp session, and takes one of the operator's own (``kopf.AiohttpSession``,
https://docs.kopf.dev/en/stable/authentication/). This one answers Kopf's discovery and, where Kopf watches pods,
the stream of a Reflector: it never fails, it begins with the state in pages of many pods, and it is read only,
since there is nothing here that could write.

Pods do not travel through Kopf's JSON: an event carries the number of a ticket, and the handler fetches what it
stands for. All events of a stream share one object UID, so that Kopf handles them in order, in one task, and
remembers one object, however many pods there are.
"""

import asyncio
import contextlib
import dataclasses
import json
import math
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import Any, Self

from pod_index.informer.client import ApiClient
from pod_index.informer.reflector import Reflector
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Delta, ListPage

BACKLOG = 100
"""How many changes may be on their way to the handlers before the feed stops reading."""

POD = {"name": "pods", "singularName": "pod", "kind": "Pod", "namespaced": True, "verbs": ["list", "watch"]}
# Kopf waits until it has seen namespaces, which it then leaves alone (settings.scanning.disabled).
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
"""What Kopf asks before it watches. core/v1 pods are part of every Kubernetes, so nobody needs to be asked."""


@dataclasses.dataclass(slots=True)
class Ticket:
    """Something on its way to a handler."""

    item: ListPage | Delta
    reflector: Reflector
    handled: asyncio.Event
    read_at: float
    """When it was read from the connection, by the loop's clock; meaningless for pages."""


class KopfSession:
    """The session. Kopf uses ``headers``, ``closed``, ``request()`` and ``close()`` of it."""

    def __init__(self, client: ApiClient, settings: Settings, stats: Stats) -> None:
        self._client = client
        self._settings = settings
        self._stats = stats
        self._reflectors: dict[str, Reflector] = {}
        self._deliveries: dict[int, Ticket] = {}
        self._numbers = 0
        self.headers: dict[str, str] = {}
        self.closed = False

    async def request(self, method: str, url: str, **_: object) -> "KopfResponse":
        """KopfResponse a request of Kopf's; raise RuntimeError for one that pod-index has no business to make."""
        split = urllib.parse.urlsplit(url)
        path, query = split.path, dict(urllib.parse.parse_qsl(split.query))
        if method.lower() == "get":
            if path in DISCOVERY:
                return KopfResponse(document=DISCOVERY[path])
            scope = _scope_of(path)
            if scope is not None and query.get("watch") == "true":
                return KopfResponse(lines=self._stream(scope))
        raise RuntimeError(f"pod-index only watches pods, and Kopf asks for {method.upper()} {path}")

    async def close(self) -> None:
        """End all connections to the API server."""
        self.closed = True
        await self._client.close()

    @contextlib.contextmanager
    def ticket(self, event: Mapping[str, Any]) -> Iterator[ListPage | Delta]:
        """Give a handler what the event stands for.

        A handler that fails has lost it, so the stream it came from begins anew with a listing.
        """
        ticket = self._deliveries.pop(event["object"]["ticket"])
        try:
            yield ticket.item
            if isinstance(ticket.item, Delta):
                self._stats.event_lags.observe(asyncio.get_running_loop().time() - ticket.read_at)
        except BaseException:
            ticket.reflector.request_relist("a change was lost by a fault of ours")
            raise
        finally:
            ticket.handled.set()

    def age(self) -> float | None:
        """How many seconds ago the API server last confirmed the state, of the stalest stream; None before."""
        stalest = math.inf
        for reflector in self._reflectors.values():
            if reflector.confirmed_at is None:
                return None
            stalest = min(stalest, reflector.confirmed_at)
        return asyncio.get_running_loop().time() - stalest if self._reflectors else None

    async def _stream(self, scope: str) -> AsyncGenerator[bytes]:
        """Yield the lines of a watch that begins with the initial state, as Kopf has asked for it."""
        reflector = self._reflectors.get(scope)
        if reflector is None:
            reflector = self._reflectors[scope] = Reflector(self._client, scope, self._settings, self._stats)
        backlog = 0
        async with contextlib.aclosing(reflector.stream()) as items:
            async for kind, item in items:
                self._numbers += 1
                ticket = Ticket(item, reflector, asyncio.Event(), reflector.read_at)
                self._deliveries[self._numbers] = ticket
                yield _line(kind, {"uid": f"pods/{scope}", "name": "pods"}, ticket=self._numbers)
                backlog += 1
                # Pages one by one and changes by the hundred, so that a fast server cannot fill the memory.
                if isinstance(item, ListPage) or backlog >= BACKLOG:
                    await ticket.handled.wait()
                    backlog = 0
                if isinstance(item, ListPage) and item.complete_at is not None:
                    yield _line("BOOKMARK", {})
        # What a real server says too when a new listing is due; Kopf then asks for the initial state again.
        yield _line("ERROR", {}, code=410)


def _scope_of(path: str) -> str | None:
    """The scope that a path lists: "" for all pods, a namespace for its pods, None for anything else."""
    match path.split("/"):
        case ["", "api", "v1", "pods"]:
            return ""
        case ["", "api", "v1", "namespaces", namespace, "pods"]:
            return namespace
    return None


def _line(kind: str, metadata: dict[str, str], **fields: int) -> bytes:
    event = {"type": kind, "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **fields}}
    return json.dumps(event).encode() + b"\n"


class KopfResponse:
    """A response to Kopf: a JSON document, or lines that come one by one. Kopf uses just these members of it."""

    status = 200

    def __init__(
        self, *, document: dict[str, object] | None = None, lines: AsyncGenerator[bytes] | None = None
    ) -> None:
        self._document = document
        self._lines = lines
        self.closed = False

    @property
    def content(self) -> Self:
        """The body, as a stream."""
        return self

    async def json(self) -> dict[str, object] | None:
        """The body, as a document."""
        return self._document

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield the body as it comes; ``size`` is a wish of the reader's, and lines are shorter."""
        if self._lines is not None:
            async for line in self._lines:
                yield line

    def close(self) -> None:
        """Note that nobody reads on."""
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        if self._lines is not None:
            await self._lines.aclose()

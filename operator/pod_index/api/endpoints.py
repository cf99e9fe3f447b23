"""The endpoints below /api/v1: one pod, many at once, and lists."""

import asyncio
import dataclasses
from collections.abc import Callable
from time import perf_counter

import msgspec
from starlette.types import Receive, Scope, Send

from pod_index.api import queries
from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.responses import RETRY_AFTER, Header, RequestError, encode, error, respond, respond_in_parts
from pod_index.api.waiting import ClientGone, LookupWaiters
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.identifiers import Identifier, IdentifierError, parse
from pod_index.store.index import Match, PodIndex

IDS_MAX = 1_000
"""How many pods can be asked for at once."""

IDS_AT_ONCE = 25
"""How many of them are looked up before others have their turn: up to 0.5 ms."""

BODIES_MAX = 64
"""How many of the longest bodies may be held at a time: together they are bounded, however many come."""

_BY_UID = (b"matched-by", b"uid")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointContext:
    """What all endpoints have in common."""

    index: PodIndex
    """What they answer from."""
    age: Callable[[], float]
    """How many seconds ago the API server last confirmed it: https://www.rfc-editor.org/rfc/rfc9111#section-5.1"""
    stats: Stats
    """What they count in."""
    settings: Settings


class Endpoint:
    """Answers from the index, errors included, and tells the age of the data."""

    def __init__(self, context: EndpointContext) -> None:
        self._index = context.index
        self._age = context.age
        self._stats = context.stats
        self._settings = context.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            pieces, headers = await self._answer(scope, receive)
        except RequestError as refusal:
            await respond(send, refusal.status, error(str(refusal)), self._age_header(), *refusal.headers)
        except ClientGone:
            pass
        else:
            try:
                await respond_in_parts(send, pieces, self._age_header(), *headers)
            finally:
                self._done()

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[tuple[bytes, ...], tuple[Header, ...]]:
        """Return the body of a success, in pieces, and its headers.

        The pieces are a tuple, as the garbage collector looks through a tuple of bytes once only; a hundred lists of
        ten thousand pieces each take it 30 ms every time, while nobody is answered.
        """
        raise NotImplementedError

    def _done(self) -> None:
        """Be told that what was answered has been sent, or that the client has gone."""

    def _query(self, scope: Scope) -> bytes:
        """Return the query string; raise RequestError if it is too long."""
        query: bytes = scope["query_string"]
        if len(query) > self._settings.max_query_bytes:
            raise RequestError(414, f"query string is longer than {self._settings.max_query_bytes} bytes")
        return query

    def _age_header(self) -> Header:
        return b"age", b"%d" % self._age()

    def _not_found(self, message: str) -> RequestError:
        """Say that there is no such pod; but a miss proves nothing before the first listing is complete."""
        return RequestError(404, message) if self._index.synced else RequestError(503, "cache not synced", RETRY_AFTER)


class PodEndpoint(Endpoint):
    """``GET /api/v1/pod``: the record of one pod."""

    def __init__(self, context: EndpointContext, lookup_waiters: LookupWaiters) -> None:
        super().__init__(context)
        self._lookup_waiters = lookup_waiters
        self._count_plain = context.stats.plain_lookups.add

    async def answer_plain(self, scope: Scope, send: Send) -> bool:
        """Answer 200 if the query is a UID and nothing else, and the pod is there; else return False.

        Nearly always it is: the rest would take a third of a lookup's time.
        """
        began = perf_counter()
        query: bytes = scope["query_string"]
        if query.startswith(b"uid=") and query.isascii():
            record = self._index.lookup(query[4:].decode())
            if record is not None:
                await respond(send, 200, record, (b"age", b"%d" % self._age()), _BY_UID)
                self._count_plain(perf_counter() - began)
                return True
        return False

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[tuple[bytes, ...], tuple[Header, ...]]:
        result, query = "error", b""
        lookup: queries.Lookup | None = None
        try:
            query = self._query(scope)
            lookup = queries.lookup(query, self._index.index_names)
            match = await self._find(lookup, receive)
            if match is None:
                result = "miss" if self._index.synced else "error"
                raise self._not_found(lookup.missing)
            result = "deleted" if match.deleted else "hit"
            return (match.record,), ((b"matched-by", match.by.encode()),)
        finally:
            self._stats.lookups[lookup.selector if lookup else queries.selector_of(query), result] += 1

    async def _find(self, lookup: queries.Lookup, receive: Receive) -> Match | None:
        """Look it up, and wait for it if that is asked for."""

        def find() -> Match | None:
            return _first(self._index, lookup.identifiers, deleted=lookup.deleted)

        match = find()
        if match is None and lookup.wait_seconds:
            return await self._lookup_waiters.wait_for(find, lookup.identifiers, lookup.wait_seconds, receive)
        return match


class Ids(msgspec.Struct):
    """The body of a request for many pods."""

    ids: list[str]


class LimitedEndpoint(Endpoint):
    """What has answers that may be long."""

    def __init__(self, context: EndpointContext, response_limiter: ResponseLimiter) -> None:
        super().__init__(context)
        self._response_limiter = response_limiter

    def _done(self) -> None:
        self._response_limiter.done()


class BatchLookupEndpoint(LimitedEndpoint):
    """``POST /api/v1/pods/lookup``: the records of many pods, in the order asked."""

    _decoder = msgspec.json.Decoder(Ids)
    _held = 0
    """How many bytes of bodies that are not complete are held."""

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[tuple[bytes, ...], tuple[Header, ...]]:
        try:
            ids, deleted = await self._asked(scope, receive)
            async with self._response_limiter.turn():
                return await self._look_up(ids, deleted=deleted), ()
        except (RequestError, ClientGone):
            self._stats.lookups["many", "error"] += 1
            raise

    async def _asked(self, scope: Scope, receive: Receive) -> tuple[list[str], bool]:
        """Return which pods are asked for, and whether those that are gone will do."""
        deleted = queries.include_deleted(self._query(scope))
        try:
            ids = self._decoder.decode(await self._body(receive)).ids
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            raise RequestError(400, f'body must be JSON such as {{"ids": ["..."]}}: {problem}') from problem
        if len(ids) > IDS_MAX:
            raise RequestError(400, f"body has {len(ids)} ids, and at most {IDS_MAX} can be asked for at once")
        return ids, deleted

    async def _body(self, receive: Receive) -> bytes:
        """Read the body; raise RequestError as soon as it is too long or too late, and ClientGone if it breaks off."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.client_timeout_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    part = message.get("body", b"")
                    body += part
                    self._held += len(part)
                    if len(body) > self._settings.max_body_bytes:
                        raise RequestError(413, f"body is longer than {self._settings.max_body_bytes} bytes")
                    if self._held > BODIES_MAX * self._settings.max_body_bytes:
                        raise RequestError(503, "too many bodies are being read", RETRY_AFTER)
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError as late:
            # Nothing else on this connection can be told from the rest of the body.
            text = f"request did not come within {self._settings.client_timeout_seconds:g} s"
            raise RequestError(408, text, (b"connection", b"close")) from late
        finally:
            self._held -= len(body)

    async def _look_up(self, ids: list[str], *, deleted: bool) -> tuple[bytes, ...]:
        """Return the body, in pieces."""
        pieces = [b'{"results":[']
        for number, text in enumerate(ids, 1):
            record, result = self._find(text, deleted=deleted)
            if record is None and not self._index.synced:
                raise self._not_found("")
            self._stats.lookups["many", result] += 1
            comma = b"," if number > 1 else b""
            pieces += (b'%b{"id":%b,"pod":' % (comma, encode(text)), record or b"null", b"}")
            if number % IDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return (*pieces, b"]}")

    def _find(self, text: str, *, deleted: bool) -> tuple[bytes | None, str]:
        """Look one up; what is not understood is not known either, and no reason to refuse the others."""
        record = self._index.lookup(text)
        if record is not None:
            return record, "hit"
        try:
            match = _first(self._index, parse(text), deleted=deleted)
        except IdentifierError:
            match = None
        if match is None:
            return None, "miss"
        return match.record, "deleted" if match.deleted else "hit"


class ListEndpoint(LimitedEndpoint):
    """``GET /api/v1/pods``: the pods of a node, or of a namespace, page by page.

    They come in the order of their UIDs, which never change and are the same everywhere: so no pod that is there from
    the first page to the last is missed, even if each page is another replica's.
    """

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[tuple[bytes, ...], tuple[Header, ...]]:
        result = "error"
        try:
            listing = queries.listing(self._query(scope), self._index.index_names)
            if not self._index.synced:
                raise self._not_found("")
            async with self._response_limiter.turn():
                pods, more = await self._page(listing)
            result = "hit" if pods else "miss"
            return (b'{"pods":[', *pods, b"]", more, b"}"), ()
        finally:
            self._stats.lookups["list", result] += 1

    async def _page(self, listing: queries.Listing) -> tuple[list[bytes], bytes]:
        """Return the records, with commas between them, and what tells how to go on."""
        page: list[tuple[str, bytes]] = []
        for pods in self._index.select(node=listing.node, namespace=listing.namespace):
            # One more than asked for tells that there are more.
            page = sorted(page + [pod for pod in pods if pod[0] > listing.after])[: listing.limit + 1]
            await asyncio.sleep(0)
        more = b""
        if len(page) > listing.limit:
            page.pop()
            more = b',"continue":%b' % encode(page[-1][0])
        pieces = [piece for _, record in page for piece in (b",", record)][1:]
        return pieces, more


def _first(index: PodIndex, identifiers: tuple[Identifier, ...], *, deleted: bool) -> Match | None:
    """Look up what may name a pod, the likeliest first."""
    for identifier in identifiers:
        match = index.find(identifier, deleted=deleted)
        if match is not None:
            return match
    return None

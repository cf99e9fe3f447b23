"""The endpoints for lookups: one pod, and many at once. ``lists`` has the one for lists.

They are raw ASGI applications for speed: one core answers 32,000 to 36,000 lookups a second this way, and 27,000 with a
plain Starlette endpoint.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext, suppress

import msgspec
from starlette.types import Receive, Scope, Send

from pod_index.api import queries
from pod_index.api.context import EndpointContext
from pod_index.api.detailed import DetailedBody, detailed_record, named_container
from pod_index.api.hints import hint_for, null_with, warnings
from pod_index.api.queries import BatchQuery, LookupQuery
from pod_index.api.response_limiter import PROGRESS, STEP_BYTES
from pod_index.api.responses import RETRY_AFTER, Body, Header, RequestError, encode, error, respond, respond_in_chunks
from pod_index.api.waiting import ClientGone
from pod_index.store.detailed_records import match_container
from pod_index.store.details import Details
from pod_index.store.identifiers import Identifier, IdentifierError, parse
from pod_index.store.matching import Ambiguity, Match

POD_PATH = "/api/v1/pod"
"""The path of PodEndpoint."""

IDS_MAX = 1_000
"""How many pods a batch lookup may ask for."""

SHORT_BYTES = 512
"""Queries and bodies up to this size are parsed at once, longer ones in a step of ``ResponseLimiter``."""

ID_BYTES = 128
"""What each ID costs in a step besides its length, for the search in the index."""

BODIES_MAX = 16
"""The memory for request bodies is bounded by this many bodies of the maximum size."""


class Endpoint:
    """Answers from the index, and reports the age of the data with every response, errors included."""

    def __init__(self, context: EndpointContext) -> None:
        self._index = context.index
        self._age = context.age
        self._stats = context.stats
        self._settings = context.settings
        self._response_limiter = context.response_limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            parts, headers = await self._answer(scope, receive)
        except RequestError as refusal:
            await respond(send, refusal.status, error(str(refusal)), *self._with_age(*refusal.headers))
        except ClientGone:
            pass
        else:
            try:
                await respond_in_chunks(send, parts, *self._with_age(*headers), progress=scope.get(PROGRESS))
            finally:
                self._finish(scope)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Body, tuple[Header, ...]]:
        """Return the body of a 200 response in parts, and its headers."""
        raise NotImplementedError

    def _finish(self, scope: Scope) -> None:
        """Free what the response held: it has been sent, or its client is gone."""

    def _query(self, scope: Scope) -> bytes:
        """Return the query string; raise RequestError if it is too long."""
        query: bytes = scope["query_string"]
        if len(query) > self._settings.max_query_bytes:
            raise RequestError(414, f"query string is longer than {self._settings.max_query_bytes} bytes")
        return query

    def _step(self, size: int) -> AbstractAsyncContextManager[None]:
        """Return the context for work on input of this size."""
        return self._response_limiter.step() if size > SHORT_BYTES else nullcontext()

    def _check_details(self) -> None:
        if not self._index.keeps_details:
            raise RequestError(400, "details are switched off by DETAILS")

    def _with_age(self, *headers: Header) -> tuple[Header, ...]:
        """Return the headers with the age of the data, unless they have that of another cluster."""
        return headers if any(name == b"age" for name, _ in headers) else ((b"age", b"%d" % self._age()), *headers)

    def _not_found(self, message: str, *headers: Header) -> RequestError:
        """Return the error of a miss: 503 before the first sync, since a miss proves nothing until then."""
        if self._index.synced:
            return RequestError(404, message, *headers)
        return RequestError(503, "cache not synced", RETRY_AFTER, *headers)


class PodEndpoint(Endpoint):
    """``GET /api/v1/pod``: the record of one pod."""

    def __init__(self, context: EndpointContext) -> None:
        super().__init__(context)
        self._lookup_waiters = context.lookup_waiters

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Body, tuple[Header, ...]]:
        result, selector = "error", "none"
        try:
            query = self._query(scope)
            async with self._step(len(query)):
                try:
                    lookup = queries.parse_lookup(query, self._index.index_names)
                except RequestError:
                    selector = queries.selector_of(query)
                    raise
                selector = lookup.selector
                if lookup.details:
                    self._check_details()
            match = await self._find(lookup, len(query), receive)
            if match is None or (isinstance(match, Ambiguity) and not self._index.synced):
                result = "miss" if self._index.synced else "error"
                hint = hint_for(lookup.selector, lookup.text, self._index.index_names) if match is None else ""
                raise self._not_found(lookup.not_found, *warnings(hint))
            if isinstance(match, Ambiguity):
                result = "ambiguous"
                raise RequestError(409, lookup.ambiguous(match.pods))
            result = "deleted" if match.deleted else "hit"
            record = match.record
            if lookup.details:
                record = await detailed_record(match, lookup.identifiers, self._response_limiter)
            return (record,), ((b"matched-by", match.matched_by.encode()),)
        finally:
            self._stats.lookups[selector, result] += 1

    async def _find(self, lookup: LookupQuery, size: int, receive: Receive) -> Match | Ambiguity | None:
        """Look up the pod of a query of this size, and wait for it if the query says so."""

        async def find() -> Match | Ambiguity | None:
            async with self._step(size):
                return self._index.find_first(lookup.identifiers, deleted=lookup.include_deleted)

        found = await find()
        if isinstance(found, Match) or not lookup.wait_seconds:
            return found
        return await self._lookup_waiters.wait_for(find, lookup.identifiers, lookup.wait_seconds, receive)


class LimitedEndpoint(Endpoint):
    """An endpoint with long responses, whose number is limited."""

    def _finish(self, scope: Scope) -> None:
        self._response_limiter.release(scope)


class BatchRequest(msgspec.Struct):
    """The body of a batch lookup."""

    ids: list[str]


class BatchLookupEndpoint(LimitedEndpoint):
    """``POST /api/v1/pods/lookup``: the records of many pods, in the order of the request."""

    _decoder = msgspec.json.Decoder(BatchRequest)
    _buffered_bytes = 0
    """The total size of all bodies whose requests are not answered yet."""

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Body, tuple[Header, ...]]:
        size = 0
        try:
            query = self._query(scope)
            async with self._step(len(query)):
                batch = queries.parse_batch(query)
                if batch.details:
                    self._check_details()
            body = await self._read_body(receive)
            size = len(body)
            async with self._step(size):
                ids = self._parse(body)
            del body
            return await self._look_up_in_slot(ids, batch, scope), ()
        except (RequestError, ClientGone):
            self._stats.lookups["many", "error"] += 1
            raise
        finally:
            self._buffered_bytes -= size

    def _parse(self, body: bytes) -> list[str]:
        """Return the IDs of the request."""
        try:
            ids = self._decoder.decode(body).ids
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            raise RequestError(400, f'body must be JSON such as {{"ids": ["..."]}}: {problem}') from problem
        if len(ids) > IDS_MAX:
            raise RequestError(400, f"body has {len(ids)} ids; the maximum is {IDS_MAX}")
        return ids

    async def _read_body(self, receive: Receive) -> bytes:
        """Read the body; raise RequestError if it is too long or too slow, ClientGone if the client disconnects.

        The caller subtracts its size from the total when the request is answered.
        """
        body = bytearray()
        complete = False
        try:
            async with asyncio.timeout(self._settings.client_timeout_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    part = message.get("body", b"")
                    body += part
                    self._buffered_bytes += len(part)
                    if len(body) > self._settings.max_body_bytes:
                        raise RequestError(413, f"body is longer than {self._settings.max_body_bytes} bytes")
                    if self._buffered_bytes > BODIES_MAX * self._settings.max_body_bytes:
                        raise RequestError(503, "too many bodies are being read", RETRY_AFTER)
                    if not message.get("more_body"):
                        complete = True
                        return bytes(body)
        except TimeoutError as timeout:
            # The rest of the body would be read as the next request of the connection.
            text = f"request did not come within {self._settings.client_timeout_seconds:g} s"
            raise RequestError(408, text, (b"connection", b"close")) from timeout
        finally:
            if not complete:
                self._buffered_bytes -= len(body)

    async def _look_up_in_slot(self, ids: list[str], query: BatchQuery, scope: Scope) -> Body:
        async with self._response_limiter.slot(scope):
            return await self._look_up(ids, query)

    async def _look_up(self, ids: list[str], query: BatchQuery) -> Body:
        """Return the body of the response."""
        parts = [b'{"results":[']
        all_details: list[Details | None] = []
        containers: list[int | None] = []

        def add(text: str) -> int:
            record, result, details, container = self._find(text, query)
            if record is None and not self._index.synced:
                raise self._not_found("")
            self._stats.lookups["many", result] += 1
            if record is None:
                record = null_with(hint_for("id", text, self._index.index_names) if result == "miss" else "")
            comma = b"," if len(parts) > 1 else b""
            parts.extend((b'%b{"id":%b,"pod":' % (comma, encode(text)), record, b"}"))
            if query.details:
                all_details.append(details)
                containers.append(container)
            if result == "ambiguous":
                return STEP_BYTES  # Hundreds of pods with one identifier take a millisecond.
            return ID_BYTES + len(text) + (len(details.own) // 4 if details is not None else 0)

        await self._response_limiter.in_steps(ids, add)
        if not query.details:
            return (*parts, b"]}")
        prefixes, records = parts[1::3], parts[2::3]
        body = DetailedBody(
            self._response_limiter,
            parts[0],
            records,
            all_details,
            b"]}",
            b"}",
            prefixes=prefixes,
            containers=containers,
        )
        return await body.made()

    def _find(self, text: str, query: BatchQuery) -> tuple[bytes | None, str, Details | None, int | None]:
        """Return the record of one pod, the result, and with details these and the container.

        An invalid ID is a miss, and does not fail the batch.
        """
        record = self._index.lookup(text)
        if record is not None:
            return record, "hit", self._index.details(text) if query.details else None, None
        identifiers: tuple[Identifier, ...] = ()
        match = None
        with suppress(IdentifierError):
            identifiers = parse(text)
            match = self._index.find_first(identifiers, deleted=query.include_deleted)
        if not isinstance(match, Match):
            return None, "miss" if match is None else "ambiguous", None, None
        result = "deleted" if match.deleted else "hit"
        if not query.details or match.details is None:
            return match.record, result, None, None
        named = named_container(match, identifiers)
        return match.record, result, match.details, match_container(match.details, named) if named else None

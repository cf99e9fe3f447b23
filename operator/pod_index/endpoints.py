"""The endpoints below /api/v1: one pod, many at once, and lists."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from pod_index import queries
from pod_index.identifiers import Identifier, IdentifierError, parse
from pod_index.index import Match, PodIndex
from pod_index.responses import RETRY_AFTER, Header, Refused, encode, error, respond, respond_in_parts
from pod_index.waiting import ClientGone, WaitingRoom

IDS_MAX = 1_000
"""How many pods can be asked for at once."""

BODY_LIMIT = 256 * 1024
"""The longest body that is read, in bytes."""

IDS_AT_ONCE = 50
"""How many of them are looked up before others have their turn: about 0.5 ms."""

_BY_UID = (b"matched-by", b"uid")


class Endpoint:
    """What the endpoints have in common: they answer from the index, errors included, and tell the age of the data.

    ``age`` is how many seconds ago the API server last confirmed it:
    https://www.rfc-editor.org/rfc/rfc9111#section-5.1
    """

    def __init__(self, index: PodIndex, age: Callable[[], float]) -> None:
        self._index = index
        self._age = age

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            pieces, headers = await self._answer(scope, receive)
        except Refused as refusal:
            await respond(send, refusal.status, error(str(refusal)), self._age_header(), *refusal.headers)
        except ClientGone:
            pass
        else:
            await respond_in_parts(send, pieces, self._age_header(), *headers)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Sequence[bytes], tuple[Header, ...]]:
        """Return the body of a success, in pieces, and its headers."""
        raise NotImplementedError

    def _age_header(self) -> Header:
        return b"age", b"%d" % self._age()

    def _not_found(self, message: str) -> Refused:
        """Say that there is no such pod; but a miss proves nothing before the first listing is complete."""
        return Refused(404, message) if self._index.synced else Refused(503, "cache not synced", RETRY_AFTER)


class PodEndpoint(Endpoint):
    """``GET /api/v1/pod``: the record of one pod."""

    def __init__(self, index: PodIndex, age: Callable[[], float], waiting_room: WaitingRoom) -> None:
        super().__init__(index, age)
        self._waiting_room = waiting_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200, 400, 404, 414 or 503."""
        # Nearly always the query is just this, and the pod is there: the rest would take a third of a lookup's time.
        query: bytes = scope["query_string"]
        if query.startswith(b"uid=") and query.isascii():
            record = self._index.lookup(query[4:].decode())
            if record is not None:
                await respond(send, 200, record, (b"age", b"%d" % self._age()), _BY_UID)
                return
        await super().__call__(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Sequence[bytes], tuple[Header, ...]]:
        lookup = queries.lookup(scope["query_string"], self._index.kinds)

        def find() -> Match | None:
            return _first(self._index, lookup.identifiers, deleted=lookup.deleted)

        match = find()
        if match is None and lookup.wait_seconds:
            match = await self._waiting_room.wait_for(find, lookup.identifiers, lookup.wait_seconds, receive)
        if match is None:
            raise self._not_found(lookup.missing)
        return (match.record,), ((b"matched-by", match.by.encode()),)


class Ids(msgspec.Struct):
    """The body of a request for many pods."""

    ids: list[str]


class LookupEndpoint(Endpoint):
    """``POST /api/v1/pods/lookup``: the records of many pods, in the order asked."""

    _decoder = msgspec.json.Decoder(Ids)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Sequence[bytes], tuple[Header, ...]]:
        deleted = queries.include_deleted(scope["query_string"])
        try:
            ids = self._decoder.decode(await _body(scope, receive)).ids
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            raise Refused(400, f'body must be JSON such as {{"ids": ["..."]}}: {problem}') from problem
        if len(ids) > IDS_MAX:
            raise Refused(400, f"body has {len(ids)} ids, and at most {IDS_MAX} can be asked for at once")
        pieces = [b'{"results":[']
        for number, text in enumerate(ids, 1):
            record = self._find(text, deleted=deleted)
            if record is None and not self._index.synced:
                raise self._not_found("")
            comma = b"," if number > 1 else b""
            pieces += (b'%b{"id":%b,"pod":' % (comma, encode(text)), record or b"null", b"}")
            if number % IDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return [*pieces, b"]}"], ()

    def _find(self, text: str, *, deleted: bool) -> bytes | None:
        """Look one up; what is not understood is not known either, and no reason to refuse the others."""
        record = self._index.lookup(text)
        if record is None:
            try:
                match = _first(self._index, parse(text), deleted=deleted)
            except IdentifierError:
                return None
            record = None if match is None else match.record
        return record


class ListEndpoint(Endpoint):
    """``GET /api/v1/pods``: the pods of a node, or of a namespace, page by page.

    They come in the order of their UIDs, which never change and are the same everywhere: so no pod that is there from
    the first page to the last is missed, even if each page is another replica's.
    """

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Sequence[bytes], tuple[Header, ...]]:
        listing = queries.listing(scope["query_string"], self._index.kinds)
        if not self._index.synced:
            raise self._not_found("")
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
        return [b'{"pods":[', *pieces, b"]", more, b"}"], ()


def _first(index: PodIndex, identifiers: tuple[Identifier, ...], *, deleted: bool) -> Match | None:
    """Look up what may name a pod, the likeliest first."""
    for identifier in identifiers:
        match = index.find(identifier, deleted=deleted)
        if match is not None:
            return match
    return None


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Read the body; raise Refused as soon as it is too long, and ClientGone if it breaks off."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise Refused(413, f"body is longer than {BODY_LIMIT} bytes")
        if not message.get("more_body"):
            return bytes(body)

"""Lookups in several clusters: ``clusters=all`` or ``cluster=NAME``. Without these, no other cluster is asked."""

import asyncio
import dataclasses
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from starlette.types import Receive, Scope

from pod_index.api import queries
from pod_index.api.context import EndpointContext
from pod_index.api.detailed import detailed_record
from pod_index.api.endpoints import PodEndpoint
from pod_index.api.hints import hint_for, warnings
from pod_index.api.parameters import has_clusters, pairs, parse_parameters, values
from pod_index.api.queries import LookupQuery
from pod_index.api.responses import RETRY_AFTER, Body, Header, RequestError
from pod_index.api.waiting import ClientGone, wait_for_disconnect
from pod_index.clusters import Answer, Clusters, Question, UnknownCluster, Verdict, found
from pod_index.store.identifiers import Identifier
from pod_index.store.matching import Ambiguity, Match

FORWARDED = frozenset({*queries.SELECTORS, "namespace", "name", "includeDeleted", "details"})
"""The parameters for other clusters. Without ``clusters``, requests cannot loop. Unknown ones may be secrets."""

RESULTS = {404: "miss", 409: "ambiguous"}
"""The results in the metrics of lookups without a pod, by status. Other statuses count as errors."""

SHARE = "pod_index.answers"
"""The key in the ASGI scope for the memory that the answers of other clusters take."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterQuery:
    """The clusters that a lookup is for, and the query string for the other ones."""

    names: tuple[str, ...]
    """Empty for all clusters."""
    rest: bytes
    """The parameters of the lookup, except for ``wait``."""


def names_clusters(query: bytes) -> bool:
    """Return whether a query string names clusters."""
    if b"cluster" not in query and b"%" not in query:
        return False
    with suppress(RequestError):
        return has_clusters(query, parse_parameters(query))
    return False


def parse_clusters(query: bytes) -> ClusterQuery:
    """Parse a query string that names clusters; raise RequestError if it is invalid."""
    parameters = pairs(query)
    names, selections = values(parameters, "cluster"), values(parameters, "clusters")
    for selection in selections:
        if selection != "all":
            raise RequestError(400, f"clusters must be all, not {selection!r:.80}")
    if selections and names:
        raise RequestError(400, "give clusters=all or cluster, not both")
    return ClusterQuery(names, "&".join(pair for name, pair in parameters if name in FORWARDED).encode("latin-1"))


def select(clusters: Clusters | None, query: ClusterQuery) -> tuple[Clusters, tuple[str, ...]]:
    """Return all clusters, and the names of the selected ones; raise RequestError if one is unknown."""
    if clusters is None:
        raise RequestError(400, "lookups in several clusters are not configured: set CLUSTER_NAME and PEERS_FILE")
    try:
        return clusters, clusters.select(query.names)
    except UnknownCluster as error:
        raise RequestError(400, str(error)) from None


def own_answer(
    match: Match | Ambiguity | None,
    identifiers: Sequence[Identifier],
    own: str,
    age: int,
    *,
    synced: bool,
    ambiguous: str = "",
) -> Answer:
    """Return the answer of this cluster; ``ambiguous`` is the error message if several pods match."""
    if isinstance(match, Match):
        return found(own, identifiers, match.record, match.matched_by, age)
    if not synced:
        return Answer(own, "silent", age=age)
    if isinstance(match, Ambiguity):
        return Answer(own, "ambiguous", age=age, message=ambiguous)
    return Answer(own, "miss", age=age)


def release(scope: Scope) -> None:
    """Free the memory of a request."""
    if SHARE in scope:
        scope[SHARE].release()


class ClustersPodEndpoint(PodEndpoint):
    """``GET /api/v1/pod``: the record of one pod, also of another cluster."""

    def __init__(self, context: EndpointContext) -> None:
        super().__init__(context)
        self._clusters = context.clusters

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Body, tuple[Header, ...]]:
        query: bytes = scope["query_string"]
        if len(query) > self._settings.max_query_bytes or not names_clusters(query):
            return await super()._answer(scope, receive)
        result, selector = "error", queries.selector_of(query)
        try:
            async with self._step(len(query)):
                wanted = parse_clusters(query)
                lookup = queries.parse_lookup(query, self._index.index_names)
                if lookup.details:
                    self._check_details()
                clusters, names = select(self._clusters, wanted)
            verdict = await unless_gone(self._look_up(clusters, names, lookup, wanted.rest, scope), receive)
            answer = verdict.answer
            if verdict.status != 200 or answer is None:
                result = RESULTS.get(verdict.status, "error")
                hint = hint_for(lookup.selector, lookup.text, self._index.index_names) if result == "miss" else ""
                _raise_error(verdict, lookup.not_found, *warnings(hint))
            result = answer.outcome
            return (bytes(answer.record),), (*_headers(verdict), (b"matched-by", answer.matched_by.encode()))
        except BaseException:
            release(scope)
            raise
        finally:
            self._stats.lookups[selector, result] += 1

    def _finish(self, scope: Scope) -> None:
        release(scope)

    async def _look_up(
        self, clusters: Clusters, names: Sequence[str], lookup: LookupQuery, query: bytes, scope: Scope
    ) -> Verdict:
        async def ask_own(wait_seconds: float) -> Answer:
            match = await self._find(dataclasses.replace(lookup, wait_seconds=wait_seconds), len(query), _never)
            if isinstance(match, Match) and lookup.details:
                record = await detailed_record(match, lookup.identifiers, self._response_limiter)
                match = match._replace(record=record)
            ambiguous = lookup.ambiguous(match.pods) if isinstance(match, Ambiguity) else ""
            age, synced = int(self._age()), self._index.synced
            return own_answer(match, lookup.identifiers, clusters.own, age, synced=synced, ambiguous=ambiguous)

        share = scope[SHARE] = clusters.memory.share()
        question = Question(query, lookup.identifiers, lookup.subject, lookup.wait_seconds)
        return await clusters.look_up(question, names, ask_own, share)


def _headers(verdict: Verdict) -> tuple[Header, ...]:
    """Return the headers with the cluster, if there is one, and the age of the data."""
    cluster = ((b"cluster", verdict.answer.cluster.encode()),) if verdict.answer is not None else ()
    return cluster if verdict.age is None else ((b"age", b"%d" % verdict.age), *cluster)


def _raise_error(verdict: Verdict, not_found: str, *headers: Header) -> NoReturn:
    retry = (RETRY_AFTER,) if verdict.status == 503 else ()
    raise RequestError(verdict.status, verdict.message or not_found, *_headers(verdict), *retry, *headers)


async def unless_gone(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Do the work; cancel it and raise ClientGone if the client disconnects."""
    task, gone = asyncio.create_task(work), asyncio.create_task(wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _never() -> NoReturn:
    """Never return. ``unless_gone`` detects that the client disconnects."""
    await asyncio.Event().wait()
    raise AssertionError("never set")

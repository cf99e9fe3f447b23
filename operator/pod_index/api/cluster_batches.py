"""Batch lookups in several clusters, and those with ``explain=true``, which other clusters send."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from starlette.types import Receive, Scope

from pod_index.api import queries
from pod_index.api.clusters import (
    RESULTS,
    SHARE,
    names_clusters,
    own_answer,
    parse_clusters,
    release,
    select,
    unless_gone,
)
from pod_index.api.context import EndpointContext
from pod_index.api.detailed import DetailedBody, named_container
from pod_index.api.endpoints import ID_BYTES, BatchLookupEndpoint
from pod_index.api.hints import hint_for, null_with
from pod_index.api.queries import BatchQuery
from pod_index.api.response_limiter import STEP_BYTES
from pod_index.api.responses import Body, Header, RequestError, encode
from pod_index.clusters import Answer, Clusters, Question, Verdict
from pod_index.store.detailed_records import match_container
from pod_index.store.details import Details
from pod_index.store.identifiers import Identifier, IdentifierError, parse
from pod_index.store.matching import Ambiguity, Match

BATCHES_MAX = 10
"""How many batch lookups ask other clusters at a time. Each takes a megabyte until they have answered."""

WANTED = "pod_index.clusters"
"""The key in the ASGI scope for the clusters of a request."""

OLDEST = "pod_index.age"
"""The key in the ASGI scope for the age of the oldest answer."""


class Wanted(NamedTuple):
    """The clusters of a batch lookup."""

    clusters: Clusters
    names: tuple[str, ...]
    query: bytes
    """The query string for the other clusters."""
    receive: Receive
    """Receives the disconnect of the client."""


class Own(NamedTuple):
    """The answer of this cluster to one ID."""

    question: Question
    answer: Answer
    details: Details | None = None
    container: int | None = None


class ClustersBatchEndpoint(BatchLookupEndpoint):
    """``POST /api/v1/pods/lookup``: the records of many pods, also of other clusters."""

    def __init__(self, context: EndpointContext) -> None:
        super().__init__(context)
        self._clusters = context.clusters
        self._batches = asyncio.Semaphore(BATCHES_MAX)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Body, tuple[Header, ...]]:
        query: bytes = scope["query_string"]
        if len(query) > self._settings.max_query_bytes or not names_clusters(query):
            return await super()._answer(scope, receive)
        try:
            async with self._step(len(query)):
                wanted = parse_clusters(query)
                clusters, names = select(self._clusters, wanted)
        except RequestError:
            self._stats.lookups["many", "error"] += 1
            raise
        share = scope[SHARE] = clusters.memory.share()
        rest = b"&".join(filter(None, (wanted.rest, b"explain=true")))
        scope[WANTED] = Wanted(clusters, names, rest, receive)
        try:
            body, _ = await super()._answer(scope, receive)
        except BaseException:
            share.release()
            raise
        return body, ((b"age", b"%d" % scope[OLDEST]),)

    def _finish(self, scope: Scope) -> None:
        super()._finish(scope)
        release(scope)

    async def _look_up_in_slot(self, ids: list[str], query: BatchQuery, scope: Scope) -> Body:
        wanted: Wanted | None = scope.get(WANTED)
        if wanted is None:
            return await super()._look_up_in_slot(ids, query, scope)
        return await unless_gone(self._look_up_in_clusters(ids, query, wanted, scope), wanted.receive)

    async def _look_up_in_clusters(self, ids: list[str], query: BatchQuery, wanted: Wanted, scope: Scope) -> Body:
        async with self._turn() as asks_others, self._response_limiter.waiting_slot(scope):
            async with self._response_limiter.computing():
                own = await self._look_up_own(ids, query, wanted)
            asks_own = wanted.clusters.own in wanted.names
            answers = [found.answer if asks_own or found.answer.outcome == "invalid" else None for found in own]
            questions = [found.question for found in own]
            verdicts = await wanted.clusters.look_up_many(
                questions, wanted.query, wanted.names, answers, scope[SHARE], asks_others=asks_others
            )
            ages = [verdict.age for verdict in verdicts if verdict.age is not None]
            scope[OLDEST] = max(ages, default=int(self._age()))
            async with self._response_limiter.computing():
                return await self._body(own, verdicts, query, names=True)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Wait until there are fewer than BATCHES_MAX others; yield False if this takes PEER_TIMEOUT_SECONDS."""
        acquired = False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.peer_timeout_seconds):
                acquired = await self._batches.acquire()
        try:
            yield acquired
        finally:
            if acquired:
                self._batches.release()

    async def _look_up(self, ids: list[str], query: BatchQuery) -> Body:
        if not query.explain:
            return await super()._look_up(ids, query)
        own = await self._look_up_own(ids, query, None)
        verdicts = [_verdict_of(found.answer) for found in own]
        if any(verdict.status == 503 for verdict in verdicts):
            raise self._not_found("")
        return await self._body(own, verdicts, query, names=False)

    async def _look_up_own(self, ids: list[str], query: BatchQuery, wanted: Wanted | None) -> list[Own]:
        """Look up in this cluster, in steps."""
        cluster = wanted.clusters.own if wanted is not None else ""
        own: list[Own] = []

        def add(text: str) -> int:
            own.append(self._find_own(text, query, cluster))
            if own[-1].answer.outcome == "ambiguous":
                return STEP_BYTES  # Hundreds of pods with one identifier take a millisecond.
            return ID_BYTES + len(text)

        await self._response_limiter.in_steps(ids, add)
        return own

    def _find_own(self, text: str, query: BatchQuery, cluster: str) -> Own:
        age, subject = int(self._age()), f"ID {text}"
        record = self._index.lookup(text)
        if record is not None:
            identifiers: tuple[Identifier, ...] = (Identifier("uid", text),)
            match: Match | Ambiguity | None = Match(record, "uid", self._index.details(text))
        else:
            try:
                identifiers = parse(text)
                queries.check_enabled(identifiers, self._index.index_names)
            except (IdentifierError, RequestError) as error:
                return Own(Question(b"", (), subject), Answer("", "invalid", message=f"id {error}"))
            match = self._index.find_first(identifiers, deleted=query.include_deleted)
        question = Question(text.encode("utf-8", "replace"), identifiers, subject)
        ambiguous = f"{subject} is that of {match.pods} pods" if isinstance(match, Ambiguity) else ""
        synced = self._index.synced
        answer = own_answer(match, identifiers, cluster, age, synced=synced, ambiguous=ambiguous)
        if not isinstance(match, Match) or not query.details or match.details is None:
            return Own(question, answer)
        named = named_container(match, identifiers)
        return Own(question, answer, match.details, match_container(match.details, named) if named else None)

    async def _body(self, own: Sequence[Own], verdicts: Sequence[Verdict], query: BatchQuery, *, names: bool) -> Body:
        """Return the body of the response; with ``names``, results name their clusters."""
        prefixes: list[bytes] = []
        records: list[bytes] = []
        details: list[Details | None] = []
        containers: list[int | None] = []

        def add(item: tuple[Own, Verdict]) -> int:
            found, verdict = item
            answer = verdict.answer if verdict.status == 200 else None
            result = answer.outcome if answer is not None else RESULTS.get(verdict.status, "error")
            self._stats.lookups["many", result] += 1
            comma = b"," if records else b""
            prefixes.append(_start(comma, found.question, verdict, explain=query.explain, names=names))
            records.append(bytes(answer.record) if answer is not None else self._no_pod(found, verdict))
            is_own = answer is not None and answer.record is found.answer.record
            details.append(found.details if is_own else None)
            containers.append(found.container if is_own else None)
            return ID_BYTES + len(records[-1])

        await self._response_limiter.in_steps(zip(own, verdicts, strict=True), add)
        body = DetailedBody(
            self._response_limiter,
            b'{"results":[',
            records,
            details,
            b"]}",
            b"}",
            prefixes=prefixes,
            containers=containers,
        )
        return await body.made()

    def _no_pod(self, found: Own, verdict: Verdict) -> bytes:
        """Return the rest of a result without a pod."""
        is_unknown = verdict.status in (400, 404)
        hint = hint_for("id", found.question.subject.removeprefix("ID "), self._index.index_names) if is_unknown else ""
        return null_with(hint)


def _start(comma: bytes, question: Question, verdict: Verdict, *, explain: bool, names: bool) -> bytes:
    """Return a result up to its pod."""
    fields: dict[str, str | int] = {"id": question.subject.removeprefix("ID ")}
    answer = verdict.answer
    if names and answer is not None and answer.cluster:
        fields["cluster"] = answer.cluster
        if answer.age is not None:
            fields["age"] = answer.age
    if explain:
        fields["status"] = verdict.status
        if verdict.status == 200 and answer is not None:
            fields["matchedBy"] = answer.matched_by
    if verdict.message:
        fields["error"] = verdict.message
    return b'%b%b,"pod":' % (comma, encode(fields)[:-1])


def _verdict_of(answer: Answer) -> Verdict:
    """Return the verdict for a lookup in this cluster only."""
    status = {"hit": 200, "deleted": 200, "ambiguous": 409, "miss": 404, "invalid": 400, "silent": 503}
    return Verdict(status[answer.outcome], answer, answer.message, answer.age)

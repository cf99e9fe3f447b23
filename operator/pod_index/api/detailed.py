"""Responses with details of pods."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain, repeat

from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.responses import CHUNK_BYTES, Body, join_parts
from pod_index.store.detailed_records import Named, with_details
from pod_index.store.details import Details
from pod_index.store.identifiers import Identifier
from pod_index.store.matching import Match

STEP_BYTES = 128 * 1024
"""A step that makes or measures a body ends after so many bytes: about 50 pods, 0.3 ms. A shorter body is kept."""

LONG_DETAILS_BYTES = 4 * 1024
"""Packed details up to this size are rendered at once, longer ones in a step: those of about 40 containers, 0.05 ms."""


class DetailedBody:
    """A body with the records of many pods and their details.

    The details of 5,000 pods are several megabytes of JSON. So a long body only holds what the index has as well, and
    a chunk is made when it is sent.
    """

    def __init__(
        self,
        limiter: ResponseLimiter,
        start: bytes,
        records: Sequence[bytes],
        details: Sequence[Details | None],
        end: bytes,
        suffix: bytes = b"",
        *,
        prefixes: Sequence[bytes] = (),
        containers: Sequence[int | None] = (),
    ) -> None:
        """``prefixes`` and ``suffix`` are around each record. Without prefixes, these are the commas.

        ``containers`` are the matched containers, if there are any.
        """
        self.length = 0
        self._limiter = limiter
        self._start, self._end, self._suffix = start, end, suffix
        # Tuples without containers are not tracked by the garbage collector.
        self._records, self._details = tuple(records), tuple(details)
        self._prefixes, self._containers = tuple(prefixes), tuple(containers)

    async def made(self) -> Body:
        """Return a short body as it is, and a long one measured: its parts are made again when they are sent."""
        parts = iter(self)
        async with self.step():
            start = join_parts(parts, STEP_BYTES)
            if len(start) < STEP_BYTES:
                return tuple(start[at : at + CHUNK_BYTES] for at in range(0, len(start), CHUNK_BYTES))
        self.length = size = len(start)
        del start
        while size >= STEP_BYTES:
            async with self.step():
                size = len(join_parts(parts, STEP_BYTES))
            self.length += size
        return self

    def step(self) -> AbstractAsyncContextManager[None]:
        """Return the context in which a part of the body is made."""
        return self._limiter.step()

    def __iter__(self) -> Iterator[bytes]:
        """Make the parts of the body."""
        yield self._start
        prefixes = self._prefixes or chain((b"",), repeat(b","))
        containers = self._containers or repeat(None)
        # Prefixes and containers may be endless.
        for record, details, prefix, container in zip(self._records, self._details, prefixes, containers, strict=False):
            yield prefix
            yield record if details is None else with_details(record, details, container)
            yield self._suffix
        yield self._end


def named_container(match: Match, identifiers: Sequence[Identifier]) -> Named | None:
    """Return what the identifiers say about the container of a found pod; None if they say nothing.

    The container IDs of all identifiers count, but only the names beside the one that found the pod.
    """
    container_ids = [identifier.value for identifier in identifiers if identifier.kind == "containerID"]
    names = () if match.identifier is None else match.identifier.container_names
    return Named(container_ids, names) if container_ids or names else None


async def detailed_record(match: Match, identifiers: Sequence[Identifier], limiter: ResponseLimiter) -> bytes:
    """Return the record of a found pod with its details."""
    details = match.details
    if details is None:
        return match.record
    named = named_container(match, identifiers)
    if len(details.own) <= LONG_DETAILS_BYTES:
        return with_details(match.record, details, named)
    async with limiter.step():
        return with_details(match.record, details, named)

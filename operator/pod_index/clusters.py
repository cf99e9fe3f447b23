"""The types of lookups in several clusters, without I/O.

``api`` and ``fleet`` share them, since neither imports the other.
"""

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from pod_index.store.identifiers import Identifier

Outcome = Literal["hit", "deleted", "ambiguous", "miss", "invalid", "silent"]
"""The result in one cluster. ``deleted``: a deleted pod. ``ambiguous``: several pods have the identifier. ``invalid``:
the cluster rejects the request. ``silent``: it has not answered, or has not synced yet."""

_WHOLE_CONTAINER_ID = re.compile("[0-9a-f]{64}")


class Answer(NamedTuple):
    """The answer of one cluster."""

    cluster: str
    outcome: Outcome
    record: bytes | msgspec.Raw = b""
    """The encoded record of a found pod, as the cluster sent it."""
    uid: str = ""
    """The UID of this pod."""
    matched_by: str = ""
    """The lookup key that matched."""
    rank: int = 0
    """The position of the identifier that matched; 0 is the most specific one."""
    unique: bool = False
    """Whether no other pod of any cluster has this identifier."""
    age: int | None = None
    """How many seconds ago the cluster's API server confirmed the data."""
    message: str = ""
    """The error message of the cluster if it is ``ambiguous`` or ``invalid``."""

    @property
    def is_certain(self) -> bool:
        """Whether no answer of another cluster can change the result."""
        return self.outcome == "hit" and self.unique and self.rank == 0


class Verdict(NamedTuple):
    """The result of a lookup, from the answers of all clusters."""

    status: int
    """The status of the response: 200, 400, 404, 409 or 503."""
    answer: Answer | None = None
    """The answer that decides; None if those of several clusters do."""
    message: str = ""
    """The error message; empty for 200 and 404."""
    age: int | None = None
    """The age of the oldest data that the result depends on."""
    found: bool = False
    """Whether a cluster has a pod with the identifier, even if the status is not 200."""


class Question(NamedTuple):
    """A lookup in several clusters."""

    query: bytes
    """The query string for other clusters; in a batch the ID. It names no clusters, so that requests cannot loop."""
    identifiers: tuple[Identifier, ...]
    subject: str
    """The identifier as error messages name it."""
    wait_seconds: float = 0.0


class UnknownCluster(ValueError):
    """No cluster has this name."""


class AnswerMemory:
    """Bounds the memory of answers of other clusters. They are held until the client has read the response."""

    def __init__(self, limit: int) -> None:
        self.limit = self.free = limit

    def share(self) -> "MemoryShare":
        """Return an empty share for one request."""
        return MemoryShare(self)


class MemoryShare:
    """The memory that one request holds."""

    def __init__(self, memory: AnswerMemory) -> None:
        self._memory = memory
        self._held = 0
        self._released = False

    def take(self, size: int) -> bool:
        """Reserve ``size`` bytes; return False if the memory is used up."""
        if size > self._memory.free:
            return False
        self._memory.free -= size
        self._held += size
        return True

    def adopt(self, other: "MemoryShare") -> None:
        """Take over the memory of another share, or release it if this share is released already."""
        if self._released:
            other.release()
        else:
            self._held += other._held
            other._held = 0

    def release(self) -> None:
        """Free all bytes."""
        self._memory.free += self._held
        self._held = 0
        self._released = True


AskOwn = Callable[[float], Coroutine[Any, Any, Answer]]
"""Looks up the pod in this cluster; the argument is the longest wait for it, in seconds."""


class Clusters(Protocol):
    """This cluster and the others."""

    own: str
    """The name of this cluster."""
    memory: AnswerMemory

    def select(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the named clusters, or all without a name; raise UnknownCluster."""

    async def look_up(
        self, question: Question, clusters: Sequence[str], ask_own: AskOwn, share: MemoryShare
    ) -> Verdict:
        """Look up a pod in these clusters."""

    async def look_up_many(
        self,
        questions: Sequence[Question],
        query: bytes,
        clusters: Sequence[str],
        own: Sequence[Answer | None],
        share: MemoryShare,
        *,
        asks_others: bool = True,
    ) -> list[Verdict]:
        """Look up many pods, with one request to each other cluster, which has this query string.

        ``own`` are the answers of the own cluster; None if that is not among the clusters. Without ``asks_others``, the
        other clusters are not asked, and count as silent.
        """


class _Head(msgspec.Struct, rename="camel"):
    """The fields of a record that are used here."""

    uid: str
    deleted_at: str | None = None


_head_decoder = msgspec.json.Decoder(_Head)


def found(
    cluster: str,
    identifiers: Sequence[Identifier],
    record: bytes | msgspec.Raw,
    matched_by: str,
    age: int | None,
) -> Answer:
    """Return the answer of a cluster that found a pod; raise msgspec.MsgspecError if this is not a record."""
    head = _head_decoder.decode(record)
    outcome: Outcome = "hit" if head.deleted_at is None else "deleted"
    rank, unique = _rank(identifiers, matched_by, head.uid)
    return Answer(cluster, outcome, record, head.uid, matched_by, rank, unique, age)


def _rank(identifiers: Sequence[Identifier], matched_by: str, uid: str) -> tuple[int, bool]:
    """Return the position of the identifier that found a pod, and whether no other cluster can have another such pod.

    UIDs are unique in time and space: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#uids.
    Whole container IDs are random numbers of 256 bits. Others, such as those of virtual kubelets, may be names.
    """
    distinct = list(dict.fromkeys((identifier.kind, identifier.value) for identifier in identifiers))
    if matched_by == "uid" and ("uid", uid) in distinct:
        return distinct.index(("uid", uid)), True
    kind = "uid" if matched_by == "config.hash" else matched_by
    values = [value for name, value in distinct if name == kind]
    rank = next((number for number, (name, _) in enumerate(distinct) if name == kind), len(distinct))
    whole = matched_by == "containerID" and len(values) == 1 and _WHOLE_CONTAINER_ID.fullmatch(values[0]) is not None
    return rank, whole

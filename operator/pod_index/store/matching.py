"""Match an identifier with the one pod that it names. If several pods are left, none of them is returned."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from pod_index.store.details import Details
from pod_index.store.identifiers import Identifier, is_short_id
from pod_index.store.indexers import (
    FIRST_SYNC,
    bucket_key,
    config_hash_value,
    container_id_value,
    ip_value,
    is_finished,
    name_value,
    named_ids,
    rank_of,
    uid_value,
)


class Match(NamedTuple):
    """The pod that an identifier names."""

    record: bytes
    """The encoded record, with ``deletedAt`` if the pod is deleted."""
    matched_by: str
    """``uid`` or an index name."""
    details: Details | None = None
    """None if the index keeps no details."""
    identifier: Identifier | None = None
    """The identifier that names the pod."""
    deleted: bool = False


class Ambiguity(NamedTuple):
    """Several pods that an identifier may name."""

    pods: int
    """How many are known. It can be one before the first sync."""


class Candidate(Protocol):
    """A pod with the index value of an identifier."""

    @property
    def record(self) -> bytes:
        """The encoded record."""

    @property
    def index_values(self) -> bytes:
        """The packed index values."""

    @property
    def details(self) -> Details | None:
        """The details; None if the index keeps none."""


C = TypeVar("C", bound=Candidate)


_INDEX_VALUE = {
    "uid": config_hash_value,
    "containerID": container_id_value,
    "ip": ip_value,
    "name": name_value,
}


def index_value(identifier: Identifier) -> bytes:
    """Return the index value of an identifier; of a UID the one as a config.hash, as there is no index of UIDs."""
    return _INDEX_VALUE[identifier.kind](identifier.value)


def is_short(identifier: Identifier) -> bool:
    """Return whether an identifier is a short container ID: all containers must be known to say that it names one."""
    return identifier.kind == "containerID" and is_short_id(identifier.value)


def subscribed_values(identifier: Identifier) -> list[bytes]:
    """Return the values whose changes can change what an identifier names, as ``notified_values`` returns them."""
    containers = [container_id_value(container_id) for container_id in identifier.container_ids]
    uids = [uid_value(identifier.value)] if identifier.kind == "uid" else []
    syncs = [FIRST_SYNC] if is_short(identifier) else []
    return [*notified_values([index_value(identifier), *uids, *containers]), *syncs]


def notified_values(values: Iterable[bytes]) -> list[bytes]:
    """Return what a change of index values notifies: all identifiers that find a pod by one of them."""
    return list(map(bucket_key, values))


def resolve(
    identifier: Identifier,
    candidates: Sequence[C],
    pods_of_container: Callable[[str], Sequence[Candidate]],
    *,
    deleted: bool = False,
) -> Match | Ambiguity | None:
    """Return the one of the candidates that the identifier names; they are sorted from the oldest to the newest.

    ``pods_of_container`` returns all pods that have or had a container ID; ``deleted`` says that the candidates are
    deleted pods.

    - A container ID or a name from the same path excludes the other pods. An unknown container ID excludes none.
    - An IP is that of the unfinished pod, then of the pod that started last: a finished pod may still show an IP that
      another pod has. A container ID is that of the unfinished pod.
    - A short container ID names all containers whose IDs begin with it.
    - Among pods with the same name the newest counts: the deletion of the others was missed.
    """
    if identifier.container_ids or identifier.pod_name:
        candidates = _not_excluded(identifier, candidates, pods_of_container)
    if len(candidates) > 1:
        candidates = _preferred(identifier, candidates)
    match candidates:
        case []:
            return None
        case [candidate]:
            matched_by = "config.hash" if identifier.kind == "uid" else identifier.kind
            return Match(candidate.record, matched_by, candidate.details, identifier, deleted)
    return Ambiguity(len(candidates))


def _preferred(identifier: Identifier, candidates: Sequence[C]) -> Sequence[C]:
    if identifier.kind == "ip":
        last = max(rank_of(candidate.index_values) for candidate in candidates)
        candidates = [candidate for candidate in candidates if rank_of(candidate.index_values) == last]
    elif identifier.kind == "containerID":
        unfinished = [candidate for candidate in candidates if not is_finished(candidate.index_values)]
        if not is_short(identifier):
            candidates = unfinished or candidates
        else:
            value = index_value(identifier)
            theirs = {named for pod in unfinished for named in named_ids(pod.index_values, value)}
            candidates = [
                pod
                for pod in candidates
                if not is_finished(pod.index_values) or not named_ids(pod.index_values, value) <= theirs
            ]
    return list({_name_of(candidate): candidate for candidate in candidates}.values())


def _not_excluded(
    identifier: Identifier, candidates: Sequence[C], pods_of_container: Callable[[str], Sequence[Candidate]]
) -> Sequence[C]:
    allowed = [{_name_of(pod) for pod in pods_of_container(container_id)} for container_id in identifier.container_ids]
    if identifier.pod_name:
        namespace, name = identifier.pod_name.encode().split(b"/")
        allowed.append({b'"%b","namespace":"%b"' % (name, namespace)})
    return [candidate for candidate in candidates if all(_name_of(candidate) in names for names in allowed if names)]


def _name_of(candidate: Candidate) -> bytes:
    """Return the name and the namespace in a record, as they are encoded: thousands of pods can have an index value.

    They are not among the index values if the index of names is disabled.
    """
    record = candidate.record
    return record[record.index(b',"name":') + len(b',"name":') : record.index(b',"nodeName":')]

"""The index of pods, by UID and by other keys: a plain object with no I/O, which owns readiness.

Its writers hand it what a stream of one scope (all namespaces, or one) says, in any order, more than once or
late; the rules below keep it right all the same:

- a pod with an older resourceVersion never replaces a newer one, and resourceVersions compare as integers;
- a pod whose deletion was deletion_observed never comes back, since Kubernetes never uses a UID twice: tombstones win;
- a complete listing is the truth about its scope at its resourceVersion: what it did not show, and what is not
  newer than it, is deleted, until something newer shows it again: then it was the listing that was wrong.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from pod_index.pods import Pod, encode_record
from pod_index.store.deleted import DeletedPods
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.identifiers import Identifier
from pod_index.store.indexers import (
    INDEX_NAMES,
    IndexName,
    Indices,
    config_hash_value,
    container_id_value,
    index_values,
    ip_value,
    is_in_namespace,
    name_value,
    node_value,
    rank_of,
    split,
    uid_value,
)
from pod_index.store.subscriptions import Subscriptions

TOMBSTONES = 10_000
"""How many deleted UIDs are remembered; the oldest go first. Only what was on its way while its pod was deleted
can come late, and that is never more than a page or two."""


SLICE = 500
"""How many pods are looked through at once when those of a namespace are listed: up to 0.5 ms."""


class Entry(Struct, gc=False, eq=False):
    """What is kept of a pod: its record, encoded once, its keys, and what decides about the next change to it."""

    uid: str
    record: bytes
    keys: bytes
    """See `keys.index_values`."""
    resource_version: int
    scope: str
    listing: int
    """The number of the last listing that showed the pod; 0 if only events did."""


class StreamState(Struct):
    """The state of one stream."""

    listing: int = 0
    """The number of the listing that is on its way, or was the last; numbers are never used twice."""
    synced: bool = False


class Tombstone(Struct, gc=False):
    """What is kept of a pod that is gone."""

    scope: str
    resource_version: int
    """Of the listing that did not show the pod; meaningless if its deletion was deletion_observed."""
    deletion_observed: bool


class Match(NamedTuple):
    """A pod that was found."""

    record: bytes
    """The encoded record, with ``deletedAt`` if the pod is gone."""
    by: str
    """What found it: ``uid`` or the kind of a key."""
    deleted: bool = False
    """Whether it is gone."""


class PodIndex:
    """Pods by UID and by their keys of ``kinds``, ready to be answered.

    Writers name the scope that they speak for: a namespace, or "" for all of them. Scopes never overlap.

    Pods that are gone are kept for ``retention_seconds``, but at most ``retention_max``; ``now`` is a clock in seconds
    since the epoch.
    """

    def __init__(
        self,
        *,
        index_names: frozenset[IndexName] = INDEX_NAMES,
        retention_seconds: float = 300.0,
        retention_max: int = 10_000,
        tombstones: int = TOMBSTONES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.index_names = index_names
        self._entries: dict[str, Entry] = {}
        self._table: Indices[Entry] = Indices()
        self._deleted = DeletedPods(retention_seconds, retention_max, now)
        self._subscriptions = Subscriptions()
        self._tombstones: dict[str, Tombstone] = {}
        self._tombstones_limit = tombstones
        self._scopes: dict[str, StreamState] = {}
        self._listings = 0
        self.synced = False
        """Whether every scope has had a complete listing. Never withdrawn: stale answers beat none."""

    def __len__(self) -> int:
        return len(self._entries)

    def count_deleted(self) -> int:
        """Return how many pods that are gone are kept."""
        self._deleted.expire()
        return len(self._deleted)

    def lookup(self, uid: str) -> bytes | None:
        """Return the encoded record of the pod with ``uid``, or None if no such pod is known."""
        entry = self._entries.get(uid)
        return None if entry is None else entry.record

    def find(self, identifier: Identifier, *, deleted: bool = False) -> Match | None:
        """Return the pod that the identifier names, or None if no such pod is known.

        With ``deleted`` one that is gone will do, if there is none that lives.
        """
        kind, value = identifier
        if kind == "uid":
            record = self.lookup(value)
            if record is not None:
                return Match(record, kind)
            record = self._deleted.by_uid(value) if deleted else None
            if record is not None:
                return Match(record, kind, deleted=True)
            if value in self._deleted:
                # Annotations are what their writers like; no pod takes the UID of one that was.
                return None
        *_, key = _values_of(identifier)
        by = "config.hash" if kind == "uid" else kind
        found = self._table.find(key)
        if found:
            return Match(max(found, key=_precedence).record, by)
        record = self._deleted.by_key(key) if deleted else None
        return None if record is None else Match(record, by, deleted=True)

    def select(self, *, node: str = "", namespace: str = "") -> Iterator[list[tuple[str, bytes]]]:
        """Yield the UIDs and records of the pods on a node, or in a namespace, or both: in slices, in no order.

        Between the slices the index may change. Every pod that lives from the first to the last is in one of them.
        """
        entries = self._table.find(node_value(node)) if node else list(self._entries.values())
        for start in range(0, len(entries), SLICE):
            yield [
                (entry.uid, entry.record)
                for entry in entries[start : start + SLICE]
                if (not namespace or is_in_namespace(entry.keys, namespace)) and self._entries.get(entry.uid) is entry
            ]

    def subscribe(self, identifiers: Iterable[Identifier], callback: Callable[[], None]) -> Callable[[], None]:
        """Let ``callback`` be called whenever one of these may have come to name a pod; return what ends that.

        It is called in the middle of a change, so it must neither raise nor use the index.
        """
        awaited = [key for identifier in identifiers for key in _values_of(identifier)]
        self._subscriptions.add(awaited, callback)
        return lambda: self._subscriptions.remove(awaited, callback)

    def replace_page(self, page: ListPage) -> None:
        """Take over one page of a listing; the last one deletes what the listing did not show."""
        if page.begins:
            self._begin_listing(page.scope, history_reset=page.history_reset)
        listing = self._scopes[page.scope].listing
        for pod in page.pods:
            self._apply(page.scope, pod, listing)
        if page.complete_at is not None:
            self._complete_listing(page.scope, page.complete_at)

    def update(self, change: Delta) -> None:
        """Take over a created or changed pod, unless a newer state of it is known or it is deleted."""
        self._apply(change.scope, change.pod, None)

    def delete(self, change: Delta) -> None:
        """Remove a deleted pod for good."""
        uid, resource_version = change.pod.metadata.uid, change.pod.metadata.resource_version
        self._apply(change.scope, change.pod, None)  # what it was at last
        self._remove(uid, Tombstone(change.scope, resource_version, deletion_observed=True))

    def _begin_listing(self, scope: str, *, history_reset: bool) -> None:
        self._listings += 1
        self._scopes.setdefault(scope, StreamState()).listing = self._listings
        self.synced = all(known.synced for known in self._scopes.values())
        if history_reset:
            for entry in self._entries.values():
                if entry.scope == scope:
                    entry.resource_version = 0
            self._tombstones = {
                uid: tombstone for uid, tombstone in self._tombstones.items() if tombstone.scope != scope
            }
            self._deleted.discard_scope(scope)

    def _complete_listing(self, scope: str, resource_version: int) -> None:
        state = self._scopes[scope]
        missing = [
            uid
            for uid, entry in self._entries.items()
            if entry.scope == scope and entry.listing != state.listing and entry.resource_version <= resource_version
        ]
        for uid in missing:
            self._remove(uid, Tombstone(scope, resource_version, deletion_observed=False))
        state.synced = True
        self.synced = all(known.synced for known in self._scopes.values())

    def _apply(self, scope: str, pod: Pod, listing: int | None) -> None:
        uid, resource_version = pod.metadata.uid, pod.metadata.resource_version
        tombstone = self._tombstones.get(uid)
        if tombstone is not None:
            newer = listing is not None or resource_version > tombstone.resource_version
            if tombstone.deletion_observed or not newer:
                return
            del self._tombstones[uid]
        entry = self._entries.get(uid)
        if entry is None:
            self._deleted.discard(uid)
            entry = Entry(
                uid, encode_record(pod), index_values(pod, self.index_names), resource_version, scope, listing or 0
            )
            self._entries[uid] = entry
            self._table.add(entry)
            self._notify(entry)
            return
        if listing is not None:
            entry.listing = listing
        if resource_version > entry.resource_version:
            entry.record = encode_record(pod)
            entry.resource_version = resource_version
            keys = index_values(pod, self.index_names)
            if keys != entry.keys:
                self._table.remove(entry)
                entry.keys = keys
                self._table.add(entry)
                self._notify(entry)

    def _notify(self, entry: Entry) -> None:
        if self._subscriptions:
            self._subscriptions.notify([uid_value(entry.uid), *split(entry.keys)])

    def _remove(self, uid: str, tombstone: Tombstone) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            self._table.remove(entry)
            self._deleted.add(uid, entry.record, entry.keys, entry.scope)
        self._tombstones.pop(uid, None)
        self._tombstones[uid] = tombstone
        if len(self._tombstones) > self._tombstones_limit:
            del self._tombstones[next(iter(self._tombstones))]


_KEY_OF = {"containerID": container_id_value, "ip": ip_value, "name": name_value}


def _values_of(identifier: Identifier) -> tuple[bytes, ...]:
    """The keys that an identifier may stand for."""
    kind, value = identifier
    if kind == "uid":
        return (uid_value(value), config_hash_value(value))
    return (_KEY_OF[kind](value),)


def _precedence(entry: Entry) -> tuple[bytes, int]:
    """Of several pods with one key, the one with the greatest is meant."""
    return rank_of(entry.keys), entry.resource_version

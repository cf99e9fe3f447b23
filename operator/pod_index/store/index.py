"""The index of pods: by UID and by index values. A plain object without I/O, which owns readiness.

Each stream of pods covers a namespace scope: one namespace, or "" for all. Its listings and changes can arrive late,
repeatedly or out of order. These rules keep the index correct:

- An older resourceVersion never replaces a newer one. resourceVersions compare as integers.
- A pod whose deletion was observed never comes back, because Kubernetes never reuses a UID.
- A complete listing is the truth about its scope at its resourceVersion. Pods that it does not show are deleted, unless
  they are newer. A later listing or a newer event brings such a pod back: then the listing was wrong.
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
from pod_index.store.tombstones import TOMBSTONES_MAX, Tombstone, Tombstones

SLICE = 500
"""How many pods ``select`` checks without a pause: up to 0.5 ms."""


class Entry(Struct, gc=False, eq=False):
    """A pod in the index."""

    uid: str
    record: bytes
    """The encoded answer to a lookup."""
    index_values: bytes
    """As ``indexers.index_values`` packs them."""
    resource_version: int
    scope: str
    """The namespace scope of the stream."""
    listing: int
    """The number of the last listing that showed the pod. 0 if only events did."""


class StreamState(Struct):
    """The state of a stream."""

    listing: int = 0
    """The number of the current or last listing. Numbers are never reused."""
    synced: bool = False


class Match(NamedTuple):
    """The pod that an identifier names."""

    record: bytes
    """The encoded record, with ``deletedAt`` if the pod is deleted."""
    matched_by: str
    """``uid`` or an index name."""
    deleted: bool = False


class PodIndex:
    """Pods by UID and by the indices in ``index_names``.

    The namespace scopes of the streams must not overlap.

    Deleted pods are kept for ``retention_seconds``, but at most ``retention_max`` of them. ``now`` is a clock that
    returns seconds since the epoch.
    """

    def __init__(
        self,
        *,
        index_names: frozenset[IndexName] = INDEX_NAMES,
        retention_seconds: float = 300.0,
        retention_max: int = 10_000,
        tombstones_max: int = TOMBSTONES_MAX,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.index_names = index_names
        self._entries: dict[str, Entry] = {}
        self._indices: Indices[Entry] = Indices()
        self._deleted = DeletedPods(retention_seconds, retention_max, now)
        self._subscriptions = Subscriptions()
        self._tombstones = Tombstones(tombstones_max)
        self._streams: dict[str, StreamState] = {}
        self._listings = 0
        self.synced = False
        """Whether every stream has completed a listing. An outage or a relist does not reset it."""

    def __len__(self) -> int:
        return len(self._entries)

    def count_deleted(self) -> int:
        """Return the number of deleted pods that are kept."""
        self._deleted.expire()
        return len(self._deleted)

    def lookup(self, uid: str) -> bytes | None:
        """Return the encoded record of the pod with ``uid``, or None if the pod is unknown."""
        entry = self._entries.get(uid)
        return None if entry is None else entry.record

    def find(self, identifier: Identifier, *, deleted: bool = False) -> Match | None:
        """Return the pod that the identifier names, or None. With ``deleted``, falls back to deleted pods."""
        kind, value = identifier[:2]
        if kind == "uid":
            record = self.lookup(value)
            if record is not None:
                return Match(record, kind)
            record = self._deleted.by_uid(value) if deleted else None
            if record is not None:
                return Match(record, kind, deleted=True)
            if value in self._deleted:
                # Anyone who creates pods can set annotations, so a config.hash never replaces the UID of a deleted pod.
                return None
        *_, index_value = _index_values_of(identifier)
        matched_by = "config.hash" if kind == "uid" else kind
        entries = self._indices.find(index_value)
        if entries:
            return Match(max(entries, key=_precedence).record, matched_by)
        record = self._deleted.by_index_value(index_value) if deleted else None
        return None if record is None else Match(record, matched_by, deleted=True)

    def select(self, *, node: str = "", namespace: str = "") -> Iterator[list[tuple[str, bytes]]]:
        """Yield the UIDs and records of the pods on a node, in a namespace, or both. The order is undefined.

        They come in slices, and the index may change between two of them. A pod that exists from the first slice to
        the last is in one of them.
        """
        entries = self._indices.find(node_value(node)) if node else list(self._entries.values())
        for start in range(0, len(entries), SLICE):
            yield [
                (entry.uid, entry.record)
                for entry in entries[start : start + SLICE]
                if (not namespace or is_in_namespace(entry.index_values, namespace))
                and self._entries.get(entry.uid) is entry
            ]

    def subscribe(self, identifiers: Iterable[Identifier], callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when a pod with one of the identifiers is added, or changes its index values.

        The call comes in the middle of an update, so ``callback`` must not raise or use the index. Return a function
        that unsubscribes.
        """
        values = [value for identifier in identifiers for value in _index_values_of(identifier)]
        self._subscriptions.add(values, callback)
        return lambda: self._subscriptions.remove(values, callback)

    def replace_page(self, page: ListPage) -> None:
        """Store a page of a listing. After the last page, delete the pods that the listing did not show."""
        if page.begins:
            self._begin_listing(page.scope, history_reset=page.history_reset)
        listing = self._streams[page.scope].listing
        for pod in page.pods:
            self._store(page.scope, pod, listing)
        if page.complete_at is not None:
            self._complete_listing(page.scope, page.complete_at)

    def update(self, delta: Delta) -> None:
        """Store a created or changed pod, unless it is deleted or a newer version is known."""
        self._store(delta.scope, delta.pod, None)

    def delete(self, delta: Delta) -> None:
        """Delete a pod for good."""
        uid, resource_version = delta.pod.metadata.uid, delta.pod.metadata.resource_version
        self._store(delta.scope, delta.pod, None)  # A DELETED event carries the last state.
        self._remove(uid, Tombstone(delta.scope, resource_version, deletion_observed=True))

    def _begin_listing(self, scope: str, *, history_reset: bool) -> None:
        self._listings += 1
        self._streams.setdefault(scope, StreamState()).listing = self._listings
        self._update_synced()
        if history_reset:
            for entry in self._entries.values():
                if entry.scope == scope:
                    entry.resource_version = 0
            self._tombstones.discard_scope(scope)
            self._deleted.discard_scope(scope)

    def _complete_listing(self, scope: str, resource_version: int) -> None:
        stream = self._streams[scope]
        missing = [
            uid
            for uid, entry in self._entries.items()
            if entry.scope == scope and entry.listing != stream.listing and entry.resource_version <= resource_version
        ]
        for uid in missing:
            self._remove(uid, Tombstone(scope, resource_version, deletion_observed=False))
        stream.synced = True
        self._update_synced()

    def _update_synced(self) -> None:
        self.synced = all(stream.synced for stream in self._streams.values())

    def _store(self, scope: str, pod: Pod, listing: int | None) -> None:
        """Store a pod from a listing, or from an event if ``listing`` is None."""
        uid, resource_version = pod.metadata.uid, pod.metadata.resource_version
        if uid in self._tombstones:
            if self._tombstones[uid].rejects(resource_version, listed=listing is not None):
                return
            del self._tombstones[uid]
        entry = self._entries.get(uid)
        if entry is None:
            self._deleted.discard(uid)
            entry = Entry(
                uid, encode_record(pod), index_values(pod, self.index_names), resource_version, scope, listing or 0
            )
            self._entries[uid] = entry
            self._indices.add(entry)
            self._notify(entry)
            return
        if listing is not None:
            entry.listing = listing
        if resource_version > entry.resource_version:
            entry.record = encode_record(pod)
            entry.resource_version = resource_version
            values = index_values(pod, self.index_names)
            if values != entry.index_values:
                self._indices.remove(entry)
                entry.index_values = values
                self._indices.add(entry)
                self._notify(entry)

    def _notify(self, entry: Entry) -> None:
        if self._subscriptions:
            self._subscriptions.notify([uid_value(entry.uid), *split(entry.index_values)])

    def _remove(self, uid: str, tombstone: Tombstone) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            self._indices.remove(entry)
            self._deleted.add(uid, entry.record, entry.index_values, entry.scope)
        self._tombstones.add(uid, tombstone)


_INDEX_VALUE = {"containerID": container_id_value, "ip": ip_value, "name": name_value}


def _index_values_of(identifier: Identifier) -> tuple[bytes, ...]:
    """Return the index values that a pod with this identifier can have."""
    kind, value = identifier[:2]
    if kind == "uid":
        return (uid_value(value), config_hash_value(value))
    return (_INDEX_VALUE[kind](value),)


def _precedence(entry: Entry) -> tuple[bytes, int]:
    """Return the sort key of pods with the same index value. A lookup finds the greatest one."""
    return rank_of(entry.index_values), entry.resource_version

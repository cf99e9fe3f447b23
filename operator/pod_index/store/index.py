"""The index of pods: by UID and by index values. A plain object without I/O, which owns readiness.

Each stream of pods covers a namespace scope: one namespace, or "" for all. Its listings and changes can arrive late,
repeatedly or out of order. These rules keep the index correct:

- An older resourceVersion never replaces a newer one. resourceVersions compare as integers.
- A pod whose deletion was observed never comes back, because Kubernetes never reuses a UID. With a selector, a pod that
  no longer matches it arrives as deleted, too. It comes back if it matches again, in a newer version.
- A complete listing is the truth about its scope at its resourceVersion. Pods that it does not show are deleted, unless
  they are newer. A later listing or a newer event brings such a pod back: then the listing was wrong.
- A listing is consistent: it shows everything that happened before it began. If a complete listing contradicts what was
  recorded before, the history of the API server was reset: etcd was restored from a backup. Then that is void.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from pod_index.keeping import Keeping
from pod_index.pods import KEEP_DEFAULT, Pod
from pod_index.store.changes import ChangeOrder
from pod_index.store.deleted import DeletedPods
from pod_index.store.deltas import Delta, ListPage, Progress
from pod_index.store.entries import Entry, StreamState
from pod_index.store.indexers import FIRST_SYNC, INDEX_NAMES, IndexName
from pod_index.store.table import SLICE, PodTable, slices
from pod_index.store.tombstones import FINAL, TOMBSTONES_MAX, Tombstone, Tombstones

SCANNED_SLICE = 20 * SLICE
"""How many pods are only looked at without a pause: 1 ms."""

SLICE_BYTES = 1024 * 1024
"""The size of the records that are deleted without a pause. They can replace 1,000 smaller deleted pods: 8 ms."""

CONTRADICTIONS_MAX_BYTES = 10 * 1024 * 1024
"""The memory of the contradictions that are held until a listing is complete: 5,000 pods of 2 KB. Until then it may
turn out that a replica of the API server is behind. With more of them, the history counts as reset at once."""


EVENT = 0
"""Stands for the number of a listing where an event shows a pod."""


class PodIndex(PodTable):
    """Pods by UID and by the indices in ``index_names``.

    The namespace scopes of the streams must not overlap.

    Deleted pods are kept for ``retention_seconds``, but at most ``retention_max`` of them, in
    ``retention_max_bytes``. ``now`` is a clock that returns seconds since the epoch. ``details`` says
    whether details of pods are kept, and ``keeping`` which of their labels and annotations. ``selective`` says whether
    the streams have a selector.
    """

    def __init__(
        self,
        *,
        index_names: frozenset[IndexName] = INDEX_NAMES,
        retention_seconds: float = 300.0,
        retention_max: int = 10_000,
        retention_max_bytes: int = 32 * 1024 * 1024,
        tombstones_max: int = TOMBSTONES_MAX,
        changes: ChangeOrder | None = None,
        now: Callable[[], float] = time.time,
        details: bool = True,
        keeping: Keeping = KEEP_DEFAULT,
        selective: bool = False,
    ) -> None:
        deleted = DeletedPods(retention_seconds, retention_max, retention_max_bytes, now)
        super().__init__(index_names, deleted, changes or ChangeOrder(), details=details, keeping=keeping)
        self._selective = selective
        self._tombstones = Tombstones(tombstones_max)
        self._streams: defaultdict[str, StreamState] = defaultdict(StreamState)
        self._listings = 0
        self._history_id = secrets.token_hex(4)
        self.history_resets = 0
        """How many listings have found that the history of the API server was reset, ``ListPage.history_reset``
        included."""

    def replace_page(self, page: ListPage) -> Iterator[None]:
        """Store a page of a listing. After the last page, delete the pods that the listing did not show.

        Yields None after each slice of the work, so that the event loop can serve requests. The caller must exhaust
        the iterator before it passes on the next item of the stream.
        """
        stream = self._streams[page.scope]
        if page.begins:
            self._begin_listing(stream, page)
        stream.progress.is_mixed |= bool(page.pods) or page.complete_at is not None
        yield from self._store_all(stream, page.pods)
        if stream.contradiction_bytes > CONTRADICTIONS_MAX_BYTES:
            yield from self._reset_history(stream)
        if page.complete_at is not None:
            yield from self._complete_listing(stream, page.complete_at)

    def update(self, delta: Delta) -> None:
        """Store a created or changed pod, unless it is deleted or a newer version is known."""
        stream = self._streams[delta.scope]
        self._store(stream, delta.pod, EVENT)
        stream.progress.advance(delta.pod.metadata.resource_version)

    def delete(self, delta: Delta) -> None:
        """Delete a pod for good, or with a selector until a newer version matches it."""
        uid, resource_version = delta.pod.metadata.uid, delta.pod.metadata.resource_version
        stream = self._streams[delta.scope]
        if self._selective and self._is_newer(stream, uid, resource_version):
            return
        if uid in self._entries:
            self._finished_ips.settle(self._entries[uid].index_values)
        self._store(stream, delta.pod, EVENT)  # A DELETED event carries the last state.
        if uid in self._entries:
            entry = self._entries[uid]
            self._finished_ips.settle(entry.index_values, deleted=entry)
            self._remove(entry, resource_version)
        rejected = resource_version if self._selective else FINAL
        self._tombstones.add(uid, Tombstone(stream.listing, rejected, deletion_observed=True))
        stream.progress.advance(resource_version)

    def _is_newer(self, stream: StreamState, uid: str, resource_version: int) -> bool:
        """Return whether a newer version of the pod, or a later deletion, is known."""
        entry, tombstone = self._entries.get(uid), self._tombstones.get(uid)
        if entry is not None:
            return entry.version > resource_version
        return (
            tombstone is not None
            and tombstone.listing >= stream.history
            and tombstone.resource_version > resource_version
        )

    def advance(self, progress: Progress) -> None:
        """Note that there were no further changes up to a version."""
        self._streams[progress.scope].progress.advance(progress.version)

    @property
    def history(self) -> str:
        """The ID of the history: the same in all processes that have seen no reset, else unique."""
        return f"{self._history_id}-{self.history_resets}" if self.history_resets else ""

    def streams(self, namespace: str = "") -> dict[str, StreamState]:
        """Return the streams by scope that have the pods of a namespace, or of all."""
        scopes = self._streams.keys() & {"", namespace} if namespace else self._streams.keys()
        return {scope: self._streams[scope] for scope in sorted(scopes)}

    def is_mixed(self, namespace: str = "") -> bool:
        """Return whether the pods of a namespace, or all, are between two versions, in the middle of a listing."""
        return any(stream.progress.is_mixed for stream in self.streams(namespace).values())

    def _begin_listing(self, stream: StreamState, page: ListPage) -> None:
        self._listings += 1
        stream.listing = self._listings
        stream.progress.begin()
        stream.release()
        self._update_synced()
        if page.history_reset:
            self._void_history(stream)

    def _void_history(self, stream: StreamState) -> None:
        stream.history = stream.listing
        stream.progress.reset()
        self.history_resets += 1
        self.changes.reset_history()

    def _reset_history(self, stream: StreamState) -> Iterator[None]:
        """Accept what contradicts the history."""
        self._void_history(stream)
        yield from self._store_all(stream, stream.release())

    def _complete_listing(self, stream: StreamState, resource_version: int) -> Iterator[None]:
        if stream.contradictions:
            yield from self._reset_history(stream)
        missing: list[Entry] = []
        listing = stream.listing
        for entries in slices(list(self._entries.values()), SCANNED_SLICE):
            for entry in [entry for entry in entries if entry.listing != listing and entry.stream is stream]:
                if entry.version > resource_version and entry.recorded < listing:
                    self._void_history(stream)
                if entry.version <= resource_version:
                    missing.append(entry)
            yield
        # Adding more deleted pods than are kept would remove the first of them again.
        first_kept = len(missing) - self._deleted.limit
        removed_bytes = 0
        for number, entry in enumerate(missing, 1):
            removed_bytes += len(entry.record)
            self._finished_ips.settle(entry.index_values)
            self._remove(entry, resource_version, keep=number > first_kept)
            self._tombstones.add(entry.uid, Tombstone(stream.listing, resource_version, deletion_observed=False))
            if number % SLICE == 0 or removed_bytes >= SLICE_BYTES:
                removed_bytes = 0
                yield
        stream.synced = True
        stream.progress.complete(resource_version)
        self._update_synced()
        self.changes.wake_followers()

    def _update_synced(self) -> None:
        was_synced, self.synced = self.synced, all(stream.synced for stream in self._streams.values())
        if self.synced and not was_synced:
            self._subscriptions.notify([FIRST_SYNC])

    def _store(self, stream: StreamState, pod: Pod, listing: int) -> None:
        """Store a pod from a listing with a number, or from an event (``EVENT``)."""
        uid, resource_version = pod.metadata.uid, pod.metadata.resource_version
        if uid in self._tombstones:
            tombstone = self._tombstones[uid]
            if tombstone.listing >= stream.history and tombstone.rejects(resource_version, listed=bool(listing)):
                if tombstone.listing < stream.listing and (listing or uid in stream.contradictions):
                    stream.hold(pod)
                return
            del self._tombstones[uid]
        entry = self._entries.get(uid)
        if entry is None:
            self._add(stream, pod, listing)
            return
        # Faster than entry.is_void and entry.version.
        is_void = entry.recorded < stream.history and entry.listing < stream.history
        version = -1 if is_void else entry.resource_version
        if resource_version > version:
            self._change(entry, pod)
            entry.recorded = stream.listing
        elif (
            resource_version < version and entry.recorded < stream.listing and (listing or uid in stream.contradictions)
        ):
            stream.hold(pod)
            return
        if listing:
            entry.listing = listing

    def _store_all(self, stream: StreamState, pods: Sequence[Pod]) -> Iterator[None]:
        listing = stream.listing
        for part in slices(pods, SLICE):
            for pod in part:
                self._store(stream, pod, listing)
            yield

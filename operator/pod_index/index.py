"""The index of pods by UID: a plain object with no I/O, which owns readiness.

Its writers hand it what a stream of one scope (all namespaces, or one) says, in any order, more than once or
late; the rules below keep it right all the same:

- a pod with an older resourceVersion never replaces a newer one, and resourceVersions compare as integers;
- a pod whose deletion was told never comes back, since Kubernetes never uses a UID twice: tombstones win;
- a complete listing is the truth about its scope at its resourceVersion: what it did not show, and what is not
  newer than it, is deleted, until something newer shows it again: then it was the listing that was wrong.
"""

from msgspec import Struct

from pod_index.changes import Change, Page
from pod_index.pods import Pod, encode_record

TOMBSTONES = 10_000
"""How many deleted UIDs are remembered; the oldest go first. Only what was on its way while its pod was deleted
can come late, and that is never more than a page or two."""


class Entry(Struct, gc=False):
    """What is kept of a pod: its record, encoded once, and what decides about the next change to it."""

    record: bytes
    resource_version: int
    scope: str
    listing: int
    """The number of the last listing that showed the pod; 0 if only events did."""


class Scope(Struct):
    """The state of one stream."""

    listing: int = 0
    """The number of the listing that is on its way, or was the last; numbers are never used twice."""
    synced: bool = False


class Tombstone(Struct, gc=False):
    """What is kept of a pod that is gone."""

    scope: str
    resource_version: int
    """Of the listing that did not show the pod; meaningless if its deletion was told."""
    told: bool


class PodIndex:
    """Pods by UID, ready to be answered.

    Writers name the scope that they speak for: a namespace, or "" for all of them. Scopes never overlap.
    """

    def __init__(self, *, tombstones: int = TOMBSTONES) -> None:
        self._entries: dict[str, Entry] = {}
        self._tombstones: dict[str, Tombstone] = {}
        self._tombstones_limit = tombstones
        self._scopes: dict[str, Scope] = {}
        self._listings = 0
        self.synced = False
        """Whether every scope has had a complete listing. Never withdrawn: stale answers beat none."""

    def __len__(self) -> int:
        return len(self._entries)

    def lookup(self, uid: str) -> bytes | None:
        """Return the encoded record of the pod with ``uid``, or None if no such pod is known."""
        entry = self._entries.get(uid)
        return None if entry is None else entry.record

    def apply_page(self, page: Page) -> None:
        """Take over one page of a listing; the last one deletes what the listing did not show."""
        if page.begins:
            self._begin_listing(page.scope, rewound=page.rewound)
        listing = self._scopes[page.scope].listing
        for pod in page.pods:
            self._apply(page.scope, pod, listing)
        if page.complete_at is not None:
            self._complete_listing(page.scope, page.complete_at)

    def apply(self, change: Change) -> None:
        """Take over a created or changed pod, unless a newer state of it is known or it is deleted."""
        self._apply(change.scope, change.pod, None)

    def remove(self, change: Change) -> None:
        """Remove a deleted pod for good."""
        uid, resource_version = change.pod.metadata.uid, change.pod.metadata.resource_version
        self._remove(uid, Tombstone(change.scope, resource_version, told=True))

    def _begin_listing(self, scope: str, *, rewound: bool) -> None:
        self._listings += 1
        self._scopes.setdefault(scope, Scope()).listing = self._listings
        self.synced = all(known.synced for known in self._scopes.values())
        if rewound:
            for entry in self._entries.values():
                if entry.scope == scope:
                    entry.resource_version = 0
            self._tombstones = {
                uid: tombstone for uid, tombstone in self._tombstones.items() if tombstone.scope != scope
            }

    def _complete_listing(self, scope: str, resource_version: int) -> None:
        state = self._scopes[scope]
        missing = [
            uid
            for uid, entry in self._entries.items()
            if entry.scope == scope and entry.listing != state.listing and entry.resource_version <= resource_version
        ]
        for uid in missing:
            self._remove(uid, Tombstone(scope, resource_version, told=False))
        state.synced = True
        self.synced = all(known.synced for known in self._scopes.values())

    def _apply(self, scope: str, pod: Pod, listing: int | None) -> None:
        uid, resource_version = pod.metadata.uid, pod.metadata.resource_version
        tombstone = self._tombstones.get(uid)
        if tombstone is not None:
            newer = listing is not None or resource_version > tombstone.resource_version
            if tombstone.told or not newer:
                return
            del self._tombstones[uid]
        entry = self._entries.get(uid)
        if entry is None:
            self._entries[uid] = Entry(encode_record(pod), resource_version, scope, listing or 0)
            return
        if listing is not None:
            entry.listing = listing
        if resource_version > entry.resource_version:
            entry.record = encode_record(pod)
            entry.resource_version = resource_version

    def _remove(self, uid: str, tombstone: Tombstone) -> None:
        self._entries.pop(uid, None)
        self._tombstones.pop(uid, None)
        self._tombstones[uid] = tombstone
        if len(self._tombstones) > self._tombstones_limit:
            del self._tombstones[next(iter(self._tombstones))]

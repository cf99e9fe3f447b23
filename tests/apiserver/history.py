"""What happened to the pods, in order: the log that watches follow and old snapshots are rebuilt from.

The log is a linked list. A watch holds the change it has sent last and goes on from there, whether its next
change is old or comes an hour later: there is no hand-over from replay to live in which one could be missed or
sent twice. Forgetting old changes only forbids to start there; who is under way keeps what it still needs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from operator import attrgetter

from tests.apiserver.statuses import TooOld
from tests.apiserver.stored import StoredPod


class Change:
    """One write: created (no `before`), modified, deleted (no `after`); neither marks a gap in the log."""

    __slots__ = ("_removed", "after", "before", "next", "version")

    def __init__(self, version: int, before: StoredPod | None = None, after: StoredPod | None = None) -> None:
        self.version = version
        self.before = before
        self.after = after
        self.next: Change | None = None
        self._removed: StoredPod | None = None

    def removed(self) -> StoredPod:
        """The last state before this change, under the change's resourceVersion.

        This is what a DELETED event shows, both for a deletion and for a pod that left a selection
        (k8s.io/apiserver/pkg/storage/cacher, convertToWatchEvent).
        """
        if self._removed is None:
            if self.before is None:
                raise ValueError("nothing was there before")
            self._removed = self.before.at(self.version)
        return self._removed


class History:
    """The last `limit` changes. Not thread-safe for writers: the store's lock guards it."""

    def __init__(self, limit: int, version: int) -> None:
        self._limit = limit
        self._changes: deque[Change] = deque()
        self.last = Change(version)
        self.oldest = version

    def append(self, change: Change) -> None:
        """Add a change, forget the oldest one beyond the limit."""
        self._changes.append(change)
        if len(self._changes) > self._limit:
            self.oldest = self._changes.popleft().version
        # the last step: readers without a lock see a change only when it is complete
        self.last.next = change
        self.last = change

    def clear(self, version: int) -> None:
        """Forget all; resuming is possible from `version` on. Watches under way go on from here."""
        self._changes.clear()
        self.oldest = version
        gap = Change(version)
        self.last.next = gap
        self.last = gap

    def position(self, version: int) -> Change:
        """The change after which a watch from `version` goes on. Raises TooOld if it is forgotten."""
        if version < self.oldest:
            raise TooOld(version, self.oldest)
        index = bisect_right(self._changes, version, key=attrgetter("version"))
        if index:
            return self._changes[index - 1]
        # nothing above the oldest version has been skipped: start before the first change that is kept
        start = Change(self.oldest)
        start.next = self._changes[0] if self._changes else None
        return start if start.next else self.last

    def since(self, version: int) -> Iterator[Change]:
        """The changes above `version`, oldest first."""
        change = self.position(version).next
        while change is not None:
            yield change
            change = change.next

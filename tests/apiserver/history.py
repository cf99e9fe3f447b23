"""The log of changes: watches follow it, and old states are rebuilt from it.

The log is a linked list. A watch holds the last change that it has sent, and goes on from there, whether the next
change exists already or comes an hour later. So there is no switch from replay to live events, at which a change could
be lost or sent twice. When the log forgets old changes, no watch can start there any more, but open watches keep what
they still need.
"""

from bisect import bisect_right
from collections import deque
from operator import attrgetter

from tests.apiserver.statuses import TooOld
from tests.apiserver.stored import StoredPod


class Change:
    """One write: creation (no ``before``), update, or deletion (no ``after``); without both, a gap in the log."""

    __slots__ = ("_deleted_state", "after", "before", "next", "version")

    def __init__(self, version: int, before: StoredPod | None = None, after: StoredPod | None = None) -> None:
        self.version = version
        self.before = before
        self.after = after
        self.next: Change | None = None
        self._deleted_state: StoredPod | None = None

    def deleted_state(self) -> StoredPod:
        """The state before this change, with the change's resourceVersion.

        A ``DELETED`` event shows it, for a deletion and for a pod that left a selection
        (k8s.io/apiserver/pkg/storage/cacher, ``convertToWatchEvent``).
        """
        if self._deleted_state is None:
            assert self.before is not None
            self._deleted_state = self.before.at(self.version)
        return self._deleted_state


class History:
    """The last ``limit`` changes. The lock of the store guards it against concurrent writers."""

    def __init__(self, limit: int, version: int) -> None:
        self._limit = limit
        self._changes: deque[Change] = deque()
        self.last = Change(version)
        self.oldest = version

    def append(self, change: Change) -> None:
        """Add a change, and forget the oldest one beyond the limit."""
        self._changes.append(change)
        if len(self._changes) > self._limit:
            self.oldest = self._changes.popleft().version
        # This comes last: readers have no lock, and see only complete changes.
        self.last.next = change
        self.last = change

    def clear(self, version: int) -> None:
        """Forget all changes; watches can start from ``version`` on. Open watches go on from here."""
        self._changes.clear()
        self.oldest = version
        gap = Change(version)
        self.last.next = gap
        self.last = gap

    def position(self, version: int) -> Change:
        """The change after which a watch from ``version`` goes on. Raises TooOld if it is forgotten."""
        if version < self.oldest:
            raise TooOld(version, self.oldest)
        index = bisect_right(self._changes, version, key=attrgetter("version"))
        if index:
            return self._changes[index - 1]
        if not self._changes:
            return self.last
        start = Change(self.oldest)
        start.next = self._changes[0]
        return start

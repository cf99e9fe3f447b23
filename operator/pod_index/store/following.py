"""Follow the pods of a view: what one stream to a client sends next."""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Literal, NamedTuple

from pod_index.store.changes import ALL, Deletion
from pod_index.store.entries import Entry, StreamState
from pod_index.store.index import PodIndex
from pod_index.store.indexers import is_in_namespace, namespace_value, node_value, node_value_of
from pod_index.store.resume import ResumeToken, current_token
from pod_index.store.seen import FewSeen, ManySeen, Seen

SCANNED_MAX = 2_048
"""How many pods are looked at in one step: 0.4 ms."""

UIDS_MAX = 128
"""How many UIDs of changed pods are noted for the stream of a node. A node has up to 110 pods, but deleted ones count
too while a client does not read."""

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Event(NamedTuple):
    """What a stream sends of a pod."""

    type: EventType
    object: bytes
    """The encoded object."""


class Bookmark(NamedTuple):
    """Where a stream is."""

    token: str | None
    """The token of what the client has; None if that is not the view at one version."""
    initial_events_end: bool
    """Whether the initial state is complete now."""


class View(NamedTuple):
    """Which pods are followed: those of a node, of a namespace, of both, or all."""

    node: str = ""
    namespace: str = ""


class StreamEnd(Exception):
    """The stream cannot go on."""


class LaggingStream(StreamEnd):
    """Deletions that the client has not been sent are not known any longer, since it reads too slowly."""


class HistoryReset(StreamEnd):
    """The history of the API server was reset: etcd was restored from a backup."""


class Follower:
    """A view of the index, and what a client has of it.

    With a ``token``, the client has the view at that version; otherwise nothing. ``wake`` is called when there may be
    more to send. It must not raise or use the index. Raises Expired if the token is of no use.

    Deletions are sent before changes. While the pods are listed again, nothing is sent but the initial state: a listing
    shows a new pod before the end that deletes the one whose name or IP it has taken.
    """

    def __init__(self, index: PodIndex, view: View, token: ResumeToken | None, wake: Callable[[], None]) -> None:
        self._index = index
        self._changes = index.changes
        self._node, self._namespace = view
        self._token = token
        self._wake = wake
        self.waiting = token is not None and not token.is_reached(index, self._namespace)
        """Whether the index has not reached the version of the token yet."""
        self.settled = False
        """Whether there is nothing to send at present."""
        self._initial = token is None
        """Whether the initial state has not been sent yet."""
        self._caught_up = False
        """Whether the client has all changes."""
        self._held_token = token
        """The token of what the client has."""
        self._resets = index.history_resets
        self._seen: Seen = FewSeen() if self._node else ManySeen()
        self._changed = True
        """Whether there has been a change in the view since the last one that was sent."""
        self._start()
        if self._node:
            self._key = node_value(self._node)
        else:
            self._key = namespace_value(self._namespace) if self._namespace else ALL
        self._changes.followers.subscribe([self._key], self._on_change)

    def close(self) -> None:
        """Stop following."""
        self._changes.followers.unsubscribe([self._key], self._on_change)

    @property
    def backlog(self) -> int:
        """How many changes the client has not been sent, those of other views included."""
        return self._changes.head - min(self._position, self._deleted_position) if self._changed else 0

    def pull(self, size: int) -> list[Event]:
        """Return what is to be sent next, up to about this size in bytes.

        The list is empty if nothing has changed, or if too many pods of other views have been checked. Raise Expired,
        LaggingStream or HistoryReset if the stream cannot go on.
        """
        self.settled = True
        if self._index.history_resets != self._resets:
            raise HistoryReset("the history of the API server was reset")
        if self.waiting:
            if self._token is None or not self._token.is_reached(self._index, self._namespace):
                return []
            self.waiting = False
            self._start()
        if self._is_paused():
            return []
        if not self._changed:
            self._position = self._deleted_position = self._changes.head
        if self._deleted_position < self._changes.lost:
            raise LaggingStream("the stream was read too slowly")
        events: list[Event] = []
        for event in self._next_events() if self._changed else ():
            if event is not None:
                events.append(event)
                size -= len(event.object)
            if event is None or size <= 0:
                self.settled = False
                break
        self._caught_up = self.settled
        self._changed = not self.settled
        if events:
            self._held_token = None
        return events

    def bookmark(self) -> Bookmark:
        """Return where the stream is, when it is settled."""
        if self._caught_up and not self._is_paused():
            token = current_token(self._index, self._node, self._namespace)
            self._held_token = token or self._held_token
        initial_events_end = self._initial and self._caught_up
        if initial_events_end:
            self._initial = False
        return Bookmark(self._held_token.encode() if self._held_token else None, initial_events_end)

    def _start(self) -> None:
        self._started_at = self._changes.head
        self._sent_before: dict[StreamState, int] = {}
        """The versions up to which the client had all changes when it started."""
        self._position = 0
        """Up to where changes of pods have been sent."""
        self._changed_uids: set[str] | None = None
        """The pods of the node that have changed since all were sent. None: look at all of its pods, since not all have
        been sent yet, or many have changed."""
        self._deleted_position = self._started_at
        """Up to where deletions have been sent."""
        if self._token is not None:
            streams = self._index.streams(self._namespace)
            self._sent_before = {stream: self._token.scopes[scope].version for scope, stream in streams.items()}
            self._deleted_position = self._changes.lost  # The token is newer than those.

    def _on_change(self, uid: str) -> None:
        if uid and not self._changed:
            # All changes before this one were in other views.
            self._position = self._deleted_position = self._changes.head - 1
            self._changed = True
        if uid and self._changed_uids is not None:
            self._changed_uids.add(uid)
            if len(self._changed_uids) > UIDS_MAX:
                self._changed_uids = None
        self._wake()

    def _is_paused(self) -> bool:
        return not self._initial and self._index.is_mixed(self._namespace)

    def _next_events(self) -> Iterator[Event | None]:
        """Yield the deletions, then the changes; None when enough pods have been looked at for one step."""
        scanned = 0
        for deletions, position in self._unread_deletions():
            for deletion in deletions:
                self._deleted_position = deletion.position
                if self._loses(deletion):
                    self._seen.discard(deletion.slot)
                    if self._is_new(deletion.stream, deletion.version, deletion.position):
                        yield Event("DELETED", deletion.object)
            self._deleted_position = position
            scanned += len(deletions)
            if scanned >= SCANNED_MAX:
                yield None
        for entries, position in self._unread_entries():
            for entry in entries:
                self._position = entry.position
                if self._has(entry) and self._is_new(entry.stream, entry.resource_version, entry.position):
                    yield Event("ADDED" if self._seen.add(entry.slot) else "MODIFIED", record_of(entry))
            self._position = position
            scanned += len(entries)
            if scanned >= SCANNED_MAX:
                yield None
        self._position = self._deleted_position = self._changes.head
        self._changed_uids = set() if self._node else None

    def _unread_deletions(self) -> Iterator[tuple[list[Deletion], int]]:
        """Yield the next deletions, and the position up to which they are all."""
        while (part := self._changes.deletions.read(self._deleted_position))[0]:
            yield part

    def _unread_entries(self) -> Iterator[tuple[list[Entry], int]]:
        """Yield the next changed pods, in the order of the changes, and the position up to which they are all."""
        if self._node:
            uids = self._changed_uids
            entries = self._index.on_node(self._node) if uids is None else self._index.entries(uids)
            entries = [entry for entry in entries if entry.position > self._position]
            entries.sort(key=attrgetter("position"))
            yield entries, self._changes.head
            return
        while (part := self._changes.entries.read(self._position))[0]:
            yield part

    def _has(self, entry: Entry) -> bool:
        """Return whether the view has a pod."""
        if self._node and node_value_of(entry.index_values) != self._key:
            return False
        return not self._namespace or is_in_namespace(entry.index_values, self._namespace)

    def _loses(self, deletion: Deletion) -> bool:
        """Return whether the view had the pod, and has it no longer."""
        if self._namespace and deletion.namespace != namespace_value(self._namespace):
            return False
        return deletion.node == self._key if self._node else not deletion.has_left

    def _is_new(self, stream: StreamState, version: int, position: int) -> bool:
        """Return whether the client does not have this change already."""
        return position > self._started_at or version > self._sent_before.get(stream, -1)


def record_of(entry: Entry) -> bytes:
    """Return the object that streams send of a pod."""
    return entry.record

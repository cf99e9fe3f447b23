"""Follow the pods of a view: what one stream to a client sends next."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from pod_index.store.change_log import READ
from pod_index.store.changes import Deletion, Overlay
from pod_index.store.detailed_records import with_details
from pod_index.store.entries import Entry, StreamState
from pod_index.store.index import PodIndex
from pod_index.store.resume import ResumeToken, current_token
from pod_index.store.seen import Seen
from pod_index.store.views import View

SCANNED_MAX = 2_048
"""How many pods are looked at in one step: 0.4 ms."""

PODS_MAX = 1_024
"""The streams of a node or a workload that had so many pods at their start know which of them have changed. Others
read the order of all changes."""

UIDS_MAX = 128
"""How many UIDs of changed pods are noted for a stream. A node has up to 110 pods, but deleted ones count too while a
client does not read."""

LARGE_BYTES = 32 * 1024
"""The caller decides when larger objects are sent: they stay in memory until the client has read them."""

DETAILS_FACTOR = 4
"""How much larger than their packed form details can be."""

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Event(NamedTuple):
    """A change of a pod, as a stream sends it."""

    type: EventType
    object: bytes
    """The encoded object."""


class Bookmark(NamedTuple):
    """The state of a stream."""

    token: str | None
    """The resume token; None if the client is between two versions."""
    initial_events_end: bool
    """Whether the initial state is complete now."""


class LaggingStream(Exception):
    """The client reads so slowly that deletions were discarded before they were sent."""


class HistoryReset(Exception):
    """The history of the API server was reset: etcd was restored from a backup."""


class Follower:
    """Follows a view of the index for one client.

    With a ``token``, the client has the view at that version; otherwise nothing. ``wake`` is called when there may be
    more to send. It must not raise or use the index. Raises Expired if the stream cannot be resumed with the token.

    Deletions are sent before changes. While the pods are listed again, nothing is sent but the initial state: a listing
    shows a new pod before the end that deletes the one whose name or IP it has taken.
    """

    def __init__(self, index: PodIndex, view: View, token: ResumeToken | None, wake: Callable[[], None]) -> None:
        self._index = index
        self._changes = index.changes
        self._view = view
        self._overlay: Overlay | None = None
        """The changes that are sent besides those of records."""
        if view.details:
            self._overlay = self._changes.details
        elif view.workload:
            self._overlay = self._changes.workloads
        self._token = token
        self._wake = wake
        self.waiting = token is not None and not token.is_reached(index, self._view.namespace)
        """Whether the index has not reached the version of the token yet."""
        self.settled = False
        """Whether there is nothing to send at present."""
        self._initial = token is None
        """Whether the initial state has not been sent yet."""
        self.has_large = False
        """Whether the next object is a large one, which was not sent."""
        self._caught_up = False
        """Whether the client has all changes."""
        self._held_token = token
        """The token of the last version that the client had, while it has no later changes."""
        self._resets = index.history_resets
        self._seen = Seen()
        self._changed = True
        """Whether there has been a change in the view since the last one that was sent."""
        self._start()
        self._changes.followers.subscribe([view.value], self._on_change)
        if self._overlay is not None:
            self._overlay.followers.subscribe([view.value], self._on_change)

    def close(self) -> None:
        """Stop following."""
        self._changes.followers.unsubscribe([self._view.value], self._on_change)
        if self._overlay is not None:
            self._overlay.unsubscribe(self._view.value, self._on_change)

    @property
    def backlog(self) -> int:
        """The number of changes that were not sent yet, those of other views included."""
        return self._changes.head - min(self._position, self._deleted_position) if self._changed else 0

    def pull(self, size: int, *, large: bool = True) -> list[Event]:
        """Return the next events, up to about this size in bytes; without ``large``, no large objects.

        The list is empty if nothing has changed, or if a step has only found pods of other views. Raise Expired,
        LaggingStream or HistoryReset if the stream cannot go on.
        """
        self.settled, self.has_large = True, False
        if self._index.history_resets != self._resets:
            raise HistoryReset("the history of the API server was reset")
        if self.waiting:
            if self._token is None or not self._token.is_reached(self._index, self._view.namespace):
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
        for event in self._next_events(large=large) if self._changed else ():
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
        """Return the state of the stream, when it is settled."""
        if self._caught_up and not self._is_paused():
            token = current_token(self._index, self._view)
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
        self._is_narrow = self._index.few_in(self._view, PODS_MAX) is not None
        """Whether the pods that have changed are noted."""
        self._finds_pods = self._is_narrow
        """Whether the stream is still sending all pods of a narrow view."""
        self._changed_uids: set[str] | None = None
        """The pods that have changed since all were sent; None if they are not noted, or were too many."""
        self._deleted_position = self._started_at
        """Up to where deletions have been sent."""
        if self._token is not None:
            streams = self._index.streams(self._view.namespace)
            self._sent_before = {stream: self._token.scopes[scope].version for scope, stream in streams.items()}
            # The token is newer than these.
            self._deleted_position = max(self._changes.lost, self._changes.void)

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
        return not self._initial and self._index.is_mixed(self._view.namespace)

    def _next_events(self, *, large: bool) -> Iterator[Event | None]:
        """Yield the deletions, then the changes; None to end the step."""
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
                latest = self._latest(entry)
                is_sent = self._view.has(entry.index_values) and self._is_new(
                    entry.stream, entry.resource_version, latest
                )
                if is_sent and not large and self._is_large(entry):
                    self.has_large = True
                    yield None
                self._position = latest
                if is_sent:
                    yield Event("ADDED" if self._seen.add(entry.slot) else "MODIFIED", self._object_of(entry))
            self._position = position
            scanned += max(len(entries), READ)
            if scanned >= SCANNED_MAX:
                yield None
        self._position = self._deleted_position = self._changes.head
        self._finds_pods = False
        self._changed_uids = set() if self._is_narrow else None

    def _unread_deletions(self) -> Iterator[tuple[list[Deletion], int]]:
        """Yield the next deletions, and the position up to which they are all."""
        while (part := self._changes.deletions.read(self._deleted_position))[0]:
            yield part

    def _unread_entries(self) -> Iterator[tuple[list[Entry], int]]:
        """Yield the next changed pods, in the order of the changes, and the position up to which they are all."""
        found: list[Entry] | None = None
        if self._changed_uids is not None:
            found = self._index.entries(self._changed_uids)
        elif self._finds_pods:
            found = self._index.few_in(self._view, PODS_MAX)
        if found is None:
            yield from self._changes.read(self._position, self._overlay)
            return
        changed = [entry for entry in found if self._latest(entry) > self._position]
        if changed:
            yield sorted(changed, key=self._latest), self._changes.head

    def _latest(self, entry: Entry) -> int:
        """Return the position of the last change that is sent."""
        return entry.position if self._overlay is None else self._overlay.latest(entry)

    def _loses(self, deletion: Deletion) -> bool:
        """Return whether the pod has left the view."""
        if not self._view.has(deletion.index_values):
            return False
        if not deletion.has_left:
            return True
        if not (self._view.node or self._view.workload):
            return False
        # It can have returned since.
        return not any(
            entry.slot == deletion.slot and self._view.has(entry.index_values)
            for entry in self._index.entries([deletion.uid])
        )

    def _is_large(self, entry: Entry) -> bool:
        size = len(entry.record)
        if self._view.details and entry.details is not None:
            size += DETAILS_FACTOR * (len(entry.details.own) + len(entry.details.shared.encoded))
        return size > LARGE_BYTES

    def _object_of(self, entry: Entry) -> bytes:
        """Return the object that the stream sends of a pod."""
        if self._view.details and entry.details is not None:
            return with_details(entry.record, entry.details)
        return entry.record

    def _is_new(self, stream: StreamState, version: int, position: int) -> bool:
        """Return whether the change is new to the client."""
        return position > self._started_at or version > self._sent_before.get(stream, -1)

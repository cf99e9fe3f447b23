"""The order of all changes, which all streams to clients share.

Each change gives its pod the next position. A stream to a client is a position in this order, as in Calico's Typha
(https://github.com/projectcalico/calico/tree/master/typha): a stream that reads on from its position finds each pod
that has changed since, once, in its latest state. So no queue exists, and nothing is copied for a client.
"""

from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from pod_index.store.change_log import ChangeLog
from pod_index.store.details import Details
from pod_index.store.entries import Entry, StreamState
from pod_index.store.indexers import namespace_value_of, node_value_of, workload_value_of
from pod_index.store.subscriptions import Subscriptions
from pod_index.store.views import ALL

CHUNK = 1_024
"""How many items a chunk of the order has at most. One step works on one chunk: 0.1 ms."""

DELETIONS_MAX = 16_384
"""How many deletions are kept for streams: at 10 deletions a second those of half an hour."""

DELETIONS_MAX_BYTES = 8 * 1024 * 1024
"""The memory of these deletions. Most take 450 bytes."""

DELETION_OVERHEAD_BYTES = 320
"""What a deletion takes besides its encoded object and its index values."""


class DeletedObject(Struct, rename="camel"):
    """A deleted pod, as a stream sends it."""

    uid: str
    name: str
    namespace: str
    node_name: str


_decode_deleted = msgspec.json.Decoder(DeletedObject).decode
_encode_deleted = msgspec.json.Encoder().encode


class Deletion(Struct, gc=False, eq=False):
    """A pod that was deleted, or has left a node or a workload."""

    uid: str
    object: bytes
    """As a stream sends it."""
    index_values: bytes
    """Its packed index values before."""
    stream: StreamState
    version: int
    slot: int
    has_left: bool
    """Whether the pod exists and has only left the node or the workload."""
    position: int = 0


class Overlay(ChangeLog[Entry]):
    """Changes of a part of pods that only some streams send: details or workloads.

    It has the pods of which this part has changed after the record. Without such streams it is empty, since a stream
    begins with the present state of the pods.
    """

    def __init__(self, chunk_size: int, attribute: str) -> None:
        super().__init__(chunk_size, attribute)
        self.followers: Subscriptions[[str]] = Subscriptions()
        """The callbacks of these streams, as in ``ChangeOrder.followers``."""

    def unsubscribe(self, value: bytes, callback: Callable[[str], None]) -> None:
        """Stop the calls of ``callback``."""
        self.followers.unsubscribe([value], callback)
        if not self.followers:
            self.clear()

    def latest(self, entry: Entry) -> int:
        """Return the position of the last change of a pod."""
        return self.position_of(entry) or entry.position


class ChangeOrder:
    """The changes of pods, and their deletions, in one order.

    A deletion is kept until there are too many. Slots are small numbers of pods, so that a stream needs one bit to
    know whether it has sent a pod.
    """

    def __init__(
        self,
        deletions_max: int = DELETIONS_MAX,
        deletions_max_bytes: int = DELETIONS_MAX_BYTES,
        chunk_size: int = CHUNK,
    ) -> None:
        self.entries: ChangeLog[Entry] = ChangeLog(chunk_size)
        """The pods by the last change of their record."""
        self.details = Overlay(chunk_size, "details_position")
        self.workloads = Overlay(chunk_size, "workload_position")
        self._logs = (self.entries, self.details, self.workloads)
        self.deletions: ChangeLog[Deletion] = ChangeLog(chunk_size)
        self.head = 0
        """The position of the last change."""
        self.lost = 0
        """The position of the last deletion that is not kept any longer."""
        self.void = 0
        """The position up to which deletions are of a history that was reset."""
        self.followers: Subscriptions[[str]] = Subscriptions()
        """The callbacks of streams by ALL, namespace, node and workload. They get the UID of the pod."""
        self.slots = 0
        """How many slots there are."""
        self._free_slots: list[int] = []
        self._deletions_max = deletions_max
        self._deletions_max_bytes = deletions_max_bytes
        self._deletions = 0
        self._deletion_bytes = 0

    def add(self, entry: Entry) -> None:
        """Note a new pod."""
        if self._free_slots:
            entry.slot = self._free_slots.pop()
        else:
            entry.slot = self.slots
            self.slots += 1
        self.head += 1
        self.entries.append(entry, self.head)
        self._notify([self.followers], entry.uid, entry.index_values)

    def change(self, entry: Entry, record: bytes, index_values: bytes, details: Details | None) -> None:
        """Note a changed pod. The other arguments are its previous state.

        A change of what no stream sends is ignored. Only the streams that send what has changed are notified.
        """
        left_node = workload_changed = False
        if index_values is not entry.index_values:
            left_node = node_value_of(index_values) not in (b"", node_value_of(entry.index_values))
            workload_changed = workload_value_of(index_values) != workload_value_of(entry.index_values)
        logs: list[ChangeLog[Entry]] = []
        followers = []
        if record != entry.record:
            logs, followers = [self.entries], [self.followers]
        else:
            for overlay, changed in ((self.details, details is not entry.details), (self.workloads, workload_changed)):
                if changed and overlay.followers:
                    logs.append(overlay)
                    followers.append(overlay.followers)
        if left_node or workload_changed:
            self._add_deletion(_deletion(entry, record, index_values, entry.resource_version, has_left=True))
            self._notify(followers, entry.uid, index_values)
        if not logs:
            return
        self.head += 1
        for log in self._logs if record != entry.record else logs:
            log.discard(entry)
        for log in logs:
            log.append(entry, self.head)
        self._notify(followers, entry.uid, entry.index_values)

    def remove(self, entry: Entry, version: int) -> None:
        """Note the deletion of a pod at a version."""
        for log in self._logs:
            log.discard(entry)
        self._free_slots.append(entry.slot)
        self._add_deletion(_deletion(entry, entry.record, entry.index_values, version, has_left=False))
        self._notify([self.followers], entry.uid, entry.index_values)

    def read(self, after: int, overlay: Overlay | None) -> Iterator[tuple[list[Entry], int]]:
        """Yield the pods that have changed after a position, and the position up to which they are all.

        A pod in the overlay is yielded at that place only.
        """
        while True:
            entries, position = self.entries.read(after)
            others: list[Entry] = []
            if overlay is not None:
                others, others_position = overlay.read(after)
                if others and (not entries or others_position < position):
                    position = others_position
            if not (entries or others):
                return
            if overlay is not None:
                changed = (entry for entry in (*entries, *others) if overlay.latest(entry) <= position)
                entries = sorted(dict.fromkeys(changed), key=overlay.latest)
            yield entries, position
            after = position

    def knows_deletion(self, uid: str) -> bool:
        """Return whether the deletion of a pod is kept."""
        items, position = self.deletions.read(0)
        while items:
            if any(deletion.uid == uid and not deletion.has_left for deletion in items):
                return True
            items, position = self.deletions.read(position)
        return False

    def reset_history(self) -> None:
        """Note that what was recorded before is void; this ends all streams."""
        self.void = self.head
        self.wake_followers()

    def wake_followers(self) -> None:
        """Call the callbacks of all followers, without a UID."""
        self.followers.notify(list(self.followers), "")

    def _notify(self, followers: list[Subscriptions[[str]]], uid: str, index_values: bytes) -> None:
        if any(followers):
            values = [ALL, namespace_value_of(index_values)]
            values += filter(None, (node_value_of(index_values), workload_value_of(index_values)))
            for subscriptions in followers:
                subscriptions.notify(values, uid)

    def _add_deletion(self, deletion: Deletion) -> None:
        self.head += 1
        self.deletions.append(deletion, self.head)
        self._deletions += 1
        self._deletion_bytes += _size(deletion)
        while self._deletions > self._deletions_max or self._deletion_bytes > self._deletions_max_bytes:
            self._evict()

    def _evict(self) -> None:
        """Forget the oldest deletions: resuming needs a version that is not older."""
        for deletion in self.deletions.pop_first_chunk():
            self._deletions -= 1
            self._deletion_bytes -= _size(deletion)
            self.lost = deletion.position
            progress = deletion.stream.progress
            progress.floor = max(progress.floor, deletion.version)


def _deletion(entry: Entry, record: bytes, index_values: bytes, version: int, *, has_left: bool) -> Deletion:
    return Deletion(
        entry.uid,
        _encode_deleted(_decode_deleted(record)),
        index_values,
        entry.stream,
        version,
        entry.slot,
        has_left,
    )


def _size(deletion: Deletion) -> int:
    return DELETION_OVERHEAD_BYTES + len(deletion.object) + len(deletion.index_values)

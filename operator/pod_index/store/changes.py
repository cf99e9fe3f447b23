"""The order of all changes, which all streams to clients share.

Each change gives its pod the next position. A stream to a client is a position in this order, as in Calico's Typha
(https://github.com/projectcalico/calico/tree/master/typha): a stream that reads on from its position finds each pod
that has changed since, once, in its latest state. So no queue exists, and nothing is copied for a client.
"""

from array import array
from bisect import bisect_left, bisect_right
from itertools import compress
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from pod_index.store.entries import Entry, StreamState
from pod_index.store.indexers import namespace_value_of, node_value_of
from pod_index.store.subscriptions import Subscriptions

CHUNK = 1_024
"""How many items a chunk of the order has at most. One step works on one chunk: 0.1 ms."""

READ = 64
"""How many items are read in a step."""

DELETIONS_MAX = 16_384
"""How many deletions are kept for streams: at 10 deletions a second those of half an hour."""

DELETIONS_MAX_BYTES = 8 * 1024 * 1024
"""The memory of these deletions. Most take 450 bytes."""

DELETION_OVERHEAD_BYTES = 320
"""What a deletion takes besides its encoded object."""

ALL = b""
"""The value that all followers of all pods subscribe to."""


class DeletedObject(Struct, rename="camel"):
    """What a stream sends of a deleted pod."""

    uid: str
    name: str
    namespace: str
    node_name: str


_decode_deleted = msgspec.json.Decoder(DeletedObject).decode
_encode_deleted = msgspec.json.Encoder().encode


class Deletion(Struct, gc=False, eq=False):
    """A pod that was deleted, or has left a node."""

    uid: str
    object: bytes
    """As a stream sends it."""
    namespace: bytes
    """The index value of the namespace."""
    node: bytes
    """The index value of the node; b"" without a node."""
    stream: StreamState
    version: int
    slot: int
    has_left: bool
    """Whether the pod exists and has only left the node."""
    position: int = 0


class Positioned(Protocol):
    """An item of a ``ChangeLog``."""

    position: int


P = TypeVar("P", bound=Positioned)


class _Chunk(Generic[P]):
    __slots__ = ("gone", "items", "positions")

    def __init__(self) -> None:
        self.positions = array("q")
        self.items: list[P | None] = []
        self.gone = 0
        """The number of items that are None: they were discarded."""


class ChangeLog(Generic[P]):
    """Items by position. A chunk is compacted when most of its items are gone, so the size follows that of the rest."""

    def __init__(self, chunk_size: int) -> None:
        self._chunk_size = chunk_size
        self._chunks: list[_Chunk[P]] = []
        self._starts: list[int] = []
        """Where the positions of each chunk begin."""

    def __len__(self) -> int:
        return sum(len(chunk.items) - chunk.gone for chunk in self._chunks)

    def slots(self) -> int:
        """Return how many items the chunks hold, including those that are gone."""
        return sum(len(chunk.items) for chunk in self._chunks)

    def append(self, item: P, position: int) -> None:
        """Add an item at a position after all others."""
        item.position = position
        if not self._chunks or len(self._chunks[-1].items) >= self._chunk_size:
            if self._chunks and self._is_sparse(self._chunks[-1]):
                self._compact(len(self._chunks) - 1)
            self._chunks.append(_Chunk())
            self._starts.append(position)
        chunk = self._chunks[-1]
        chunk.positions.append(position)
        chunk.items.append(item)

    def discard(self, item: P) -> None:
        """Remove an item."""
        at = bisect_right(self._starts, item.position) - 1
        chunk = self._chunks[at]
        chunk.items[bisect_left(chunk.positions, item.position)] = None
        chunk.gone += 1
        if self._is_sparse(chunk) and (at < len(self._chunks) - 1 or len(chunk.items) >= self._chunk_size):
            self._compact(at)

    def read(self, after: int) -> tuple[list[P], int]:
        """Return the next items after a position, READ of them at most, and the position up to which they were read.

        No items: there are no more.
        """
        at = max(bisect_right(self._starts, after) - 1, 0)
        while at < len(self._chunks):
            chunk = self._chunks[at]
            begin = bisect_right(chunk.positions, after)
            if begin < len(chunk.items):
                after = chunk.positions[min(begin + READ, len(chunk.items)) - 1]
                items = [item for item in chunk.items[begin : begin + READ] if item is not None]
                if items:
                    return items, after
            else:
                at += 1
        return [], after

    def pop_first_chunk(self) -> list[P]:
        """Remove the items of the first chunk."""
        del self._starts[0]
        return [item for item in self._chunks.pop(0).items if item is not None]

    def _is_sparse(self, chunk: _Chunk[P]) -> bool:
        return 2 * chunk.gone > len(chunk.items)

    def _compact(self, at: int) -> None:
        """Drop what is gone from a chunk, and join it with a neighbor if both together fill half a chunk at most."""
        chunk = self._chunks[at]
        kept = [item is not None for item in chunk.items]
        # In place, as a new list would not be frozen, and garbage collections would look at all entries.
        chunk.items[:] = compress(chunk.items, kept)
        chunk.positions[:] = array("q", compress(chunk.positions, kept))
        chunk.gone = 0
        if not chunk.items:
            del self._chunks[at], self._starts[at]
            return
        for first in (at - 1, at):
            if 0 <= first < len(self._chunks) - 2 and self._fit(first):
                second = self._chunks.pop(first + 1)
                del self._starts[first + 1]
                self._chunks[first].items += second.items
                self._chunks[first].positions += second.positions
                self._chunks[first].gone += second.gone
                return

    def _fit(self, first: int) -> bool:
        return len(self._chunks[first].items) + len(self._chunks[first + 1].items) <= self._chunk_size // 2


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
        self.deletions: ChangeLog[Deletion] = ChangeLog(chunk_size)
        self.head = 0
        """The position of the last change."""
        self.lost = 0
        """The position of the last deletion that is not kept any longer."""
        self.followers: Subscriptions[[str]] = Subscriptions()
        """The callbacks of streams by ALL, namespace and node. They get the UID of the pod."""
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
        self._notify(entry.uid, entry.index_values)

    def change(self, entry: Entry, record: bytes, index_values: bytes) -> None:
        """Note a changed pod, which had this record and these index values before.

        What no stream sends, such as the ID of a container, is no change.
        """
        if record == entry.record:
            return
        node = node_value_of(index_values)
        if node and node != node_value_of(entry.index_values):
            self._add_deletion(_deletion(entry, record, index_values, entry.resource_version, has_left=True))
            self._notify(entry.uid, index_values)
        self.head += 1
        self.entries.discard(entry)
        self.entries.append(entry, self.head)
        self._notify(entry.uid, entry.index_values)

    def remove(self, entry: Entry, version: int) -> None:
        """Note the deletion of a pod at a version."""
        self.entries.discard(entry)
        self._free_slots.append(entry.slot)
        self._add_deletion(_deletion(entry, entry.record, entry.index_values, version, has_left=False))
        self._notify(entry.uid, entry.index_values)

    def knows_deletion(self, uid: str) -> bool:
        """Return whether the deletion of a pod is kept."""
        items, position = self.deletions.read(0)
        while items:
            if any(deletion.uid == uid and not deletion.has_left for deletion in items):
                return True
            items, position = self.deletions.read(position)
        return False

    def wake_followers(self) -> None:
        """Call the callbacks of all followers, without a UID."""
        self.followers.notify(list(self.followers), "")

    def _notify(self, uid: str, index_values: bytes) -> None:
        if self.followers:
            node = node_value_of(index_values)
            self.followers.notify((ALL, namespace_value_of(index_values), *((node,) if node else ())), uid)

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
        namespace_value_of(index_values),
        node_value_of(index_values),
        entry.stream,
        version,
        entry.slot,
        has_left,
    )


def _size(deletion: Deletion) -> int:
    return DELETION_OVERHEAD_BYTES + len(deletion.object)

"""Items in the order of their last change."""

from array import array
from bisect import bisect_left, bisect_right
from itertools import compress
from typing import Generic, TypeVar

READ = 64
"""How many items are read in a step."""

T = TypeVar("T")


class _Chunk(Generic[T]):
    __slots__ = ("gone", "items", "positions")

    def __init__(self) -> None:
        self.positions = array("q")
        self.items: list[T | None] = []
        self.gone = 0
        """The number of items that are None: they were discarded."""


class ChangeLog(Generic[T]):
    """Items by position. A chunk is compacted when most of its items are gone, so the size follows that of the rest.

    An item has its position in the attribute ``attribute``. It is 0 if the item is not in the log.
    """

    def __init__(self, chunk_size: int, attribute: str = "position") -> None:
        self._chunk_size = chunk_size
        self._attribute = attribute
        self._chunks: list[_Chunk[T]] = []
        self._starts: list[int] = []
        """Where the positions of each chunk begin."""

    def __len__(self) -> int:
        return sum(len(chunk.items) - chunk.gone for chunk in self._chunks)

    def slots(self) -> int:
        """Return how many items the chunks hold, including those that are gone."""
        return sum(len(chunk.items) for chunk in self._chunks)

    def position_of(self, item: T) -> int:
        """Return the position of an item, or 0 if the item is not in the log."""
        position: int = getattr(item, self._attribute)
        return position

    def append(self, item: T, position: int) -> None:
        """Add an item at a position after all others."""
        setattr(item, self._attribute, position)
        if not self._chunks or len(self._chunks[-1].items) >= self._chunk_size:
            if self._chunks and self._is_sparse(self._chunks[-1]):
                self._compact(len(self._chunks) - 1)
            self._chunks.append(_Chunk())
            self._starts.append(position)
        chunk = self._chunks[-1]
        chunk.positions.append(position)
        chunk.items.append(item)

    def discard(self, item: T) -> None:
        """Remove an item, if present."""
        position = self.position_of(item)
        if not position:
            return
        setattr(item, self._attribute, 0)
        at = bisect_right(self._starts, position) - 1
        chunk = self._chunks[at]
        chunk.items[bisect_left(chunk.positions, position)] = None
        chunk.gone += 1
        if self._is_sparse(chunk) and (at < len(self._chunks) - 1 or len(chunk.items) >= self._chunk_size):
            self._compact(at)

    def clear(self) -> None:
        """Remove all items."""
        for chunk in self._chunks:
            for item in chunk.items:
                if item is not None:
                    setattr(item, self._attribute, 0)
        self._chunks.clear()
        self._starts.clear()

    def read(self, after: int) -> tuple[list[T], int]:
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

    def pop_first_chunk(self) -> list[T]:
        """Remove the items of the first chunk."""
        del self._starts[0]
        return [item for item in self._chunks.pop(0).items if item is not None]

    def _is_sparse(self, chunk: _Chunk[T]) -> bool:
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

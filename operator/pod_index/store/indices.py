"""Indices: the entries that have an index value, as fast for a million pods as for a thousand.

A pod with three containers and two IPs has eight index values. A dictionary needs over 1 KB for them. These indices
need 0.4 KB and are as fast: an entry holds its index values packed into one byte string, and a table of buckets narrows
down the entries that can have a value.

The table grows by linear hashing (https://en.wikipedia.org/wiki/Linear_hashing): when the buckets are full on average,
one of them is split. So no addition takes long.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Generic, Protocol, TypeVar

from pod_index.store.indexers import CONTAINER_ID_LETTERS, bucket_key, has_value, is_short_value, split

BUCKETS = 1 << 9
"""Buckets of an empty table: 0.1 MB. The table grows at 35,000 pods."""

LOAD = 512
"""How many index values a bucket has on average before the table grows. Few large buckets stay in the CPU's cache while
a listing adds index values to all of them in turn."""

_HASH_MASK = (1 << 30) - 1
"""Python is faster with ints of up to 30 bits."""

_BUCKET_MASK = (1 << 16) - 1
"""The bits of a hash that number the buckets. Those of a container ID depend on its first digits only, and the other
bits on all of it. So many IDs with the same beginning share a bucket, and are still told apart by their hashes."""

_HASH_SIZE = array("I").itemsize


class Indexed(Protocol):
    """An entry of ``Indices``."""

    index_values: bytes
    """The packed index values. Only ``Indices`` changes them while the entry is in it."""


E = TypeVar("E", bound=Indexed)


class Indices(Generic[E]):
    """Entries by index value. Several entries may have the same value.

    The number of buckets is at least ``buckets``, a power of two. ``load`` is as ``LOAD``.
    """

    def __init__(self, buckets: int = BUCKETS, load: int = LOAD) -> None:
        self._buckets: list[list[E]] = [[] for _ in range(buckets)]
        self._hashes = [array("I") for _ in range(buckets)]
        """For each bucket the hashes of its values, in the order of its entries."""
        self._mask = 2 * buckets - 1
        self._least = buckets
        self._load = load
        self._size = 0

    def add(self, entry: E, values: Iterable[bytes] | None = None) -> None:
        """Add an entry under all of its index values; ``values`` are the same, if they are split already."""
        self._append(entry, set(split(entry.index_values) if values is None else values))

    def replace(self, entry: E, packed: bytes) -> None:
        """Replace the index values of an entry."""
        before, after = set(split(entry.index_values)), set(split(packed))
        self._discard(entry, before - after)
        entry.index_values = packed
        self._append(entry, after - before)

    def remove(self, entry: E) -> None:
        """Remove an entry. Each entry that was added before it with the same value takes 0.1 microseconds."""
        self._discard(entry, set(split(entry.index_values)))
        if self._size < self._load // 4 * len(self._buckets) and len(self._buckets) > self._least:
            self._shrink()

    def find(self, value: bytes) -> list[E]:
        """Return the entries that have the index value, in the order in which they were added.

        A short container ID is the value of all that begin with it.
        """
        bucket, hashes, value_hash = self._locate(value)
        if is_short_value(value):
            places: Iterable[int] = [
                at for at, other in enumerate(hashes) if other & _BUCKET_MASK == value_hash & _BUCKET_MASK
            ]
        else:
            places = _positions(hashes, value_hash)
        found = [bucket[at] for at in places if has_value(bucket[at].index_values, value)]
        # An entry is found twice if its values have the same hash.
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def _locate(self, value: bytes) -> tuple[list[E], "array[int]", int]:
        """Return the bucket of a value, the bucket's hashes, and the value's hash."""
        value_hash = hash(value) & _HASH_MASK if value[0] not in CONTAINER_ID_LETTERS else _id_hash(value)
        at = value_hash & self._mask
        if at >= len(self._buckets):
            at &= self._mask >> 1
        return self._buckets[at], self._hashes[at], value_hash

    def _discard(self, entry: E, values: set[bytes]) -> None:
        for value in values:
            bucket, hashes, value_hash = self._locate(value)
            at = next(at for at in _positions(hashes, value_hash) if bucket[at] is entry)
            del bucket[at], hashes[at]
        self._size -= len(values)

    def _append(self, entry: E, values: set[bytes]) -> None:
        buckets, hashes, count, mask = self._buckets, self._hashes, len(self._buckets), self._mask
        for value in values:  # Twice as fast as self._locate().
            value_hash = hash(value) & _HASH_MASK if value[0] not in CONTAINER_ID_LETTERS else _id_hash(value)
            at = value_hash & mask
            if at >= count:
                at &= mask >> 1
            buckets[at].append(entry)
            hashes[at].append(value_hash)
        self._size += len(values)
        if self._size > self._load * count:
            self._grow()

    def _grow(self) -> None:
        """Split the next bucket in two."""
        half = (self._mask + 1) // 2
        at = len(self._buckets) - half
        moves = [value_hash & half for value_hash in self._hashes[at]]
        self._buckets.append(list(compress(self._buckets[at], moves)))
        self._hashes.append(array("I", compress(self._hashes[at], moves)))
        # In place, as a new list would not be frozen, and garbage collections would look at all entries.
        stays = [not move for move in moves]
        self._buckets[at][:] = compress(self._buckets[at], stays)
        self._hashes[at][:] = array("I", compress(self._hashes[at], stays))
        self._update_mask()

    def _shrink(self) -> None:
        """Join the last bucket with the one from which it was split."""
        bucket, hashes = self._buckets.pop(), self._hashes.pop()
        self._update_mask()
        at = len(self._buckets) & self._mask >> 1
        self._buckets[at] += bucket
        self._hashes[at] += hashes

    def _update_mask(self) -> None:
        """Set the mask to the bits of a hash that number the buckets, up to twice as many as the last power of two."""
        self._mask = (1 << len(self._buckets).bit_length()) - 1


def _id_hash(value: bytes) -> int:
    return (hash(value) & _HASH_MASK & ~_BUCKET_MASK) | (hash(bucket_key(value)) & _BUCKET_MASK)


def _positions(hashes: "array[int]", value_hash: int) -> Iterator[int]:
    """Yield the positions of a hash. A search of the bytes is faster than one of the ints."""
    octets, wanted = hashes.tobytes(), value_hash.to_bytes(_HASH_SIZE, sys.byteorder)
    at = octets.find(wanted)
    while at >= 0:
        if at % _HASH_SIZE == 0:
            yield at // _HASH_SIZE
        at = octets.find(wanted, at + 1)

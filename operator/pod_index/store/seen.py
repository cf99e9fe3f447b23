"""Which pods a stream has sent, by their slots: numbers that are small because they are used again."""

from typing import Protocol


class Seen(Protocol):
    """A set of slots."""

    def add(self, slot: int) -> bool:
        """Add a slot; return whether it is new."""

    def discard(self, slot: int) -> None:
        """Remove a slot, if present."""


class FewSeen(set[int]):
    """Some slots of many: those of the pods on a node."""

    __slots__ = ()

    def add(self, slot: int) -> bool:  # type: ignore[override] # Seen needs the result
        """Add a slot; return whether it is new."""
        size = len(self)
        super().add(slot)
        return len(self) > size


class ManySeen:
    """Slots as bits: those of 50,000 pods take 6 KB."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, slot: int) -> bool:
        """Add a slot; return whether it is new."""
        at, bit = slot >> 3, 1 << (slot & 7)
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits)))
        if self._bits[at] & bit:
            return False
        self._bits[at] |= bit
        return True

    def discard(self, slot: int) -> None:
        """Remove a slot, if present."""
        if slot >> 3 < len(self._bits):
            self._bits[slot >> 3] &= ~(1 << (slot & 7))

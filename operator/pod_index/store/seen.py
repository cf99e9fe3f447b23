"""Which pods a stream has sent, by their slots: numbers that are small because they are used again."""

FEW = 64
"""Up to so many slots are kept in a set. More are kept as bits: those of 50,000 pods take 6 KB."""


class Seen:
    """A set of slots."""

    __slots__ = ("_bits", "_few")

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._bits: bytearray | None = None

    def add(self, slot: int) -> bool:
        """Add a slot; return whether it is new."""
        if self._bits is not None:
            return _set(self._bits, slot)
        if slot in self._few:
            return False
        self._few.add(slot)
        if len(self._few) > FEW:
            self._bits = bytearray()
            for few in self._few:
                _set(self._bits, few)
            self._few.clear()
        return True

    def discard(self, slot: int) -> None:
        """Remove a slot, if present."""
        if self._bits is None:
            self._few.discard(slot)
        elif slot >> 3 < len(self._bits):
            self._bits[slot >> 3] &= ~(1 << (slot & 7))


def _set(bits: bytearray, slot: int) -> bool:
    at, bit = slot >> 3, 1 << (slot & 7)
    if at >= len(bits):
        bits.extend(bytes(at + 1 - len(bits)))
    if bits[at] & bit:
        return False
    bits[at] |= bit
    return True

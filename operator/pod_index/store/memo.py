"""Results that are the same for many pods, made once."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """The results of a function by its argument. A known one costs one access to a dictionary.

    ``is_small`` says whether an argument and its result are kept. Anybody who creates pods can invent others: beyond
    ``limit`` results, all are forgotten.
    """

    def __init__(self, function: Callable[[K], V], limit: int, is_small: Callable[[K, V], bool]) -> None:
        super().__init__()
        self._function = function
        self._limit = limit
        self._is_small = is_small

    def __missing__(self, key: K) -> V:
        """Make a result."""
        value = self._function(key)
        if self._is_small(key, value):
            if len(self) >= self._limit:
                self.clear()
            self[key] = value
        return value

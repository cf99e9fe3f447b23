"""Subscriptions to index values."""

from collections.abc import Callable, Iterable


class Subscriptions:
    """Callbacks by index value. False if empty, so that an update without subscribers costs nothing."""

    def __init__(self) -> None:
        self._callbacks: dict[bytes, set[Callable[[], None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, values: Iterable[bytes], callback: Callable[[], None]) -> None:
        """Call ``callback`` at each notification of one of the values. It must not raise or add subscriptions."""
        for value in values:
            self._callbacks.setdefault(value, set()).add(callback)

    def remove(self, values: Iterable[bytes], callback: Callable[[], None]) -> None:
        """Stop the calls of ``callback`` for the values."""
        for value in values:
            callbacks = self._callbacks.get(value, set())
            callbacks.discard(callback)
            if not callbacks:
                self._callbacks.pop(value, None)

    def notify(self, values: Iterable[bytes]) -> None:
        """Call the callbacks of the values."""
        for value in values:
            for callback in list(self._callbacks.get(value, ())):
                callback()

"""Who waits for which key."""

from collections.abc import Callable, Iterable


class Subscriptions:
    """Callbacks by key; false if there are none, so that nobody has to name keys that nobody waits for."""

    def __init__(self) -> None:
        self._callbacks: dict[bytes, set[Callable[[], None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, keys: Iterable[bytes], callback: Callable[[], None]) -> None:
        """Let ``callback`` be called whenever one of the keys is notified; it must not raise, nor subscribe."""
        for key in keys:
            self._callbacks.setdefault(key, set()).add(callback)

    def remove(self, keys: Iterable[bytes], callback: Callable[[], None]) -> None:
        """Let it be called no more."""
        for key in keys:
            callbacks = self._callbacks.get(key, set())
            callbacks.discard(callback)
            if not callbacks:
                self._callbacks.pop(key, None)

    def notify(self, keys: Iterable[bytes]) -> None:
        """Call the callbacks of the keys."""
        for key in keys:
            for callback in list(self._callbacks.get(key, ())):
                callback()

"""Subscriptions to index values."""

from collections.abc import Callable, Iterable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Subscriptions(dict[bytes, set[Callable[P, None]]], Generic[P]):
    """Callbacks by index value. False if empty, so that an update without subscribers costs nothing."""

    def subscribe(self, values: Iterable[bytes], callback: Callable[P, None]) -> None:
        """Call ``callback`` at each notification of one of the values. It must not raise or add subscriptions."""
        for value in values:
            self.setdefault(value, set()).add(callback)

    def unsubscribe(self, values: Iterable[bytes], callback: Callable[P, None]) -> None:
        """Stop the calls of ``callback`` for the values."""
        for value in values:
            callbacks = self.get(value, set())
            callbacks.discard(callback)
            if not callbacks:
                self.pop(value, None)

    def notify(self, values: Iterable[bytes], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call the callbacks of the values."""
        for value in values:
            for callback in list(self.get(value, ())):
                callback(*args, **kwargs)

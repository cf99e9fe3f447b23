"""Pods that are created, changed and deleted in the background of a test."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Any, Protocol, Self

from tests.apiserver import make_pod


class Pods(Protocol):
    """The pods of any API server of the tests."""

    def create(self, pod: dict[str, Any]) -> dict[str, Any]:
        """Create a pod; return the stored object."""

    def update(self, namespace: str, name: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Let ``change`` edit a pod; return the stored object."""

    def delete(self, namespace: str, name: str) -> object:
        """Delete a pod without a grace period."""


def relabel(number: int) -> Callable[[dict[str, Any]], None]:
    """Return a change that labels a pod with ``number``."""

    def change(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = {"change": str(number)}

    return change


class Churn:
    """Creates, changes and deletes pods in a thread, in up to 200 rounds a second. A context manager."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._stopped = Event()
        self._thread = Thread(target=self._run)
        self.rounds = 0

    def _run(self) -> None:
        while not self._stopped.wait(0.005):
            self.rounds += 1
            self._pods.create(make_pod(f"churn-{self.rounds}"))
            if self.rounds % 2 == 0:
                self._pods.update("default", f"churn-{self.rounds}", relabel(self.rounds))
            if self.rounds > 10:
                self._pods.delete("default", f"churn-{self.rounds - 10}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

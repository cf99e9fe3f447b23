"""The outcomes of hostile clients."""

import dataclasses
import statistics
from collections import Counter
from collections.abc import Mapping

MOST_ERRORS = 100
"""The number of different error messages that are kept."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """The outcomes of the clients of one kind."""

    connections: int
    """The connections that were made."""
    open: int
    """The connections that are open, or were when the clients stopped."""
    outcomes: Counter[str]
    """The outcomes of the others: the status of the error response (with ``, left open`` if the
    connection stayed open), or else ``closed`` or ``reset``; and the failed attempts to connect, ``not connected``."""
    errors: Counter[str]
    """The messages of the error responses."""
    seconds: Mapping[str, float]
    """The median duration of connections, by outcome."""


class Tally:
    """Counts the connections of one kind."""

    def __init__(self) -> None:
        self._connections = 0
        self._open = 0
        self._lasted: dict[str, list[float]] = {}
        self._errors: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """The connections that are open, or were when the clients stopped."""
        return self._open

    def begin(self) -> None:
        """Count a connection."""
        self._connections += 1
        self._open += 1

    def not_connected(self) -> None:
        """Count a failed attempt to connect."""
        self._lasted.setdefault("not connected", []).append(0.0)

    def end(self, outcome: str, error: str | None, lasted: float) -> None:
        """Count the outcome of a connection that lasted ``lasted`` seconds."""
        self._open -= 1
        self._lasted.setdefault(outcome, []).append(lasted)
        if error is not None and (error in self._errors or len(self._errors) < MOST_ERRORS):
            self._errors[error] += 1

    def summary(self) -> Summary:
        """Return the outcomes so far."""
        return Summary(
            connections=self._connections,
            open=self._open,
            outcomes=Counter({outcome: len(lasted) for outcome, lasted in self._lasted.items()}),
            errors=Counter(self._errors),
            seconds={outcome: statistics.median(lasted) for outcome, lasted in self._lasted.items()},
        )


def lines(summary: Mapping[str, Summary]) -> list[str]:
    """Return a line for each kind."""
    return [f"{name}: {_line(kind)}" for name, kind in summary.items()]


def _line(kind: Summary) -> str:
    ends = [
        f"{outcome} {count:,} times after {kind.seconds[outcome]:.1f} s"
        for outcome, count in kind.outcomes.most_common()
    ]
    errors = [f"{error!r:.100} {count:,} times" for error, count in kind.errors.most_common()]
    return "; ".join([f"{kind.connections:,} connections, {kind.open:,} open", *ends, *errors])

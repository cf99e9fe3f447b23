"""What has become of hostile clients."""

import dataclasses
import statistics
from collections import Counter
from collections.abc import Mapping

MOST_ERRORS = 100
"""How many different errors are kept."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What the clients of one kind have come to."""

    connections: int
    """How many were made."""
    open: int
    """How many are open now, or were when all ended."""
    outcomes: Counter[str]
    """How the others ended: the status that refused it (and ``, left open`` if the connection was not closed then),
    else ``closed`` or ``reset``; ``not connected`` if there was none."""
    errors: Counter[str]
    """The errors that the answers told."""
    seconds: Mapping[str, float]
    """How long connections lasted, by outcome: the median."""


class Tally:
    """Counts the connections of one kind."""

    def __init__(self) -> None:
        self._connections = 0
        self._open = 0
        self._lasted: dict[str, list[float]] = {}
        self._errors: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many are open now, or were when all ended."""
        return self._open

    def begin(self) -> None:
        """Note a connection."""
        self._connections += 1
        self._open += 1

    def not_connected(self) -> None:
        """Note one that could not be made."""
        self._lasted.setdefault("not connected", []).append(0.0)

    def end(self, outcome: str, error: str | None, lasted: float) -> None:
        """Note how a connection ended, after how many seconds."""
        self._open -= 1
        self._lasted.setdefault(outcome, []).append(lasted)
        if error is not None and (error in self._errors or len(self._errors) < MOST_ERRORS):
            self._errors[error] += 1

    def summary(self) -> Summary:
        """What is so far."""
        return Summary(
            connections=self._connections,
            open=self._open,
            outcomes=Counter({outcome: len(lasted) for outcome, lasted in self._lasted.items()}),
            errors=Counter(self._errors),
            seconds={outcome: statistics.median(lasted) for outcome, lasted in self._lasted.items()},
        )


def lines(summary: Mapping[str, Summary]) -> list[str]:
    """A line for each kind, for people."""
    return [f"{name}: {_line(kind)}" for name, kind in summary.items()]


def _line(kind: Summary) -> str:
    ends = [
        f"{outcome} {count:,} times after {kind.seconds[outcome]:.1f} s"
        for outcome, count in kind.outcomes.most_common()
    ]
    told = [f"{error!r} {count:,} times" for error, count in kind.errors.most_common()]
    return "; ".join([f"{kind.connections:,} connections, {kind.open:,} open", *ends, *told])

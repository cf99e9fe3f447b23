"""Figures of several runs, beside their baseline."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table."""

    section: str
    name: str
    pods: int
    """The number of pods in the index."""
    unit: str
    values: Sequence[float]
    """One value of each run."""
    baseline: str
    """The description of the baseline."""
    baseline_values: Sequence[float]
    plotted: bool = False
    """Whether to plot the figure against the number of pods."""

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.values)

    @property
    def baseline_median(self) -> float:
        """The median of the runs of the baseline."""
        return statistics.median(self.baseline_values)

    @property
    def ratio(self) -> float:
        """The median divided by that of the baseline."""
        return self.median / self.baseline_median if self.baseline_median else math.nan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The sizes and durations of the measurements."""

    pods: Sequence[int]
    """The sizes for sync and memory."""
    index_pods: int
    """The size for lookups and updates."""
    tail_pods: int
    """The size for the tail."""
    pause_pods: int
    """The number of pods of pauses."""
    runs: int
    seconds: float
    """The duration of a measurement of lookups, updates and the tail."""
    changes: int
    """The changes that are sent at the highest rate."""
    relists: int = 10
    """The relists in a run of memory."""
    memory_runs: int = 2
    """The runs of memory with pods, which varies little."""
    hostile_pods: int = 50_000
    """The size for hostile clients."""
    hostile_connections: int = 2500
    """The concurrent hostile clients."""
    hostile_seconds: float = 25.0
    """The duration of a measurement without and with hostile clients: they are disconnected and reconnect meanwhile."""
    hostile_runs: int = 2
    """The runs with hostile clients, of each configuration."""
    wrk: bool = True
    """Whether to use wrk, if it is installed."""


class Runs:
    """The values of all runs, by subject and name."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[float]] = {}

    def add(self, subject: str, **values: float) -> None:
        """Add the values of one run."""
        for name, value in values.items():
            self._values.setdefault((subject, name), []).append(value)

    def of(self, subject: str, name: str) -> list[float]:
        """Return the values of all runs."""
        return self._values[subject, name]


def interleaved(runs: int, *subjects: Callable[[], None]) -> None:
    """Call all subjects in turn, ``runs`` times: if the machine is slow for a while, it is slow for all of them."""
    for _ in range(runs):
        for subject in subjects:
            subject()


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the percentile of the values by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

"""Figures: what several runs have measured, beside their floor."""

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
    """How many pods the index held."""
    unit: str
    values: Sequence[float]
    """One of each run."""
    floor: str
    """What the floor is."""
    floor_values: Sequence[float]
    plotted: bool = False
    """Whether its growth with the number of pods is of interest."""

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.values)

    @property
    def floor_median(self) -> float:
        """The median of the floor's runs."""
        return statistics.median(self.floor_values)

    @property
    def ratio(self) -> float:
        """How many times the floor it is."""
        return self.median / self.floor_median if self.floor_median else math.nan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured."""

    pods: Sequence[int]
    """The sizes that sync and memory are measured with."""
    index_pods: int
    """The size that lookups and updates are measured with."""
    tail_pods: int
    """The size that the tail is measured with."""
    runs: int
    seconds: float
    """How long each measurement of lookups, updates and the tail lasts, where that is a matter of choice."""
    changes: int
    """How many changes are sent as fast as they are taken."""
    relists: int = 10
    """How often memory lets the operator list anew in a run."""
    memory_runs: int = 2
    """How often memory is measured with pods: it varies little."""
    real_pods: int = 10_000
    """The size that a sync with a real kube-apiserver is measured with."""
    hostile_connections: int = 1000
    """How many hostile clients there are at a time."""
    hostile_seconds: float = 25.0
    """How long a normal client asks without them, and with them: so long that they are thrown out and come again."""
    hostile_runs: int = 3
    """How often that is measured."""
    wrk: bool = True
    """Whether wrk is used if it is there."""


class Runs:
    """Collects what the runs of several subjects have measured, by name."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[float]] = {}

    def add(self, subject: str, **values: float) -> None:
        """Note what one run has measured."""
        for name, value in values.items():
            self._values.setdefault((subject, name), []).append(value)

    def of(self, subject: str, name: str) -> list[float]:
        """All that was noted."""
        return self._values[subject, name]


def interleaved(runs: int, *subjects: Callable[[], None]) -> None:
    """Call all in turn, and that so many times: a machine that is slow for a while is so for all of them."""
    for _ in range(runs):
        for subject in subjects:
            subject()


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

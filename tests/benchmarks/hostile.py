"""The latency of a normal client beside hostile ones, and their cost for the operator."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.lookups import lookup
from tests.benchmarks.memory import MIB, SETTLE_SECONDS
from tests.benchmarks.processes import FeederProcess, Subject, cpu_seconds
from tests.benchmarks.tail import probed
from tests.hostile import HostileProcess, Summary, lines

SECTION = "hostile"
BASELINE = "the same without hostile clients"
LOOKUPS_A_SECOND = 500
UIDS = 1000
RAMP_SECONDS = 60.0
"""The maximum time until all hostile clients are connected."""


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Probe operators without and with hostile clients: a new one for each run, since its memory is measured too."""
    runs = Runs()
    notes: list[str] = []
    with FeederProcess(plan.index_pods) as feeder:
        interleaved(plan.hostile_runs, lambda: _run(runs, notes, feeder, main, plan))
    figures = [
        Figure(
            section=SECTION,
            name=f"{plan.hostile_connections:,} hostile clients: {name}",
            pods=plan.index_pods,
            unit=unit,
            values=runs.of("with", value),
            baseline=BASELINE,
            baseline_values=runs.of("without", value),
        )
        for name, value, unit in (
            ("p50", "p50", "ms"),
            ("p99", "p99", "ms"),
            ("max", "max", "ms"),
            ("peak RSS", "peak", "MiB"),
            ("CPU", "cpu", "% of a core"),
        )
    ]
    return figures, [failures(runs), *notes]


def _run(runs: Runs, notes: list[str], feeder: FeederProcess, main: Path, plan: Plan) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.kubeconfig, main=main) as operator,
    ):
        operator.wait_for_ready()
        time.sleep(SETTLE_SECONDS)
        uids = feeder.uids(UIDS)
        _phase(runs, "without", operator, uids, plan.hostile_seconds)
        operator.forget_peak()
        hostile = HostileProcess(
            operator.port,
            connections=plan.hostile_connections,
            seconds=RAMP_SECONDS + plan.hostile_seconds,
            uid=uids[0],
        )
        # The process inherits the core of this program.
        with hostile:
            hostile.wait_until_complete()
            used, begin = cpu_seconds(hostile.pid), time.monotonic()
            _phase(runs, "with", operator, uids, plan.hostile_seconds)
            used = (cpu_seconds(hostile.pid) - used) / (time.monotonic() - begin)
            notes += outcomes(hostile.summary(), used)


def _phase(runs: Runs, subject: str, operator: Subject, uids: Sequence[str], seconds: float) -> None:
    """Probe with a normal client for ``seconds``."""
    pid = operator.process.pid
    used, begin = cpu_seconds(pid), time.monotonic()
    result = probed(operator.port, LOOKUPS_A_SECOND, [lookup(uid) for uid in uids], lambda: time.sleep(seconds))
    cpu = (cpu_seconds(pid) - used) / (time.monotonic() - begin)
    runs.add(
        subject,
        **{name: result[name] * 1000 for name in ("p50", "p99", "max")},
        **{name: result[name] for name in ("requests", "failed")},
        peak=operator.peak_bytes / MIB,
        cpu=cpu * 100,
    )


def failures(runs: Runs) -> str:
    """Return a note with the failed lookups of the normal client. There should be none."""
    failures = [
        f"{sum(runs.of(subject, 'failed')):,.0f} of {sum(runs.of(subject, 'requests')):,.0f} {subject} hostile ones"
        for subject in ("without", "with")
    ]
    return f"hostile: failed lookups of a normal client, at {LOOKUPS_A_SECOND} a second: {', '.join(failures)}"


def outcomes(summary: Mapping[str, Summary], cpu: float) -> list[str]:
    """Return notes with the outcomes of the hostile clients in a run."""
    still = sum(kind.open for kind in summary.values())
    return [
        f"hostile: {still:,} connected at the end; their process used {cpu:.0%} of a core",
        *(f"hostile: {line}" for line in lines(summary)),
    ]

"""The latency of lookups during relists, and while pods change all the time."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.lookups import lookup, start_baseline
from tests.benchmarks.memory import relist
from tests.benchmarks.probe import Latencies
from tests.benchmarks.processes import OUR_CORE, FeederProcess, Helper, Subject

SECTION = "tail"
BASELINE = "uvicorn with a constant response, and no other load"
LOOKUPS_A_SECOND = 500
CHANGES_A_SECOND = 1000
UIDS = 1000


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Probe an operator and its baseline in turns."""
    runs = Runs()
    with (
        tempfile.TemporaryDirectory() as folder,
        FeederProcess(plan.tail_pods) as feeder,
        Subject(Path(folder), feeder.kubeconfig, main=main) as operator,
    ):
        feeder.await_watch()
        operator.wait_for_ready()
        paths = [lookup(uid) for uid in feeder.uids(UIDS)]
        with start_baseline(operator.port, paths[0]) as baseline:
            baseline_port: int = baseline.read()["port"]

            def listing() -> None:
                until = time.monotonic() + plan.seconds
                while time.monotonic() < until:
                    relist(feeder, operator)

            def changes() -> None:
                feeder.ask("send", rate=CHANGES_A_SECOND, start=time.monotonic())

            def prepared_changes() -> None:
                feeder.prepare(int(plan.seconds * CHANGES_A_SECOND), CHANGES_A_SECOND)
                _probe(runs, "changes", operator.port, paths, changes)

            def nothing() -> None:
                time.sleep(plan.seconds)

            interleaved(
                plan.runs,
                lambda: _probe(runs, "baseline", baseline_port, paths, nothing),
                lambda: _probe(runs, "nothing", operator.port, paths, nothing),
                lambda: _probe(runs, "listing", operator.port, paths, listing),
                prepared_changes,
            )
    note = f"tail: one client, {LOOKUPS_A_SECOND} lookups a second; latencies count from when a request was due"
    happenings = {
        "nothing": "no other load",
        "listing": "relists",
        "changes": f"{CHANGES_A_SECOND:,} changes a second",
    }
    return [
        Figure(
            section=SECTION,
            name=f"{happening}: {name}",
            pods=plan.tail_pods,
            unit="ms",
            values=runs.of(subject, name),
            baseline=BASELINE,
            baseline_values=runs.of("baseline", name),
        )
        for subject, happening in happenings.items()
        for name in ("p50", "p99", "max")
    ], [note]


def _probe(runs: Runs, subject: str, port: int, paths: list[str], meanwhile: Callable[[], None]) -> None:
    result = probed(port, LOOKUPS_A_SECOND, paths, meanwhile)
    if result["failed"]:
        raise RuntimeError(f"{result['failed']:.0f} of {result['requests']:.0f} lookups have failed")
    runs.add(subject, **{name: result[name] * 1000 for name in ("p50", "p99", "max")})


def probed(
    port: int, rate: float, paths: Sequence[str], meanwhile: Callable[[], None], options: Sequence[str] = ()
) -> Latencies:
    """Probe at this rate while ``meanwhile()`` runs; return the result. ``options`` are those of the probe."""
    with Helper("probe", *options, str(port), str(rate), *paths, on=OUR_CORE) as probe:
        probe.read()
        meanwhile()
        return probe.ask("end")

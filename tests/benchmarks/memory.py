"""The memory of the operator: without pods, during and after the first sync, and after many listings."""

import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.lookups import start_baseline
from tests.benchmarks.processes import FeederProcess, Subject
from tests.support.operator_process import resident_bytes

SECTION = "memory"
MIB = 1024 * 1024
IDLE_BASELINE = "uvicorn with a constant response"
RECORDS_BASELINE = "the operator at 0 pods, and all records"
RECORD_BASELINE = "a record"
SETTLE_SECONDS = 0.5
"""The pause before memory is measured, in which Kopf's task for the pages ends."""


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Sync with each number of pods, as a streaming list and in pages, and relist many times."""
    runs = Runs()
    with FeederProcess(0) as feeder:
        interleaved(plan.runs, lambda: _idle(runs, feeder, main))
    idle = Figure(
        section=SECTION,
        name="RSS at 0 pods",
        pods=0,
        unit="MiB",
        values=[value / MIB for value in runs.of("operator", "idle")],
        baseline=IDLE_BASELINE,
        baseline_values=[value / MIB for value in runs.of("baseline", "idle")],
    )
    figures = [idle]
    for pods in plan.pods:
        with FeederProcess(pods) as feeder:
            for streaming in (True, False):
                runs = Runs()
                interleaved(
                    plan.memory_runs,
                    lambda: _fill(runs, feeder, streaming, main, plan.relists),  # noqa: B023 - called at once
                )
                how = "streaming" if streaming else "chunked"
                figures += _figures(runs, feeder, how, idle.median, plan.relists)
    return figures, []


def _idle(runs: Runs, feeder: FeederProcess, main: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.kubeconfig, main=main) as operator,
    ):
        operator.wait_for_ready()
        time.sleep(SETTLE_SECONDS)
        runs.add("operator", idle=operator.resident_bytes)
        with start_baseline(operator.port, "/health") as baseline:
            baseline.read()
            runs.add("baseline", idle=resident_bytes(baseline.pid))


def _fill(runs: Runs, feeder: FeederProcess, streaming: bool, main: Path, relists: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.kubeconfig, main=main, streaming=streaming) as operator,
    ):
        feeder.await_watch()
        operator.wait_for_ready()
        time.sleep(SETTLE_SECONDS)
        runs.add("operator", peak=operator.peak_bytes, steady=operator.resident_bytes)
        for _ in range(relists):
            relist(feeder, operator)
        time.sleep(SETTLE_SECONDS)
        runs.add("operator", relisted=operator.resident_bytes, relist_peak=operator.peak_bytes)


def relist(feeder: FeederProcess, operator: Subject) -> None:
    """Let the operator relist, and wait until it serves a change that follows the listing."""
    feeder.ask("expire")
    feeder.await_watch()
    _, uid, version = feeder.prepare(1, 1)[0]
    feeder.ask("send")
    operator.wait_for_change(uid, version, every=0.01)


def _figures(runs: Runs, feeder: FeederProcess, how: str, idle: float, relists: int) -> list[Figure]:
    def figure(name: str, value: str) -> Figure:
        return Figure(
            section=SECTION,
            name=f"{how}, {name}",
            pods=feeder.pods,
            unit="MiB",
            values=[value / MIB for value in runs.of("operator", value)],
            baseline=RECORDS_BASELINE,
            baseline_values=[idle + feeder.record_bytes / MIB],
            plotted=value in {"peak", "steady"},
        )

    return [
        figure("peak until ready", "peak"),
        figure("RSS after the sync", "steady"),
        Figure(
            section=SECTION,
            name=f"{how}, RSS over that at 0 pods",
            pods=feeder.pods,
            unit="bytes a pod",
            values=[(value - idle * MIB) / feeder.pods for value in runs.of("operator", "steady")],
            baseline=RECORD_BASELINE,
            baseline_values=[feeder.record_bytes / feeder.pods],
        ),
        figure(f"RSS after {relists} relists", "relisted"),
        figure(f"peak of {relists} relists", "relist_peak"),
    ]

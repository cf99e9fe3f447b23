"""How long lookups take while something else happens: pods are listed anew, or change all the time."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.lookups import lookup, start_floor
from tests.benchmarks.memory import relist
from tests.benchmarks.probe import Told
from tests.benchmarks.processes import OUR_CORE, FeederProcess, Helper, Subject

SECTION = "tail"
FLOOR = "uvicorn with a constant answer, and nothing else happens"
LOOKUPS_A_SECOND = 500
CHANGES_A_SECOND = 1000
UIDS = 1000


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Probe an operator and its floor, in turns."""
    runs = Runs()
    with (
        tempfile.TemporaryDirectory() as folder,
        FeederProcess(plan.tail_pods) as feeder,
        Subject(Path(folder), feeder.kubeconfig, main=main) as operator,
    ):
        feeder.await_watch()
        operator.wait_for_ready()
        paths = [lookup(uid) for uid in feeder.uids(UIDS)]
        with start_floor(operator.port, paths[0]) as floor:
            floor_port: int = floor.read()["port"]

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
                lambda: _probe(runs, "floor", floor_port, paths, nothing),
                lambda: _probe(runs, "nothing", operator.port, paths, nothing),
                lambda: _probe(runs, "listing", operator.port, paths, listing),
                prepared_changes,
            )
    note = f"tail: one client asks {LOOKUPS_A_SECOND} times a second; latencies count from when a request was due"
    happenings = {
        "nothing": "nothing else",
        "listing": "pods are listed anew",
        "changes": f"{CHANGES_A_SECOND:,} changes a second",
    }
    return [
        Figure(
            section=SECTION,
            name=f"{happening}: {name}",
            pods=plan.tail_pods,
            unit="ms",
            values=runs.of(subject, name),
            floor=FLOOR,
            floor_values=runs.of("floor", name),
        )
        for subject, happening in happenings.items()
        for name in ("p50", "p99", "max")
    ], [note]


def _probe(runs: Runs, subject: str, port: int, paths: list[str], meanwhile: Callable[[], None]) -> None:
    told = probed(port, LOOKUPS_A_SECOND, paths, meanwhile)
    if told["failed"]:
        raise RuntimeError(f"{told['failed']:.0f} of {told['asked']:.0f} lookups have failed")
    runs.add(subject, **{name: told[name] * 1000 for name in ("p50", "p99", "max")})


def probed(port: int, rate: float, paths: Sequence[str], meanwhile: Callable[[], None]) -> Told:
    """What a probe tells that asks for the paths at this rate while ``meanwhile()`` lasts."""
    with Helper("probe", str(port), str(rate), *paths, on=OUR_CORE) as probe:
        probe.read()
        meanwhile()
        return probe.ask("end")

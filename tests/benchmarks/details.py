"""The memory and the CPU time of the details of pods with two containers, and of a sync that keeps details."""

import tempfile
import time
from functools import partial
from pathlib import Path

from pod_index.informer.wire import wire_for
from tests.benchmarks.feeder import JSON, PROTOBUF
from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import POLL_SECONDS, SUBJECT_CORE, FeederProcess, Helper, Subject, cpu_seconds

SECTION = "details"
WORKLOADS = 500
"""As many as in a large cluster, where most pods share their images and their owner with many others."""


READY_SECONDS = 0.05
"""The pause between two requests for ``/ready``."""


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Fill an index with and without details: the pods of WORKLOADS, and pods that have nothing in common."""
    runs = Runs()
    pods = max(plan.pods)
    kinds = {f"{WORKLOADS} workloads": min(WORKLOADS, pods), "nothing in common": pods}

    def fill(workloads: int, details: bool) -> None:
        arguments = [str(pods), str(workloads), str(details).lower()]
        with Helper("detailcost", *arguments, on=SUBJECT_CORE, environ={"PYTHONPATH": str(main.parent)}) as helper:
            runs.add(f"{workloads} {details}", **helper.read())

    for workloads in kinds.values():
        interleaved(plan.memory_runs, lambda: fill(workloads, False), lambda: fill(workloads, True))  # noqa: B023, FBT003

    figures = []
    for name, workloads in kinds.items():
        without, kept = runs.of(f"{workloads} False", "resident"), runs.of(f"{workloads} True", "resident")
        figures.append(
            Figure(
                section=SECTION,
                name=f"details, {name}",
                pods=pods,
                unit="bytes a pod",
                values=[(after - before) / pods for before, after in zip(without, kept, strict=True)],
                baseline="RSS without details",
                baseline_values=[before / pods for before in without],
            )
        )
    subject = f"{kinds[f'{WORKLOADS} workloads']} True"
    for name, value in (("details made", "make"), ("JSON with details", "json")):
        figures.append(
            Figure(
                section=SECTION,
                name=f"CPU of {name}",
                pods=pods,
                unit="µs",
                values=runs.of(subject, value),
                baseline="a record made",
                baseline_values=runs.of(subject, "record"),
            )
        )
    return [*figures, *_syncs(plan, main, PROTOBUF), *_syncs(plan, main, JSON)], []


def _syncs(plan: Plan, main: Path, media_type: str) -> list[Figure]:
    """Compare the first sync with details and without: from the request to an index that is complete."""
    runs = Runs()
    pods = max(plan.pods)

    with FeederProcess(pods, media_type=media_type) as feeder:

        def sync(details: str) -> None:
            feeder.ask("status")
            environ = {"DETAILS": details}
            with (
                tempfile.TemporaryDirectory() as folder,
                Subject(Path(folder), feeder.kubeconfig, main=main, environ=environ) as operator,
            ):
                while not feeder.ask("status")["requests"]:
                    time.sleep(POLL_SECONDS)
                before, begin = cpu_seconds(operator.process.pid), time.monotonic()
                # More requests would take CPU time, and more of it while another process slows the sync down.
                ready, _ = operator.wait_for_ready(every=READY_SECONDS)
                runs.add(details, cpu=cpu_seconds(operator.process.pid) - before, time=ready - begin)

        with_details, without = partial(sync, "true"), partial(sync, "false")
        # What comes first may be slower.
        interleaved((plan.runs + 1) // 2, with_details, without, without, with_details)
    return [
        Figure(
            section=SECTION,
            name=f"{name} of the first sync, {wire_for(media_type).NAME}",
            pods=pods,
            unit=unit,
            values=runs.of("true", value),
            baseline="without details",
            baseline_values=runs.of("false", value),
        )
        for name, value, unit in (("CPU", "cpu", "CPU s"), ("time", "time", "s"))
    ]

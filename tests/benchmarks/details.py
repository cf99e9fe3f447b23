"""The memory and the CPU time of the details of pods with two containers."""

from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import SUBJECT_CORE, Helper

SECTION = "details"
WORKLOADS = 500
"""As many as in a large cluster, where most pods share their images and their owner with many others."""


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
    return figures, []

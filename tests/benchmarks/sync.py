"""The time from the start to a complete index."""

import tempfile
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import SUBJECT_CORE, FeederProcess, Helper, Subject, cpu_seconds

SECTION = "sync"
AIOHTTP = "aiohttp and msgspec, nothing kept"


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Sync with each number of pods, as a streaming list and in pages."""
    figures, notes = [], []
    for pods in plan.pods:
        with FeederProcess(pods) as feeder:
            for streaming in (True, False):
                runs = Runs()
                interleaved(
                    plan.runs,
                    lambda: _operator(runs, feeder, streaming, main),  # noqa: B023 - called at once
                    lambda: _reader(runs, "aiohttp", feeder, streaming),  # noqa: B023
                    lambda: _reader(runs, "null", feeder, streaming),  # noqa: B023
                )
                figures += _figures(runs, pods, "streaming" if streaming else "chunked")
                worst = max(runs.of("operator", "resolution"))
                notes.append(f"sync: the resolution of the times at {pods} pods is {worst * 1000:.1f} ms or better")
    return figures, notes


def _operator(runs: Runs, feeder: FeederProcess, streaming: bool, main: Path) -> None:
    feeder.ask("status")
    with (
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.kubeconfig, main=main, streaming=streaming) as operator,
    ):
        ready, resolution = operator.wait_for_ready()
        cpu = cpu_seconds(operator.process.pid)
        if operator.pod_count() != feeder.pods:
            raise RuntimeError(f"the operator has {operator.pod_count()} of {feeder.pods} pods")
    sync = ready - first_request(feeder)
    runs.add("operator", start=ready - operator.started, sync=sync, cpu=cpu, resolution=resolution)


def _reader(runs: Runs, kind: str, feeder: FeederProcess, streaming: bool) -> None:
    feeder.ask("status")
    arguments = [kind, str(feeder.port), *([] if streaming else ["--chunked"])]
    with Helper("readers", *arguments, on=SUBJECT_CORE) as reader:
        result = reader.read()
    if kind != "null" and result["pods"] != feeder.pods:
        raise RuntimeError(f"the {kind} reader has seen {result['pods']} of {feeder.pods} pods")
    ended = result["ended"]
    runs.add(kind, start=ended - reader.started, sync=ended - first_request(feeder), cpu=result["cpu"])


def first_request(feeder: FeederProcess) -> float:
    """Return the time of the first request since the last ``status``."""
    at: float = feeder.ask("status")["requests"][0][0]
    return at


def _figures(runs: Runs, pods: int, how: str) -> list[Figure]:
    def figure(name: str, subject: str, value: str, baseline: str, reader: str, unit: str = "s") -> Figure:
        return Figure(
            section=SECTION,
            name=f"{how}, {name}",
            pods=pods,
            unit=unit,
            values=runs.of(subject, value),
            baseline=baseline,
            baseline_values=runs.of(reader, value),
            plotted=subject == "operator" and reader == "aiohttp",
        )

    return [
        figure("process start to ready", "operator", "start", AIOHTTP, "aiohttp"),
        figure("list start to ready", "operator", "sync", AIOHTTP, "aiohttp"),
        figure("CPU until ready", "operator", "cpu", AIOHTTP, "aiohttp", "CPU s"),
        figure("bytes read and discarded", "null", "sync", AIOHTTP, "aiohttp"),
    ]

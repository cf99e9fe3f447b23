"""How long it takes from nothing to a complete index."""

import tempfile
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import SUBJECT_CORE, FeederProcess, Helper, Subject, cpu_seconds

SECTION = "sync"
AIOHTTP = "aiohttp and msgspec, nothing kept"


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Sync with every number of pods, as a streaming list and in pages."""
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
                notes.append(f"sync: readiness at {pods} pods is known to {worst * 1000:.1f} ms or better")
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
            raise RuntimeError(f"the operator knows {operator.pod_count()} pods of {feeder.pods}")
    sync = ready - first_request(feeder)
    runs.add("operator", start=ready - operator.started, sync=sync, cpu=cpu, resolution=resolution)


def _reader(runs: Runs, kind: str, feeder: FeederProcess, streaming: bool) -> None:
    feeder.ask("status")
    arguments = [kind, str(feeder.port), *([] if streaming else ["--chunked"])]
    with Helper("readers", *arguments, on=SUBJECT_CORE) as reader:
        said = reader.read()
    if kind != "null" and said["pods"] != feeder.pods:
        raise RuntimeError(f"the {kind} reader saw {said['pods']} pods of {feeder.pods}")
    ended = said["ended"]
    runs.add(kind, start=ended - reader.started, sync=ended - first_request(feeder), cpu=said["cpu"])


def first_request(feeder: FeederProcess) -> float:
    """When the API server was asked first since its last status."""
    at: float = feeder.ask("status")["requests"][0][0]
    return at


def _figures(runs: Runs, pods: int, how: str) -> list[Figure]:
    def figure(name: str, subject: str, value: str, floor: str, reader: str, unit: str = "s") -> Figure:
        return Figure(
            section=SECTION,
            name=f"{how}, {name}",
            pods=pods,
            unit=unit,
            values=runs.of(subject, value),
            floor=floor,
            floor_values=runs.of(reader, value),
            plotted=subject == "operator" and reader == "aiohttp",
        )

    return [
        figure("process start to ready", "operator", "start", AIOHTTP, "aiohttp"),
        figure("list start to ready", "operator", "sync", AIOHTTP, "aiohttp"),
        figure("CPU until ready", "operator", "cpu", AIOHTTP, "aiohttp", "CPU s"),
        figure("bytes read and thrown away", "null", "sync", AIOHTTP, "aiohttp"),
    ]

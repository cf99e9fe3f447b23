"""The cost of changes of pods, and the time until lookups return them."""

import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved, percentile
from tests.benchmarks.processes import SUBJECT_CORE, FeederProcess, Helper, Subject, cpu_seconds

SECTION = "updates"
BASELINE = "aiohttp and msgspec: decoded, nothing kept"
RATES = (100, 500, 1000)
SAMPLES_A_SECOND = 50
"""The changes a second that are looked up; the others are load."""
LEAD_SECONDS = 0.2
"""The time between the command for a series of changes and the first of them."""
IDLE_SECONDS = 1.0
"""The time in which the CPU usage of an idle process is measured."""
WAKE_SECONDS = 0.0005
"""The time before a change is due at which lookups of its pod start."""


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Send changes to an operator and to its baseline in turns."""
    runs = Runs()
    with FeederProcess(plan.index_pods) as feeder:
        interleaved(
            plan.runs,
            lambda: _operator(runs, feeder, main, plan),
            lambda: _baseline(runs, feeder, plan),
        )
    figures = [_figure(runs, plan, "CPU of a change", "cpu", "µs"), _figure(runs, plan, "rate", "rate", "a second")]
    figures += [
        _figure(runs, plan, f"sent to visible at {rate:,} a second: {name}", f"{name} {rate}", "ms")
        for rate in RATES
        for name in ("p50", "p99")
    ]
    resolution = max(runs.of("operator", "lookup"))
    return figures, [f"updates: a lookup itself takes at most {resolution * 1000:.2f} ms (median)"]


def _operator(runs: Runs, feeder: FeederProcess, main: Path, plan: Plan) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.kubeconfig, main=main) as operator,
    ):
        feeder.await_watch()
        operator.wait_for_ready()
        pid = operator.process.pid
        idle = idle_cpu(pid)
        _, uid, version = feeder.prepare(plan.changes, plan.changes)[-1]
        before = cpu_seconds(pid)
        begin = feeder.ask("send")["begin"]
        lasted = operator.wait_for_change(uid, version, every=0.005) - begin
        cpu = cpu_seconds(pid) - before - idle * lasted
        runs.add("operator", cpu=cpu / plan.changes * 1e6, rate=plan.changes / lasted)
        for rate in RATES:
            _add_latencies(runs, "operator", rate, visible_latencies(feeder, operator, rate, plan.seconds))
        runs.add("operator", lookup=percentile(operator.lookup_seconds(uid, 100), 50))


def visible_latencies(feeder: FeederProcess, operator: Subject, rate: int, seconds: float) -> list[float]:
    """Send changes at this rate; return for samples of them the seconds until a lookup returned the change."""
    changes = feeder.prepare(int(rate * seconds), _sample(rate))
    start = time.monotonic() + LEAD_SECONDS
    feeder.tell("send", rate=rate, start=start)
    visible = []
    for at, uid, version in changes:
        time.sleep(max(0.0, start + at / rate - WAKE_SECONDS - time.monotonic()))
        visible.append(operator.wait_for_change(uid, version))
    return [seen - sent for seen, sent in zip(visible, feeder.read()["times"], strict=True)]


def _baseline(runs: Runs, feeder: FeederProcess, plan: Plan) -> None:
    arguments = ["aiohttp", str(feeder.port), "--follow"]
    with Helper("readers", *arguments, on=SUBJECT_CORE) as reader:
        feeder.await_watch()
        reader.read()
        idle = idle_cpu(reader.pid)
        _, _, last = feeder.prepare(plan.changes, plan.changes)[-1]
        before = cpu_seconds(reader.pid)
        begin = feeder.ask("send")["begin"]
        time.sleep(LEAD_SECONDS)
        cpu = cpu_seconds(reader.pid) - before - idle * (time.monotonic() - begin)
        sent: dict[int, dict[int, float]] = {}
        for rate in RATES:
            changes = feeder.prepare(int(rate * plan.seconds), _sample(rate))
            times = feeder.ask("send", rate=rate, start=time.monotonic() + LEAD_SECONDS)["times"]
            sent[rate] = dict(zip((version for _, _, version in changes), times, strict=True))
        feeder.ask("end")
        decoded = dict(reader.read()["changes"])
    runs.add("baseline", cpu=cpu / plan.changes * 1e6, rate=plan.changes / (decoded[last] - begin))
    for rate, samples in sent.items():
        _add_latencies(runs, "baseline", rate, [decoded[version] - time for version, time in samples.items()])


def _sample(rate: int) -> int:
    return max(1, rate // SAMPLES_A_SECOND)


def idle_cpu(pid: int) -> float:
    """Return the CPU usage of an idle process, in seconds a second."""
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / IDLE_SECONDS


def _add_latencies(runs: Runs, subject: str, rate: int, latencies: list[float]) -> None:
    for percent in (50, 99):
        runs.add(subject, **{f"p{percent} {rate}": percentile(latencies, percent) * 1000})


def _figure(runs: Runs, plan: Plan, name: str, value: str, unit: str) -> Figure:
    return Figure(
        section=SECTION,
        name=name,
        pods=plan.index_pods,
        unit=unit,
        values=runs.of("operator", value),
        baseline=BASELINE,
        baseline_values=runs.of("baseline", value),
    )

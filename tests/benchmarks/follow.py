"""Clients that follow pods: memory, CPU, the time from a change to its clients, and lookups beside them."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, percentile
from tests.benchmarks.lookups import lookup
from tests.benchmarks.processes import OUR_CORE, FeederProcess, Helper, Subject, cpu_seconds
from tests.benchmarks.tail import LOOKUPS_A_SECOND, probed

SECTION = "follow"
STREAMS = 1_000
FULL_STREAMS = 100
CHANGES_A_SECOND = 200
SAMPLE = 10
MIB = 1024 * 1024
SETTLE_SECONDS = 1.0
IDLE = "as many idle connections"
UNDISTURBED = "the same changes without streams"
END = '"initialEventsEnd":true'


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Open streams of single workloads, streams of everything, and one that is never read."""
    runs = Runs()
    notes: list[str] = []
    for _ in range(plan.runs):
        with (
            tempfile.TemporaryDirectory() as folder,
            FeederProcess(plan.tail_pods, STREAMS) as feeder,
            Subject(
                Path(folder), feeder.kubeconfig, main=main, environ={"MAX_WATCHES": "2000", "MAX_CONNECTIONS": "5000"}
            ) as operator,
        ):
            feeder.await_watch()
            operator.wait_for_ready()
            _run(runs, notes, plan, feeder, operator)
    return _figures(runs, plan), notes[-2:]


def _run(runs: Runs, notes: list[str], plan: Plan, feeder: FeederProcess, operator: Subject) -> None:
    views = [_workload_of(operator, uid) for uid in feeder.uids(STREAMS)]
    paths = [f"/api/v1/pods?watch=true&{view}" for view in views]
    _changes(runs, "baseline", plan, feeder, operator, None)
    for subject, wanted, end in (("baseline", ["/health"] * STREAMS, "healthy"), ("operator", paths, END)):
        with Helper("followers", str(operator.port), on=OUR_CORE) as followers:
            time.sleep(SETTLE_SECONDS)
            before = operator.resident_bytes
            opened = followers.ask("open", paths=wanted, end=end)["seconds"]
            time.sleep(SETTLE_SECONDS)
            runs.add(subject, memory=(operator.resident_bytes - before) / MIB)
            if subject == "operator":
                notes.append(f"follow: {STREAMS} streams of {len(set(views))} views began in {opened:.1f} s")
                _changes(runs, "views", plan, feeder, operator, followers)
        time.sleep(SETTLE_SECONDS)
    with Helper("followers", str(operator.port), on=OUR_CORE) as followers:
        opened = followers.ask("open", paths=["/api/v1/pods?watch=true&all=true"] * (FULL_STREAMS + 1), end=END)
        followers.ask("stop_reading")
        notes.append(f"follow: {FULL_STREAMS} streams of everything began in {opened['seconds']:.1f} s")
        _changes(runs, "all", plan, feeder, operator, followers)


def _workload_of(operator: Subject, uid: str) -> str:
    """Return the workload of a pod: each stream has one of its own."""
    record = operator.lookup(uid)
    assert record is not None
    return f"workload=Deployment/{record['labels']['app.kubernetes.io/name']}&namespace={record['namespace']}"


def view_of(operator: Subject, uid: str) -> str:
    """Return the pods in the namespace and on the node of a pod: one in two hundred."""
    record = operator.lookup(uid)
    assert record is not None
    return f"node={record['nodeName']}&namespace={record['namespace']}"


def _changes(
    runs: Runs, subject: str, plan: Plan, feeder: FeederProcess, operator: Subject, followers: Helper | None
) -> None:
    """Send changes, and measure their time to the clients, the CPU usage, and lookups beside them."""
    changes = feeder.prepare(int(plan.seconds * CHANGES_A_SECOND), SAMPLE)
    paths = [lookup(uid) for uid in feeder.uids(1_000)]
    times: list[float] = []
    before = cpu_seconds(operator.process.pid)

    def send() -> None:
        times.extend(feeder.ask("send", rate=CHANGES_A_SECOND, start=time.monotonic())["times"])

    lookups = probed(operator.port, LOOKUPS_A_SECOND, paths, send)
    cpu = (cpu_seconds(operator.process.pid) - before) / int(plan.seconds * CHANGES_A_SECOND)
    runs.add(subject, cpu=cpu * 1e6, lookups=lookups["p99"] * 1000)
    if followers is not None:
        time.sleep(SETTLE_SECONDS)
        sent = {str(version): at for (_, _, version), at in zip(changes, times, strict=True)}
        latencies = followers.ask("latencies", sent=sent)["times"]
        runs.add(subject, **{f"p{part}": percentile(latencies, part) * 1000 for part in (50, 99)})


def _figures(runs: Runs, plan: Plan) -> list[Figure]:
    def figure(
        name: str, unit: str, subject: str, value: str, baseline: str, baseline_values: Sequence[float]
    ) -> Figure:
        return Figure(
            section=SECTION,
            name=name,
            pods=plan.tail_pods,
            unit=unit,
            values=runs.of(subject, value),
            baseline=baseline,
            baseline_values=baseline_values,
        )

    figures = [
        figure(f"{STREAMS} idle streams", "MiB", "operator", "memory", IDLE, runs.of("baseline", "memory")),
    ]
    for subject, what in (
        ("views", f"{STREAMS} streams of some pods"),
        ("all", f"{FULL_STREAMS} streams of everything"),
    ):
        name = f"{CHANGES_A_SECOND} changes a second, {what}"
        figures += [
            figure(
                f"{name}: CPU of a change and of the lookups beside it",
                "µs",
                subject,
                "cpu",
                UNDISTURBED,
                runs.of("baseline", "cpu"),
            ),
            figure(f"{name}: lookups' p99", "ms", subject, "lookups", UNDISTURBED, runs.of("baseline", "lookups")),
            figure(f"{name}: sent to client, p99", "ms", subject, "p99", "the median", runs.of(subject, "p50")),
        ]
    return figures

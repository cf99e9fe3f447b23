"""The rate and the latency of lookups."""

import dataclasses
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.apiserver import realistic_pod
from tests.apiserver.statuses import JSON
from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.load import Load
from tests.benchmarks.processes import SUBJECT_CORE, Client, FeederProcess, Helper, Subject

SECTION = "lookups"
BASELINE = "uvicorn with a constant response of the same size"
PATH = "/api/v1/pod"
UIDS = 10_000
OTHER_KEYS = 200
"""The pods that are looked up by other keys. Even the smallest index has them."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A load."""

    name: str
    paths: Sequence[str]
    connections: int
    keep_alive: bool = True


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Load an operator and its baseline in turns."""
    figures = []
    load = Load(wrk=plan.wrk)
    with (
        tempfile.TemporaryDirectory() as folder,
        FeederProcess(plan.index_pods) as feeder,
        Subject(Path(folder), feeder.kubeconfig, main=main) as operator,
    ):
        operator.wait_for_ready()
        for case in cases(feeder.uids(UIDS)):
            figures += _measure(plan, load, case, operator.port)
    note = f"lookups: load by {load.generator}, in a closed loop, on one core"
    return figures, [note]


def cases(uids: Sequence[str]) -> list[Case]:
    """Return the loads; ``uids`` are those of existing pods."""
    hits = [lookup(uid) for uid in uids]
    misses = [lookup(str(uuid.UUID(int=number))) for number in range(len(uids))]
    statuses = [realistic_pod(number)["status"] for number in range(OTHER_KEYS)]
    ips = [f"{PATH}?ip={status['podIP']}" for status in statuses]
    cgroups = [f"{PATH}?id={_cgroup(status)}" for status in statuses]
    return [
        *(Case(f"hits, {connections} connections", hits, connections) for connections in (1, 32, 256)),
        Case("hits by IP, 32 connections", ips, 32),
        Case("hits by the cgroup of a container, 32 connections", cgroups, 32),
        Case("one UID, 32 connections", hits[:1], 32),
        Case("misses, 32 connections", misses, 32),
        Case("hits, 32 at a time, not kept alive", hits, 32, keep_alive=False),
    ]


def lookup(uid: str) -> str:
    """Return the path of a lookup."""
    return f"{PATH}?uid={uid}"


def _cgroup(status: JSON) -> str:
    """Return the cgroup of a container as CRI-O and systemd name it, without the slice with the UID of the pod."""
    container_id = status["containerStatuses"][0]["containerID"].rpartition("/")[2]
    return f"/system.slice/crio-{container_id}.scope"


def start_baseline(port: int, path: str) -> Helper:
    """Start the baseline, with the response of the operator at ``port`` to this path."""
    with Client(port) as client:
        status, body = client.get(path)
    arguments = [str(status), body.decode()]
    return Helper("bareserver", *arguments, on=SUBJECT_CORE)


def _measure(plan: Plan, load: Load, case: Case, port: int) -> list[Figure]:
    runs = Runs()

    def run(subject: str, port: int) -> None:
        result = load.run(
            port, case.paths, connections=case.connections, seconds=plan.seconds, keep_alive=case.keep_alive
        )
        milliseconds = {name: result[name] * 1000 for name in ("p50", "p99", "p99.9")}
        runs.add(subject, rate=result["rate"], **milliseconds)

    with start_baseline(port, case.paths[0]) as baseline:
        baseline_port: int = baseline.read()["port"]
        interleaved(plan.runs, lambda: run("operator", port), lambda: run("baseline", baseline_port))
    return [
        Figure(
            section=SECTION,
            name=f"{case.name}: {name}",
            pods=plan.index_pods,
            unit="a second" if name == "rate" else "ms",
            values=runs.of("operator", name),
            baseline=BASELINE,
            baseline_values=runs.of("baseline", name),
        )
        for name in ("rate", "p50", "p99", "p99.9")
    ]

"""The memory of the lookup keys other than the UID."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.apiserver import realistic_pod
from tests.apiserver.statuses import JSON
from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.memory import SETTLE_SECONDS
from tests.benchmarks.processes import FeederProcess, Subject

SECTION = "keys"
BASELINE = "the text of the keys"
SAMPLE = 300
"""The pods that the average size of keys is computed from."""


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Sync the largest number of pods: with the UID as the only key, with each other key, and with all."""
    runs = Runs()
    pods = max(plan.pods)
    kinds = list(texts(realistic_pod(0)))
    with FeederProcess(pods) as feeder:
        for keys in ([], *([kind] for kind in kinds), kinds):
            interleaved(plan.memory_runs, lambda: _fill(runs, feeder, main, keys))  # noqa: B023 - called at once
    base = statistics.median(runs.of("", "resident"))

    def figure(name: str, keys: Sequence[str]) -> Figure:
        return Figure(
            section=SECTION,
            name=name,
            pods=pods,
            unit="bytes a pod",
            values=[(resident - base) / pods for resident in runs.of(",".join(keys), "resident")],
            baseline=BASELINE,
            baseline_values=[text_bytes(keys)],
        )

    return [*(figure(f"the key {kind}", [kind]) for kind in kinds), figure("all keys together", kinds)], []


def texts(pod: JSON) -> dict[str, list[str]]:
    """Return the keys of a pod by kind."""
    metadata, status = pod["metadata"], pod["status"]
    containers = status["initContainerStatuses"] + status["containerStatuses"]
    return {
        "config.hash": [],
        "containerID": [container["containerID"].rpartition("/")[2] for container in containers],
        "ip": [pod_ip["ip"] for pod_ip in status["podIPs"]],
        "name": [f"{metadata['namespace']}/{metadata['name']}"],
        "node": [pod["spec"]["nodeName"]],
        "workload": [f"{metadata['namespace']}/Deployment.apps/{metadata['labels']['app.kubernetes.io/name']}"],
    }


def text_bytes(kinds: Sequence[str]) -> float:
    """Return the average size of the keys of a pod, in bytes."""
    pods = [texts(realistic_pod(number)) for number in range(SAMPLE)]
    return sum(len(text) for pod in pods for kind in kinds for text in pod[kind]) / SAMPLE


def _fill(runs: Runs, feeder: FeederProcess, main: Path, keys: Sequence[str]) -> None:
    environ = {"LOOKUP_KEYS": ",".join(["uid", *keys])}
    with (
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.kubeconfig, main=main, environ=environ) as operator,
    ):
        operator.wait_for_ready()
        time.sleep(SETTLE_SECONDS)
        runs.add(",".join(keys), resident=operator.resident_bytes)

"""The time of a sync with a real kube-apiserver."""

import tempfile
from pathlib import Path

from tests.apiserver import realistic_pod
from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import SUBJECT_CORE, Helper, Subject, cpu_seconds
from tests.kubernetes import KubernetesApiServer, provide

SECTION = "real kube-apiserver"
BASELINE = "aiohttp and msgspec, logged in like the operator, nothing kept"


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Sync as a streaming list and in pages; the API server shares the first core with the benchmark."""
    figures = []
    with KubernetesApiServer(provide()) as server, tempfile.TemporaryDirectory() as name:
        server.pods.load(realistic_pod(number) for number in range(plan.real_pods))
        folder = Path(name)
        kubeconfig = server.kubeconfig()
        for streaming in (True, False):
            runs = Runs()
            interleaved(
                plan.runs,
                lambda: _operator(runs, folder, kubeconfig, streaming, main),  # noqa: B023 - called at once
                lambda: _reader(runs, folder / "kubeconfig", streaming),  # noqa: B023
            )
            figures += [
                Figure(
                    section=SECTION,
                    name=f"{'streaming' if streaming else 'chunked'}, {name}",
                    pods=plan.real_pods,
                    unit=unit,
                    values=runs.of("operator", value),
                    baseline=BASELINE,
                    baseline_values=runs.of("baseline", value),
                )
                for name, value, unit in (
                    ("process start to ready", "start", "s"),
                    ("CPU until ready", "cpu", "CPU s"),
                )
            ]
    return figures, []


def _operator(runs: Runs, folder: Path, kubeconfig: str, streaming: bool, main: Path) -> None:
    with Subject(folder, kubeconfig, main=main, streaming=streaming) as operator:
        ready, _ = operator.wait_for_ready()
        runs.add("operator", start=ready - operator.started, cpu=cpu_seconds(operator.process.pid))


def _reader(runs: Runs, kubeconfig: Path, streaming: bool) -> None:
    environ = {"KUBECONFIG": str(kubeconfig)}
    arguments = ["aiohttp", "0", "--login", *([] if streaming else ["--chunked"])]
    with Helper("readers", *arguments, on=SUBJECT_CORE, environ=environ) as reader:
        result = reader.read()
    runs.add("baseline", start=result["ended"] - reader.started, cpu=result["cpu"])

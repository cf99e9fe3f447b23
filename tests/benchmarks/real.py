"""The time of a sync with a real kube-apiserver, and what it costs the API server."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.apiserver import realistic_pod
from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import SUBJECT_CORE, Helper, Subject, cpu_seconds
from tests.kubernetes import KubernetesApiServer, provide

SECTION = "real kube-apiserver"
RAW = "the same bytes, read and not decoded"
DECODED = "the same bytes, decoded and not kept"
JSON = "the same list in JSON, read and not decoded"
PAGES = "the same pages, decoded and not kept"
STREAMING = "the streaming list, decoded and not kept"

MEGABYTE = 1e6


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Sync with every number of pods; the API server shares the first core with the benchmark."""
    figures: list[Figure] = []
    notes: list[str] = []
    with KubernetesApiServer(provide()) as server, tempfile.TemporaryDirectory() as name:
        folder, loaded = Path(name), 0
        (folder / "kubeconfig").write_text(server.kubeconfig())
        for pods in plan.pods:
            server.pods.load(realistic_pod(number) for number in range(loaded, pods))
            loaded = pods
            syncs = Syncs(server, folder, pods, main)
            figures += _measure(plan.runs, pods, syncs)
            peak = max(syncs.runs.of("operator", "peak"))
            notes.append(f"{SECTION}: the operator's peak memory with {pods} pods is {peak:.0f} MB")
    return figures, notes


class Syncs:
    """Syncs of the operator and of the readers with one number of pods."""

    def __init__(self, server: KubernetesApiServer, folder: Path, pods: int, main: Path) -> None:
        self.runs = Runs()
        self._server = server
        self._folder = folder
        self._pods = pods
        self._main = main

    def operator(self, subject: str, *, streaming: bool) -> None:
        """Run the operator until it is ready."""
        before = self._api_cpu()
        with Subject(self._folder, self._server.kubeconfig(), main=self._main, streaming=streaming) as operator:
            ready, _ = operator.wait_for_ready()
            cpu, api = cpu_seconds(operator.process.pid), self._api_cpu() - before
            peak = operator.peak_bytes / MEGABYTE
        self.runs.add(subject, start=ready - operator.started, cpu=cpu, api=api, peak=peak)

    def reader(self, subject: str, *arguments: str) -> None:
        """Run a reader."""
        before = self._api_cpu()
        environ = {"KUBECONFIG": str(self._folder / "kubeconfig")}
        with Helper("realreader", *arguments, on=SUBJECT_CORE, environ=environ) as reader:
            result = reader.read()
            api = self._api_cpu() - before
        if arguments[0] == "decode" and result["pods"] != self._pods:
            raise RuntimeError(f"the reader decoded {result['pods']} pods of {self._pods}")
        start, size = result["ended"] - reader.started, result["bytes"] / MEGABYTE
        self.runs.add(subject, start=start, cpu=result["cpu"], api=api, bytes=size)

    def _api_cpu(self) -> float:
        if self._server.pid is None:
            raise RuntimeError("the API server has ended")
        return cpu_seconds(self._server.pid)


def _measure(runs: int, pods: int, syncs: Syncs) -> list[Figure]:
    subjects: list[Callable[[], None]] = [
        lambda: syncs.operator("operator", streaming=True),
        lambda: syncs.reader("raw", "raw", "streaming"),
        lambda: syncs.reader("streaming", "decode", "streaming"),
        lambda: syncs.reader("whole", "decode", "whole"),
        lambda: syncs.reader("pages", "decode", "chunked"),
        lambda: syncs.operator("operator in pages", streaming=False),
        lambda: syncs.reader("json", "raw", "streaming", "--json"),
    ]
    interleaved(runs, *subjects)

    def figure(name: str, subject: str, value: str, unit: str, baseline: str, reader: str) -> Figure:
        return Figure(
            section=SECTION,
            name=name,
            pods=pods,
            unit=unit,
            values=syncs.runs.of(subject, value),
            baseline=baseline,
            baseline_values=syncs.runs.of(reader, value),
        )

    return [
        figure("process start to ready, streaming list", "operator", "start", "s", RAW, "raw"),
        figure("... beside decoding", "operator", "start", "s", DECODED, "streaming"),
        figure("CPU until ready", "operator", "cpu", "CPU s", DECODED, "streaming"),
        figure("CPU of the API server", "operator", "api", "CPU s", JSON, "json"),
        figure("bytes", "raw", "bytes", "MB", JSON, "json"),
        figure(
            "process start to ready, pages", "operator in pages", "start", "s", "pages, decoded and not kept", "pages"
        ),
        figure("a whole list, decoded and not kept", "whole", "start", "s", STREAMING, "streaming"),
        figure("... CPU of the API server", "whole", "api", "CPU s", STREAMING, "streaming"),
        figure("pages, decoded and not kept", "pages", "start", "s", STREAMING, "streaming"),
        figure("... CPU of the API server", "pages", "api", "CPU s", STREAMING, "streaming"),
    ]

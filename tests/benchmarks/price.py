"""The CPU time of one change on the wire of a real API server: protobuf over TLS, one by one.

A real kube-apiserver on the same machine cannot send so many changes at an even rate, since it has to write them first.
"""

import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import OUR_CORE, SUBJECT_CORE, Helper, Subject, cpu_seconds
from tests.benchmarks.updates import LEAD_SECONDS, idle_cpu

SECTION = "price"
BASELINE = "the same bytes, decoded and not kept"
RATES = (200, 2000)
PODS = 1000


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Send changes to an operator and to its baseline in turns."""
    runs = Runs()
    interleaved(plan.runs, lambda: _operator(runs, main, plan), lambda: _baseline(runs, plan))
    figures = [
        Figure(
            section=SECTION,
            name=f"CPU of a change at {rate:,} a second, protobuf over TLS",
            pods=PODS,
            unit="µs",
            values=runs.of("operator", f"cpu {rate}"),
            baseline=BASELINE,
            baseline_values=runs.of("baseline", f"cpu {rate}"),
        )
        for rate in RATES
    ]
    return figures, []


def _operator(runs: Runs, main: Path, plan: Plan) -> None:
    with (
        Helper("tlsfeeder", str(PODS), on=OUR_CORE) as feeder,
        tempfile.TemporaryDirectory() as folder,
        Subject(Path(folder), feeder.read()["kubeconfig"], main=main) as operator,
    ):
        operator.wait_for_ready()
        _add_costs(runs, "operator", feeder, operator.process.pid, plan)


def _baseline(runs: Runs, plan: Plan) -> None:
    with Helper("tlsfeeder", str(PODS), on=OUR_CORE) as feeder, tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        kubeconfig.write_text(feeder.read()["kubeconfig"])
        environ = {"KUBECONFIG": str(kubeconfig)}
        arguments = ["decode", "streaming", "--follow"]
        with Helper("realreader", *arguments, on=SUBJECT_CORE, environ=environ) as reader:
            _add_costs(runs, "baseline", feeder, reader.pid, plan)
            feeder.ask("end")
            reader.read()


def _add_costs(runs: Runs, subject: str, feeder: Helper, pid: int, plan: Plan) -> None:
    if not feeder.ask("await_watch")["done"]:
        raise RuntimeError("there is no watch")
    time.sleep(LEAD_SECONDS)
    idle = idle_cpu(pid)
    for rate in RATES:
        count = int(rate * plan.seconds)
        feeder.ask("prepare", count=count)
        begin, before = time.monotonic(), cpu_seconds(pid)
        feeder.ask("send", rate=rate)
        time.sleep(LEAD_SECONDS)
        cpu = cpu_seconds(pid) - before - idle * (time.monotonic() - begin)
        runs.add(subject, **{f"cpu {rate}": cpu / count * 1e6})

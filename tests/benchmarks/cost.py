"""The CPU time of a lookup in the server: without and with authentication, and over TLS."""

from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.load import Load
from tests.benchmarks.lookupcost import CREDENTIALS, LOGIN, PLAIN, TLS, TOKEN
from tests.benchmarks.lookups import BASELINE, UIDS, lookup, start_baseline
from tests.benchmarks.processes import SUBJECT_CORE, Helper, cpu_seconds

SECTION = "cost"
NAMES = {
    PLAIN: "without authentication",
    LOGIN: "with basic authentication",
    TOKEN: "with a bearer token",
    TLS: "over TLS",
}
CONNECTIONS = 32


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Load all variants and the baseline in turns.

    The CPU time is that of the process, so it varies less than the rate on a machine that does something else too.
    """
    runs = Runs()
    load = Load(wrk=plan.wrk)
    environ = {"PYTHONPATH": str(main.parent)}
    with Helper("lookupcost", str(plan.index_pods), on=SUBJECT_CORE, environ=environ) as helper:
        served = helper.read()
        paths = [lookup(uid) for uid in served["uids"][:UIDS]]
        variants = [variant for variant in NAMES if variant != TLS or load.can_use_tls]

        def run(subject: str, variant: str, port: int, pid: int) -> None:
            before = cpu_seconds(pid)
            done = load.run(
                *(port, paths),
                connections=CONNECTIONS,
                seconds=plan.seconds,
                authorization=CREDENTIALS.get(variant, ""),
                tls=variant == TLS,
            )
            runs.add(subject, **{variant: (cpu_seconds(pid) - before) / done["requests"] * 1e6})

        with start_baseline(served["ports"][PLAIN], paths[0]) as baseline:
            port: int = baseline.read()["port"]

            def run_all() -> None:
                run("baseline", PLAIN, port, baseline.pid)
                for variant in variants:
                    run("operator", variant, served["ports"][variant], helper.pid)

            interleaved(plan.runs, run_all)
    figures = [
        Figure(
            section=SECTION,
            name=f"CPU of a lookup {NAMES[variant]}",
            pods=plan.index_pods,
            unit="µs",
            values=runs.of("operator", variant),
            baseline=BASELINE,
            baseline_values=runs.of("baseline", PLAIN),
        )
        for variant in variants
    ]
    return figures, []

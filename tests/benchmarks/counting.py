"""The cost of counting a lookup for the metrics, and of authenticating it."""

from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.load import Load
from tests.benchmarks.lookupcost import COUNTED, LOGIN, TOKEN, UNCOUNTED, VARIANTS
from tests.benchmarks.lookups import lookup
from tests.benchmarks.processes import SUBJECT_CORE, Helper

SECTION = "counting"
NAMES = {COUNTED: "counted for the metrics", LOGIN: "with basic authentication", TOKEN: "with a bearer token"}
BASELINES = {
    COUNTED: (UNCOUNTED, "the same, not counted"),
    LOGIN: (COUNTED, "the same, counted, without authentication"),
    TOKEN: (COUNTED, "the same, counted, without authentication"),
}
"""The variant that each variant is compared with."""
ALONE, SERVED = "alone", "served"
WHERE = {ALONE: "without a server", SERVED: "with the server"}
CONNECTIONS = 32


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Measure the variants without a server, and the counted variant over HTTP too.

    Over HTTP, the variance of sockets would hide differences of half a microsecond.
    """
    runs = Runs()
    load = Load(wrk=plan.wrk)
    environ = {"PYTHONPATH": str(main.parent)}
    with Helper("lookupcost", str(plan.index_pods), on=SUBJECT_CORE, environ=environ) as helper:
        served_index = helper.read()
        paths = [lookup(uid) for uid in served_index["uids"]]

        def alone() -> None:
            seconds = helper.ask("measure", seconds=plan.seconds)
            runs.add(ALONE, **{name: seconds[name] * 1e6 for name in VARIANTS})

        def served() -> None:
            before = helper.ask("cpu")["cpu"]
            done = load.run(served_index["port"], paths, connections=CONNECTIONS, seconds=plan.seconds)
            runs.add(SERVED, **{COUNTED: (helper.ask("cpu")["cpu"] - before) / done["requests"] * 1e6})

        interleaved(plan.runs, alone, served)
    figures = [_figure(plan, runs, variant, where) for where in WHERE for variant in NAMES]
    added = {figure.name: (figure.ratio - 1) * 100 for figure in figures if WHERE[SERVED] in figure.name}
    return figures, [
        "counting: with the server: the counted lookup over HTTP, plus or minus the difference without a server",
        *(f"counting: {name}: {percent:+.1f} %" for name, percent in added.items()),
    ]


def _values(runs: Runs, where: str, variant: str) -> list[float]:
    """The CPU time of a lookup of this variant in each run, in microseconds."""
    if where == ALONE:
        return runs.of(ALONE, variant)
    runs_of_all = zip(*(runs.of(*key) for key in ((SERVED, COUNTED), (ALONE, variant), (ALONE, COUNTED))), strict=True)
    return [served + alone - counted for served, alone, counted in runs_of_all]


def _figure(plan: Plan, runs: Runs, variant: str, where: str) -> Figure:
    baseline, meaning = BASELINES[variant]
    return Figure(
        section=SECTION,
        name=f"CPU of a lookup {NAMES[variant]}, {WHERE[where]}",
        pods=plan.index_pods,
        unit="µs",
        values=_values(runs, where, variant),
        baseline=meaning,
        baseline_values=_values(runs, where, baseline),
    )

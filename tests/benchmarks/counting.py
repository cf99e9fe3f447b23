"""What is done beside answering a lookup: counting it for the metrics, and telling who asks."""

from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.load import Load
from tests.benchmarks.lookupcost import COUNTED, LOGIN, TOKEN, UNCOUNTED, VARIANTS
from tests.benchmarks.lookups import lookup
from tests.benchmarks.processes import SUBJECT_CORE, Helper

SECTION = "counting"
NAMES = {COUNTED: "counted for the metrics", LOGIN: "by who has the login", TOKEN: "by who has a token"}
FLOORS = {
    COUNTED: (UNCOUNTED, "the same, not counted"),
    LOGIN: (COUNTED, "the same, counted, without authentication"),
    TOKEN: (COUNTED, "the same, counted, without authentication"),
}
"""For each variant the one that it is compared with."""
ALONE, SERVED = "alone", "served"
WHERE = {ALONE: "without a server", SERVED: "with the server"}
CONNECTIONS = 32


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Call the application in turns with and without each; see as well what a lookup takes that comes by HTTP.

    There, half a microsecond is lost in what sockets take now and then. So it is measured without them.
    """
    runs = Runs()
    load = Load(wrk=plan.wrk)
    environ = {"PYTHONPATH": str(main.parent)}
    with Helper("lookupcost", str(plan.index_pods), on=SUBJECT_CORE, environ=environ) as helper:
        described = helper.read()
        paths = [lookup(uid) for uid in described["uids"]]

        def alone() -> None:
            taken = helper.ask("measure", seconds=plan.seconds)
            runs.add(ALONE, **{name: taken[name] * 1e6 for name in VARIANTS})

        def served() -> None:
            before = helper.ask("cpu")["cpu"]
            done = load.run(described["port"], paths, connections=CONNECTIONS, seconds=plan.seconds)
            runs.add(SERVED, **{COUNTED: (helper.ask("cpu")["cpu"] - before) / done["requests"] * 1e6})

        interleaved(plan.runs, alone, served)
    figures = [_figure(plan, runs, variant, where) for where in WHERE for variant in NAMES]
    added = {figure.name: (figure.ratio - 1) * 100 for figure in figures if WHERE[SERVED] in figure.name}
    return figures, [
        "counting: with the server is what a counted lookup takes by HTTP, plus or minus the difference without it",
        *(f"counting: {name}: {percent:+.1f} %" for name, percent in added.items()),
    ]


def _values(runs: Runs, where: str, variant: str) -> list[float]:
    """What a lookup takes in each run, as this variant."""
    if where == ALONE:
        return runs.of(ALONE, variant)
    together = zip(*(runs.of(*of) for of in ((SERVED, COUNTED), (ALONE, variant), (ALONE, COUNTED))), strict=True)
    return [served + alone - counted for served, alone, counted in together]


def _figure(plan: Plan, runs: Runs, variant: str, where: str) -> Figure:
    floor, meaning = FLOORS[variant]
    return Figure(
        section=SECTION,
        name=f"CPU of a lookup {NAMES[variant]}, {WHERE[where]}",
        pods=plan.index_pods,
        unit="µs",
        values=_values(runs, where, variant),
        floor=meaning,
        floor_values=_values(runs, where, floor),
    )

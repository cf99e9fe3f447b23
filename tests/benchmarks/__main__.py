"""``python -m tests.benchmarks``: measure pod-index, and a baseline for every figure.

The measured process has a core of its own; the API server, the clients and this program share another.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks import (
    clusters,
    cost,
    details,
    follow,
    hostile,
    keys,
    lookups,
    memory,
    pauses,
    price,
    real,
    report,
    sync,
    tail,
    updates,
)
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.processes import OUR_CORE
from tests.support.operator_process import MAIN

Section = Callable[[Plan, Path], tuple[list[Figure], list[str]]]

SECTIONS: dict[str, Section] = {
    "sync": sync.measure,
    "memory": memory.measure,
    "keys": keys.measure,
    "details": details.measure,
    "lookups": lookups.measure,
    "cost": cost.measure,
    "updates": updates.measure,
    "price": price.measure,
    "tail": tail.measure,
    "pauses": pauses.measure,
    "hostile": hostile.measure,
    "follow": follow.measure,
    "clusters": clusters.measure,
}
REAL = "real"


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write the figures; return the exit code."""
    options = parse(arguments)
    plan = make_plan(options)
    os.sched_setaffinity(0, {OUR_CORE})
    figures: list[Figure] = []
    notes: list[str] = []
    sections = {name: SECTIONS[name] for name in options.sections or SECTIONS}
    if options.real:
        sections = {REAL: real.measure, price.SECTION: price.measure}
    for section, measure in sections.items():
        begin = time.monotonic()
        measured, section_notes = measure(plan, options.operator.resolve())
        figures += measured
        notes += [*section_notes, f"{section}: measured in {time.monotonic() - begin:.0f} s"]
        print(f"{report.table(measured)}\n", flush=True)
        if options.json:
            chosen = {name: str(value) for name, value in vars(options).items()}
            options.json.write_text(report.document(figures, notes, chosen), encoding="utf-8")
    print(report.plot(figures))
    print("\n".join(["", *notes, "", *(f"{name}: {value}" for name, value in report.machine().items())]))
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(SECTIONS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, in about two minutes")
    parser.add_argument("--pods", type=int, nargs="+", help="sizes for sync and memory; default: 1000 10000 50000")
    parser.add_argument("--real", action="store_true", help="only a sync with a real kube-apiserver, and price")
    parser.add_argument("--index-pods", type=int, help="size for lookups, cost and updates; default: 10000")
    parser.add_argument("--runs", type=int, help="repetitions; default: 5")
    parser.add_argument(
        "--seconds",
        type=float,
        help="duration of a measurement of lookups, cost, updates, price or tail; default: 3",
    )
    parser.add_argument("--changes", type=int, help="changes that are sent at the highest rate; default: 20000")
    parser.add_argument("--relists", type=int, help="relists for memory; default: 10")
    parser.add_argument("--hostile", type=int, help="concurrent hostile clients; default: 2500")
    parser.add_argument(
        "--hostile-seconds", type=float, help="duration of a measurement with hostile clients; default: 25"
    )
    parser.add_argument("--no-wrk", action="store_true", help="do not use wrk, even if it is installed")
    parser.add_argument("--operator", type=Path, default=MAIN, help="the operator/main.py of another checkout")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args(arguments)
    for section in options.sections:
        if section not in SECTIONS:
            parser.error(f"there is no section {section!r}")
    return options


def make_plan(options: argparse.Namespace) -> Plan:
    """Return the plan of the options; the defaults depend on ``--quick``."""
    quick = options.quick
    pods = options.pods or ([1000, 5000] if quick else [1000, 10_000, 50_000])
    runs = options.runs or (2 if quick else 5)
    return Plan(
        pods=pods,
        index_pods=options.index_pods or min(10_000, max(pods)),
        tail_pods=max(pods),
        pause_pods=max(pods) if quick else 150_000,
        runs=runs,
        seconds=options.seconds or (1 if quick else 3),
        changes=options.changes or (5_000 if quick else 20_000),
        relists=options.relists or (3 if quick else 10),
        memory_runs=1 if quick else min(runs, 2),
        hostile_pods=max(pods),
        hostile_connections=options.hostile or (300 if quick else hostile.CONNECTIONS),
        hostile_seconds=options.hostile_seconds or (3 if quick else 25),
        hostile_runs=1 if quick else min(runs, 2),
        wrk=not options.no_wrk,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

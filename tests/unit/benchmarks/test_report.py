"""Figures, the table, the plot and the JSON."""

import dataclasses
import json
import math

import pytest

from tests.benchmarks.figures import Figure, Runs, interleaved, percentile
from tests.benchmarks.report import document, number, plot, table


def figure(pods: int, *values: float, floor: float = 1.0) -> Figure:
    return Figure(
        section="sync",
        name="start to ready",
        pods=pods,
        unit="s",
        values=values,
        floor="a bare reader",
        floor_values=[floor],
        plotted=True,
    )


def test_a_figure_is_the_median_of_its_runs_and_its_ratio_that_of_the_medians() -> None:
    measured = figure(1000, 9.0, 2.0, 3.0, floor=1.5)
    assert measured.median == 3.0
    assert measured.ratio == 2.0


def test_a_floor_of_nothing_has_no_ratio() -> None:
    assert math.isnan(figure(1000, 1.0, floor=0.0).ratio)
    assert number(math.nan) == "-"


@pytest.mark.parametrize(("percent", "expected"), [(0, 1.0), (50, 50.0), (99, 99.0), (99.9, 100.0), (100, 100.0)])
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [(43123.4, "43,123"), (143.6, "144"), (12.34, "12.3"), (4.567, "4.57"), (0.123, "0.12"), (0.0123, "0.012")],
)
def test_a_figure_is_shown_with_the_digits_that_count(value: float, shown: str) -> None:
    assert number(value) == shown


def test_runs_take_turns_so_that_a_slow_moment_hits_all() -> None:
    order: list[str] = []
    interleaved(2, lambda: order.append("operator"), lambda: order.append("floor"))
    assert order == ["operator", "floor"] * 2


def test_runs_keep_what_each_subject_has_measured() -> None:
    runs = Runs()
    runs.add("operator", rate=1.0, p50=2.0)
    runs.add("operator", rate=3.0, p50=4.0)
    runs.add("floor", rate=5.0)
    assert runs.of("operator", "rate") == [1.0, 3.0]
    assert runs.of("floor", "rate") == [5.0]


def test_the_table_has_a_line_for_each_figure_and_says_what_its_floor_is() -> None:
    other = dataclasses.replace(figure(50_000, 4.0), section="memory", floor="records")
    assert table([figure(1000, 2.0, 1.0, 4.0), other]).splitlines() == [
        "sync",
        "figure            pods  unit  median    (min .. max)  floor    (min .. max)  ratio  of",
        "start to ready   1,000  s       2.00  (1.00 .. 4.00)   1.00  (1.00 .. 1.00)   2.00  1",
        "",
        "memory",
        "figure            pods  unit  median    (min .. max)  floor    (min .. max)  ratio  of",
        "start to ready  50,000  s       4.00  (4.00 .. 4.00)   1.00  (1.00 .. 1.00)   4.00  2",
        "  floor 1: a bare reader",
        "  floor 2: records",
    ]


def test_the_plot_shows_each_size_and_how_the_figure_grows() -> None:
    shown = plot([figure(1000, 1.0, floor=0.5), figure(10_000, 10.0, floor=5.0)]).splitlines()
    assert shown == [
        "sync: start to ready [s], # with its floor o; grows with pods^1.00",
        "    1,000 |##### 1.00",
        "          |oo 0.50",
        "   10,000 |" + "#" * 50 + " 10.0",
        "          |" + "o" * 25 + " 5.00",
    ]


def test_one_size_is_no_growth() -> None:
    assert plot([figure(1000, 1.0)]) == ""
    assert plot([dataclasses.replace(figure(1000, 1.0), plotted=False)] * 2) == ""


def test_the_json_holds_the_runs_the_machine_and_the_options() -> None:
    written = json.loads(document([figure(1000, 2.0, 4.0, 3.0)], ["a note"], {"runs": "3"}))
    assert written["figures"][0]["values"] == [2.0, 4.0, 3.0]
    assert written["figures"][0]["median"] == written["figures"][0]["ratio"] == 3.0
    assert written["notes"] == ["a note"]
    assert written["options"] == {"runs": "3"}
    assert set(written["machine"]) == {"date", "cpu", "kernel", "python", "versions"}
    assert "uvloop" in written["machine"]["versions"]

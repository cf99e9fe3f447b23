"""The statistics of the benchmarks."""

import pytest

from tests.benchmarks.figures import Figure, percentile


def test_a_figure_is_the_median_of_its_runs_and_its_ratio_that_of_the_medians() -> None:
    figure = Figure(
        section="sync",
        name="start to ready",
        pods=1000,
        unit="s",
        values=(9.0, 2.0, 3.0),
        baseline="a bare reader",
        baseline_values=[1.0, 1.5, 7.0],
    )
    assert figure.median == 3.0
    assert figure.ratio == 2.0


@pytest.mark.parametrize(("percent", "expected"), [(0, 1.0), (50, 50.0), (99, 99.0), (99.9, 100.0), (100, 100.0)])
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected

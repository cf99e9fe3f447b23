"""What the benchmark says of hostile clients."""

from collections import Counter

from tests.benchmarks.figures import Runs
from tests.benchmarks.hostile import failures, outcomes
from tests.hostile import Summary


def test_lookups_that_failed_are_counted_over_all_runs() -> None:
    runs = Runs()
    for failed in (0, 2):
        runs.add("without", asked=1000, failed=0)
        runs.add("with", asked=1000, failed=failed)
    assert failures(runs).endswith("failed 0 of 2,000 without hostile ones, 2 of 2,000 with hostile ones")


def test_what_became_of_the_hostile_ones_is_told_by_kind() -> None:
    silent = Summary(
        connections=1200,
        open=200,
        outcomes=Counter({"408": 997, "reset": 3}),
        errors=Counter({"too slow": 997}),
        seconds={"408": 10.04, "reset": 0.5},
    )
    nonsense = Summary(connections=7, open=0, outcomes=Counter({"400": 7}), errors=Counter(), seconds={"400": 0.0})
    assert outcomes({"silent": silent, "nonsense": nonsense}, 0.04) == [
        "hostile: 200 were connected in the end; their process took 4% of a core",
        (
            "hostile: silent: 1,200 connections, 200 open; 408 997 times after 10.0 s; reset 3 times after 0.5 s; "
            "'too slow' 997 times"
        ),
        "hostile: nonsense: 7 connections, 0 open; 400 7 times after 0.0 s",
    ]

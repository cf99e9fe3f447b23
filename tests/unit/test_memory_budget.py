"""The memory budget of the documentation follows from the code, and the memory limits from the budget."""

import pytest
from msgspec import structs

from pod_index.settings import Settings
from tests.support import memory_budget
from tests.support.documents import MANIFESTS, OPERATOR, section, table
from tests.support.manifests import mebibytes, memory_limit

SIZES = {int(row[0].replace(",", "")): row for row in table(MANIFESTS, "pods")}


def test_the_table_is_that_of_the_code() -> None:
    assert memory_budget.table() in section(OPERATOR, "### Memory budget")


def test_the_sums_are_those_of_the_lines() -> None:
    *lines, few, many = table(OPERATOR, "what")
    for column, sum_for_few, sum_for_many in zip((3, 4), few[3:], many[3:], strict=True):
        assert sum(int(line[column]) for line in lines) == int(sum_for_few)
        assert int(sum_for_few) < int(sum_for_many)


def test_every_setting_in_the_table_exists() -> None:
    settings = {f"`{field.name.upper()}`" for field in structs.fields(Settings)}
    assert {line[1] for line in table(OPERATOR, "what")} - {""} <= settings


@pytest.mark.parametrize("pods", SIZES)
def test_the_memory_limits_of_the_sizing_table_hold_the_sum(pods: int) -> None:
    *_, requests, limits = SIZES[pods]
    assert mebibytes(limits.split(", ")[1]) == memory_budget.limit(pods)
    assert mebibytes(requests.split(", ")[1]) < memory_budget.limit(pods)


def test_the_limit_of_the_deployment_holds_the_sum_of_50_000_pods() -> None:
    assert memory_limit() == memory_budget.limit(50_000) * 1024 * 1024

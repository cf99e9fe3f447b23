"""The ports that tests listen on."""

import itertools

import pytest

from tests.support.operator_process import PORTS, ports_of


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6])
def test_the_processes_of_a_test_run_share_no_port(workers: int) -> None:
    blocks = [set(ports_of(f"gw{number}", workers)) for number in range(workers)]
    assert all(first.isdisjoint(second) for first, second in itertools.combinations(blocks, 2))
    assert set.union(*blocks) <= set(PORTS)
    assert min(map(len, blocks)) > 1000


def test_a_single_process_has_all_ports() -> None:
    assert ports_of("", 1) == PORTS

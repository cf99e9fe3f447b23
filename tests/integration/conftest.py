"""A small API server and an operator that watches it."""

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def operator(server: ApiServer, start_operator: StartOperator) -> OperatorProcess:
    """An operator that is ready."""
    operator = start_operator(server)
    operator.wait_until_ready()
    return operator

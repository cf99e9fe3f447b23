"""Small API servers and operators that watch them: one of each for a test, or shared by the tests of a session."""

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


@pytest.fixture(scope="session")
def shared_server() -> Iterator[ApiServer]:
    """A server for tests that only create pods, under names of their own."""
    with ApiServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_operator(shared_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that is ready, for tests that only send requests: it takes longer to start than they take."""
    with OperatorProcess(tmp_path_factory.mktemp("operator"), shared_server.kubeconfig()) as operator:
        operator.wait_until_ready()
        yield operator

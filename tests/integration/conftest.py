"""An API server and an operator that watches it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.apiserver import ApiServer
from tests.operator_process import OperatorProcess


class StartOperator(Protocol):
    """Starts an operator on an API server; it is stopped when the test ends."""

    def __call__(self, server: ApiServer, *arguments: str, token: str | None = None, **environ: str) -> OperatorProcess:
        """Start it with arguments of ``kopf run`` and environment variables."""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def start_operator(tmp_path: Path) -> Iterator[StartOperator]:
    with ExitStack() as stack:
        started = 0

        def start(server: ApiServer, *arguments: str, token: str | None = None, **environ: str) -> OperatorProcess:
            nonlocal started
            started += 1
            folder = tmp_path / f"operator-{started}"
            folder.mkdir()
            operator = OperatorProcess(folder, server.kubeconfig(token), *arguments, environ=environ)
            return stack.enter_context(operator)

        yield start


@pytest.fixture
def operator(server: ApiServer, start_operator: StartOperator) -> OperatorProcess:
    """An operator that is ready."""
    operator = start_operator(server)
    operator.wait_until_ready()
    return operator

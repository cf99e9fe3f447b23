"""Operators for the tests that need one, and the API servers that they watch: the small one or a real one."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest

from tests.kubernetes import Binaries, KubernetesApiServer, Unavailable, provide
from tests.support.operator_process import OperatorProcess

E2E = Path(__file__).parent / "e2e"
CONFORMANCE = Path(__file__).parent / "conformance"
PROVIDED = pytest.StashKey[Binaries | Unavailable]()

# Whoever runs the tests runs the same ones: a change is not refused for what it did not touch. To look for more,
# there is HYPOTHESIS_PROFILE=default.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the suite in tests/conformance run on either server."""
    parser.addoption(
        "--backend",
        choices=["small", "real"],
        default="small",
        help="the API server of tests/conformance: tests/apiserver, or a kube-apiserver with etcd",
    )
    parser.addoption(
        "--context",
        help="run tests/conformance on the cluster of this context instead: kind-*, k3d-* or minikube",
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find or build the binaries before the first test, whose timeout is too short for a build."""
    folders = {folder for item in session.items for folder in item.path.parents}
    wanted = session.config.getoption("--backend") == "real" and not session.config.getoption("--context")
    real = E2E in folders or (CONFORMANCE in folders and wanted)
    if real and not session.config.option.collectonly:
        try:
            session.stash[PROVIDED] = provide()
        except Unavailable as error:
            session.stash[PROVIDED] = error


@pytest.fixture(scope="session")
def binaries(request: pytest.FixtureRequest) -> Binaries:
    """Etcd and kube-apiserver; without them the test is skipped, or fails if POD_INDEX_E2E is `require`."""
    provided = request.session.stash[PROVIDED]
    if isinstance(provided, Unavailable):
        if os.environ.get("POD_INDEX_E2E") == "require":
            pytest.fail(f"POD_INDEX_E2E=require, but {provided}", pytrace=False)
        pytest.skip(str(provided))
    return provided


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[KubernetesApiServer]:
    """One real server for all tests that leave it as they found it: running, its history whole."""
    with KubernetesApiServer(binaries) as server:
        yield server


class HasKubeconfig(Protocol):
    """Any API server of the tests."""

    def kubeconfig(self, token: str | None = None) -> str:
        """The text of a kubeconfig for the token, or for an admin."""


class StartOperator(Protocol):
    """Starts an operator on an API server; it is stopped when the test ends."""

    def __call__(
        self, server: HasKubeconfig, *arguments: str, token: str | None = None, **environ: str
    ) -> OperatorProcess:
        """Start it with arguments of ``kopf run`` and environment variables."""


@pytest.fixture
def start_operator(tmp_path: Path) -> Iterator[StartOperator]:
    with ExitStack() as stack:
        started = 0

        def start(server: HasKubeconfig, *arguments: str, token: str | None = None, **environ: str) -> OperatorProcess:
            nonlocal started
            started += 1
            folder = tmp_path / f"operator-{started}"
            folder.mkdir()
            operator = OperatorProcess(folder, server.kubeconfig(token), *arguments, environ=environ)
            return stack.enter_context(operator)

        yield start

"""Options and fixtures of all suites: operators, and real API servers for them to watch."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Protocol

import hypothesis
import pytest

from tests.kubernetes import Binaries, KubernetesApiServer, Unavailable, provide
from tests.support.operator_process import OperatorProcess

E2E = Path(__file__).parent / "e2e"
CONFORMANCE = Path(__file__).parent / "conformance"
PROVIDED = pytest.StashKey[Binaries | Unavailable]()

# The examples are the same in all runs: no change fails for what it did not touch. Few of them in the default run,
# many with HYPOTHESIS_PROFILE=thorough; HYPOTHESIS_PROFILE=default searches at random.
for profile, derandomize, examples in (("repeatable", True, 30), ("thorough", True, 300), ("default", False, 300)):
    hypothesis.settings.register_profile(profile, derandomize=derandomize, deadline=None, max_examples=examples)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that select the API server of ``tests/conformance``."""
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
    """Find or build the binaries before the first test: its timeout is too short for a build."""
    folders = {folder for item in session.items for folder in item.path.parents}
    wanted = session.config.getoption("--backend") == "real" and not session.config.getoption("--context")
    real = E2E in folders or (CONFORMANCE in folders and wanted)
    if real and not session.config.option.collectonly:
        try:
            session.stash[PROVIDED] = provide()
        except Unavailable as error:
            session.stash[PROVIDED] = error


def skip_or_fail(reason: str) -> NoReturn:
    """End a test that cannot run here; it fails if ``POD_INDEX_E2E`` is ``require``."""
    if os.environ.get("POD_INDEX_E2E") == "require":
        pytest.fail(f"POD_INDEX_E2E=require, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def binaries(request: pytest.FixtureRequest) -> Binaries:
    """Etcd and kube-apiserver. Without them, the test is skipped, or fails if ``POD_INDEX_E2E`` is ``require``."""
    provided = request.session.stash[PROVIDED]
    if isinstance(provided, Unavailable):
        skip_or_fail(str(provided))
    return provided


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[KubernetesApiServer]:
    """A real server for all tests that neither stop it nor remove its history."""
    with KubernetesApiServer(binaries) as server:
        yield server


class HasKubeconfig(Protocol):
    """Any API server of the tests."""

    def kubeconfig(self, token: str | None = None) -> str:
        """Return a kubeconfig with the token, or with the rights of an admin."""


class StartOperator(Protocol):
    """Starts operators, which are stopped at the end of the test."""

    def __call__(
        self, server: HasKubeconfig, *arguments: str, token: str | None = None, **environ: str
    ) -> OperatorProcess:
        """Start an operator for ``server``, with arguments of ``kopf run`` and environment variables."""


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

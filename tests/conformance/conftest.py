"""The API server that ``--backend`` or ``--context`` selects, and operators that watch it."""

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer as SmallApiServer
from tests.conformance.cluster import READER, ApiServer, Cluster
from tests.kubernetes import ExistingCluster, TcpProxy
from tests.support.operator_process import OperatorProcess


@pytest.fixture(scope="session")
def api_server(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    if context := request.config.getoption("--context"):
        with ExistingCluster(context) as existing:
            yield existing
    elif request.config.getoption("--backend") == "real":
        yield request.getfixturevalue("control_plane")
    else:
        with SmallApiServer(tls=True) as server:
            yield server


@pytest.fixture
def cluster(api_server: ApiServer) -> Iterator[Cluster]:
    """A cluster without pods of the tests."""
    api_server.pods.delete_all()
    with TcpProxy(api_server.port) as network:
        yield Cluster(api_server, network)


@pytest.fixture(scope="module")
def shared_cluster(api_server: ApiServer) -> Iterator[Cluster]:
    """A cluster for all tests of a module: each creates pods, IPs and IDs of its own, and repairs what it breaks."""
    api_server.pods.delete_all()
    with TcpProxy(api_server.port) as network:
        yield Cluster(api_server, network)


@pytest.fixture(scope="session")
def token(api_server: ApiServer) -> str:
    """A token with exactly the rights of pod-index."""
    return api_server.access.issue_token("reader", READER)


@pytest.fixture(scope="module")
def shared_operator(
    shared_cluster: Cluster, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that is ready, for all tests of a module: an operator takes longer to start than a test to run."""
    folder = tmp_path_factory.mktemp("operator")
    with OperatorProcess(folder, shared_cluster.kubeconfig(token)) as operator:
        operator.wait_until_ready()
        yield operator

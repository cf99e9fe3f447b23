"""The API server that ``--backend`` or ``--context`` chooses, without pods of ours at the beginning of every test."""

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer as SmallApiServer
from tests.conformance.cluster import READER, ApiServer, Cluster
from tests.conftest import StartOperator
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
    api_server.pods.delete_all()
    with TcpProxy(api_server.port) as network:
        yield Cluster(api_server, network)


@pytest.fixture(scope="module")
def shared_cluster(api_server: ApiServer) -> Iterator[Cluster]:
    """A cluster for all tests of a module: each makes pods, IPs and IDs of its own, and heals what it breaks."""
    api_server.pods.delete_all()
    with TcpProxy(api_server.port) as network:
        yield Cluster(api_server, network)


@pytest.fixture(scope="session")
def token(api_server: ApiServer) -> str:
    """A token with the rights of pod-index and no others."""
    return api_server.access.issue_token("reader", READER)


@pytest.fixture
def operator(cluster: Cluster, token: str, start_operator: StartOperator) -> OperatorProcess:
    """An operator that is ready."""
    operator = start_operator(cluster, token=token)
    operator.wait_until_ready()
    return operator


@pytest.fixture(scope="module")
def shared_operator(
    shared_cluster: Cluster, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that is ready, for all tests of a module: an operator takes longer to start than a test to run."""
    folder = tmp_path_factory.mktemp("operator")
    with OperatorProcess(folder, shared_cluster.kubeconfig(token)) as operator:
        operator.wait_until_ready()
        yield operator

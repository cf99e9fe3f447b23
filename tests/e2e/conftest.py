"""Real API servers that a test may break, each behind a network that can fail."""

from collections.abc import Iterator

import pytest

from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.kubernetes import Binaries, KubernetesApiServer, TcpProxy
from tests.operator_process import OperatorProcess


@pytest.fixture
def cluster(control_plane: KubernetesApiServer) -> KubernetesApiServer:
    """The run's server, without any pod at the beginning."""
    control_plane.pods.delete_all()
    return control_plane


@pytest.fixture
def breakable(binaries: Binaries) -> Iterator[KubernetesApiServer]:
    """A server of the test's own."""
    with KubernetesApiServer(binaries) as server:
        yield server


@pytest.fixture
def network(breakable: KubernetesApiServer) -> Iterator[TcpProxy]:
    """The network between the operator and the server of the test's own."""
    with TcpProxy(breakable.port) as network:
        yield network


@pytest.fixture
def operator(breakable: KubernetesApiServer, network: TcpProxy, start_operator: StartOperator) -> OperatorProcess:
    """An operator that is ready on the server of the test's own."""
    operator = start_operator(Cluster(breakable, network))
    operator.wait_until_ready()
    return operator

"""Real API servers that a test may break, each behind a network that can fail, and kustomizations for them."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.e2e.deployed import Deployed, Kustomize
from tests.kubernetes import Binaries, KubernetesApiServer, TcpProxy
from tests.support.manifests import FOLDER, overlay
from tests.support.monitoring import custom_resource_definitions
from tests.support.operator_process import OperatorProcess


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


@pytest.fixture(scope="session")
def kubectl_knows_components(control_plane: KubernetesApiServer) -> None:
    """Kustomize has components since 3.7, and kubectl 1.21 is the first with a newer one than 2.0."""
    version = json.loads(control_plane.kubectl("version", "--client", "-o", "json"))["clientVersion"]
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < (1, 21):
        reason = f"kubectl {version['gitVersion']} knows no components of kustomize; 1.21 is the first that does"
        if os.environ.get("POD_INDEX_E2E") == "require":
            pytest.fail(f"POD_INDEX_E2E=require, but {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def kinds_of_the_prometheus_operator(control_plane: KubernetesApiServer) -> None:
    """What the component ``monitoring`` needs of the cluster."""
    definitions = custom_resource_definitions()
    control_plane.kubectl("apply", "-f", "-", stdin=definitions)
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", "-", stdin=definitions)


@pytest.fixture(scope="module")
def nothing_is_deployed(control_plane: KubernetesApiServer, kubectl_knows_components: None) -> None:
    """Other modules leave rights behind."""
    control_plane.kubectl("delete", "-k", str(FOLDER), "--ignore-not-found")


@pytest.fixture
def kustomize(
    cluster: KubernetesApiServer, nothing_is_deployed: None, kinds_of_the_prometheus_operator: None, tmp_path: Path
) -> Iterator[Kustomize]:
    with ExitStack() as stack:
        made = 0

        def kustomize(*components: str, namespace: str = "") -> Deployed:
            nonlocal made
            made += 1
            folder = tmp_path / f"overlay-{made}"
            folder.mkdir()
            if namespace:
                wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
                cluster.kubectl("apply", "-f", "-", stdin=json.dumps(wanted))
            deployed = Deployed(cluster, overlay(folder, *components, namespace=namespace))
            stack.callback(deployed.delete)
            return deployed

        yield kustomize

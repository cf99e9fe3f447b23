"""Real API servers that a test can break, proxies in front of them, and kustomizations for them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator, skip_or_fail
from tests.e2e.deployed import Deployed, Kustomize
from tests.e2e.helm import Helm
from tests.kubernetes import Binaries, KubernetesApiServer, TcpProxy, Unavailable, provide_helm
from tests.support.manifests import FOLDER, overlay
from tests.support.monitoring import custom_resource_definitions
from tests.support.operator_process import OperatorProcess

PROVIDED_HELM = pytest.StashKey[Path | Unavailable]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest: in two processes, all others run beside it."""
    items.sort(key=lambda item: item.path.name != "test_scale.py")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find or build helm before the first test: its timeout is too short for a build."""
    wanted = any("helm" in item.fixturenames for item in session.items if isinstance(item, pytest.Function))
    if wanted and not session.config.option.collectonly:
        try:
            session.stash[PROVIDED_HELM] = provide_helm()
        except Unavailable as error:
            session.stash[PROVIDED_HELM] = error


@pytest.fixture
def helm(request: pytest.FixtureRequest, control_plane: KubernetesApiServer, tmp_path: Path) -> Helm:
    """Helm for the server of the session. Without it, the test is skipped, or fails as without etcd."""
    provided = request.session.stash[PROVIDED_HELM]
    if isinstance(provided, Unavailable):
        skip_or_fail(str(provided))
    folder = tmp_path / "helm"
    folder.mkdir()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(control_plane.kubeconfig())
    return Helm(provided, folder, kubeconfig)


@pytest.fixture
def cluster(control_plane: KubernetesApiServer) -> KubernetesApiServer:
    """The server of the session, without pods at the start."""
    control_plane.pods.delete_all()
    return control_plane


@pytest.fixture
def breakable(binaries: Binaries) -> Iterator[KubernetesApiServer]:
    """A server of its own for the test."""
    with KubernetesApiServer(binaries) as server:
        yield server


@pytest.fixture
def network(breakable: KubernetesApiServer) -> Iterator[TcpProxy]:
    """The proxy between the operator and ``breakable``."""
    with TcpProxy(breakable.port) as network:
        yield network


@pytest.fixture
def operator(breakable: KubernetesApiServer, network: TcpProxy, start_operator: StartOperator) -> OperatorProcess:
    """An operator that is ready on ``breakable``."""
    operator = start_operator(Cluster(breakable, network))
    operator.wait_until_ready()
    return operator


@pytest.fixture(scope="session")
def kubectl_knows_components(control_plane: KubernetesApiServer) -> None:
    """Skip without components in kustomize: it has them since 3.7, and kubectl has a newer one than 2.0 since 1.21."""
    version = json.loads(control_plane.kubectl("version", "--client", "-o", "json"))["clientVersion"]
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < (1, 21):
        skip_or_fail(f"kubectl {version['gitVersion']} does not support components of kustomize; 1.21 does")


@pytest.fixture(scope="session")
def kinds_of_the_prometheus_operator(control_plane: KubernetesApiServer) -> None:
    """The custom resource definitions that the component ``monitoring`` needs."""
    definitions = custom_resource_definitions()
    control_plane.kubectl("apply", "-f", "-", stdin=definitions)
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", "-", stdin=definitions)


@pytest.fixture(scope="module")
def nothing_is_deployed(control_plane: KubernetesApiServer, kubectl_knows_components: None) -> None:
    """Delete the rights that other modules have created."""
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

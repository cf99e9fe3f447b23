"""The kubectl plugin asks pod-index through a real kube-apiserver."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver import make_pod
from tests.conftest import StartOperator
from tests.kubernetes import KubernetesApiServer
from tests.support.documents import MANIFESTS, section
from tests.support.manifests import FOLDER
from tests.support.polling import eventually

SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: pod-index-1, namespace: default, labels: {{kubernetes.io/service-name: pod-index}}}}
addressType: IPv4
ports: [{{name: http, protocol: TCP, port: {port}}}]
endpoints:
  - addresses: ["{address}"]
    conditions: {{ready: true}}
    # kube-apiserver connects only to the IP of a pod.
    targetRef: {{kind: Pod, namespace: default, name: pod-index-1}}
"""


@pytest.fixture
def plugin(cluster: KubernetesApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin in PATH, and a service without endpoints. Nothing else creates them: there is no controller."""
    monkeypatch.setenv("PATH", str(FOLDER / "scripts"), prepend=":")
    cluster.kubectl("apply", "-f", str(FOLDER / "service.yaml"))
    yield
    cluster.kubectl("delete", "-f", str(FOLDER / "service.yaml"))
    cluster.kubectl("delete", "endpointslice", "pod-index-1", "--ignore-not-found")


def own_address() -> str:
    """Return the address of this machine: kube-apiserver refuses to connect to loopback for a user."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unconnected:
        try:
            unconnected.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(unconnected.getsockname()[0])


def test_it_says_what_is_missing_and_finds_a_pod(
    cluster: KubernetesApiServer, plugin: None, start_operator: StartOperator, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="there is no service pod-index in the namespace kube-public"):
        cluster.kubectl("which-pod", "-n", "kube-public", "default/web")
    with pytest.raises(RuntimeError, match="has no pod that is ready: see kubectl get pods -n default"):
        cluster.kubectl("which-pod", "default/web")
    created = cluster.pods.create(make_pod("web", node="node-1"))
    operator = start_operator(cluster, CLUSTER_NAME="eu-1")
    operator.wait_until_ready()
    cluster.pods.create(make_pod("pod-index-1", node="node-1", ip=own_address(), phase="Running"))
    endpoints = SLICE.format(port=operator.port, address=own_address())
    cluster.kubectl("apply", "-f", "-", stdin=endpoints)
    uid = created["metadata"]["uid"]
    eventually(lambda: f"uid:         {uid}\n" in card(cluster))
    with pytest.raises(RuntimeError, match="Warning: a name needs its namespace, for example shop/web-1"):
        cluster.kubectl("which-pod", "web")
    assert card(cluster, option="--all-clusters").startswith(f"cluster:     eu-1\nuid:         {uid}\n")
    with pytest.raises(RuntimeError, match="no cluster knows the pod"):
        cluster.kubectl("which-pod", "--all-clusters", "default/none")

    kubeconfig = tmp_path / "user.kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig(cluster.access.issue_token("asker", [])))
    with pytest.raises(RuntimeError, match="you may not get services/proxy in the namespace default"):
        cluster.kubectl("which-pod", uid, kubeconfig=kubeconfig)
    grant, bind = re.findall(r"^kubectl (create role.*)$", section(MANIFESTS, "## kubectl which-pod"), re.MULTILINE)
    cluster.kubectl(*grant.split())
    cluster.kubectl(*bind.replace("--group=on-call", "--serviceaccount=default:asker").split())
    try:
        eventually(lambda: uid in card(cluster, kubeconfig))
        eventually(lambda: uid in card(cluster, kubeconfig, "--all-clusters"))
    finally:
        cluster.kubectl("delete", "role,rolebinding", "which-pod")


def card(cluster: KubernetesApiServer, kubeconfig: Path | None = None, option: str = "--details") -> str:
    """Return the output of the plugin; empty while it fails: the API server watches endpoints and roles."""
    try:
        return cluster.kubectl("which-pod", option, "default/web", kubeconfig=kubeconfig or "")
    except RuntimeError:
        return ""

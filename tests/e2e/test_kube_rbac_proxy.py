"""``components/kube-rbac-proxy`` on a real kube-apiserver, and where it is installed, with the proxy itself."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.apiserver import make_pod
from tests.conftest import StartOperator
from tests.e2e.deployed import Deployed, Kustomize
from tests.kubernetes import KubernetesApiServer
from tests.support.documents import MANIFESTS, section
from tests.support.manifests import FOLDER, JSON
from tests.support.operator_process import free_port
from tests.support.polling import eventually

COMPONENT = FOLDER / "components/kube-rbac-proxy"
CHECKED = yaml.safe_load((COMPONENT / "config.yaml").read_text())["authorization"]["resourceAttributes"]


@pytest.fixture
def deployed(kustomize: Kustomize) -> Deployed:
    deployed = kustomize("kube-rbac-proxy")
    deployed.apply()
    return deployed


@pytest.fixture
def client_token(cluster: KubernetesApiServer) -> Iterator[str]:
    """A token of the service account that has the documented permission."""
    (text,) = re.findall(r"```yaml\n(.*?)```", section(MANIFESTS, "## kube-rbac-proxy"), re.DOTALL)
    namespace = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "logging"}}'
    cluster.kubectl("apply", "-f", "-", stdin=namespace)
    cluster.kubectl("apply", "-f", "-", stdin=text)
    yield cluster.service_account_token("logging", "agent")
    cluster.kubectl("delete", "-f", "-", stdin=text)


def proxy_kubeconfig(cluster: KubernetesApiServer, folder: Path) -> Path:
    """Return the kubeconfig of the proxy: it has the service account of pod-index."""
    path = folder / "proxy.kubeconfig"
    path.write_text(cluster.kubeconfig(cluster.service_account_token("default", "pod-index")))
    return path


def allowed(cluster: KubernetesApiServer, kubeconfig: Path, user: str, **access: JSON) -> bool:
    """Ask for a permission of a user, as the proxy does."""
    groups = ["system:serviceaccounts", "system:authenticated"]
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    answer = cluster.kubectl(
        *("create", "--validate=false", "-f", "-", "-o", "jsonpath={.status.allowed}"),
        stdin=yaml.safe_dump(review | {"spec": {"user": user, "groups": groups, **access}}),
        kubeconfig=kubeconfig,
    )
    return answer == "true"


def test_the_service_account_may_ask_about_clients_and_the_documented_role_lets_them_in(
    deployed: Deployed, cluster: KubernetesApiServer, client_token: str, tmp_path: Path
) -> None:
    kubeconfig = proxy_kubeconfig(cluster, tmp_path)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": client_token}}

    def user() -> str:
        try:
            return cluster.kubectl(
                *("create", "--validate=false", "-f", "-", "-o", "jsonpath={.status.user.username}"),
                stdin=yaml.safe_dump(review),
                kubeconfig=kubeconfig,
            )
        except RuntimeError:  # RBAC reads bindings from a watch.
            return ""

    eventually(lambda: user() == "system:serviceaccount:logging:agent")
    resource = {"group": CHECKED["apiGroup"], "resource": CHECKED["resource"]}
    checks = [resource | {"verb": verb} for verb in ("get", "create")]
    eventually(lambda: all(allowed(cluster, kubeconfig, user(), resourceAttributes=check) for check in checks))
    other = "system:serviceaccount:logging:other"
    assert not any(allowed(cluster, kubeconfig, other, resourceAttributes=check) for check in checks)


def test_all_service_accounts_may_get_the_path_of_lookups_so_it_is_no_permission(
    deployed: Deployed, cluster: KubernetesApiServer, tmp_path: Path
) -> None:
    """https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles."""
    kubeconfig = proxy_kubeconfig(cluster, tmp_path)
    path = {"verb": "get", "path": "/api/v1/pod"}

    def everybody() -> bool:
        try:
            return allowed(cluster, kubeconfig, "system:serviceaccount:logging:other", nonResourceAttributes=path)
        except RuntimeError:
            return False

    eventually(everybody)


def test_the_plugin_names_the_way_behind_the_proxy(
    deployed: Deployed, cluster: KubernetesApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(FOLDER / "scripts"), prepend=":")
    with pytest.raises(RuntimeError, match="port-forward -n default deployment/pod-index 8080:8080, and curl "):
        cluster.kubectl("which-pod", "default/web")


@pytest.mark.skipif(shutil.which("kube-rbac-proxy") is None, reason="kube-rbac-proxy is not installed")
def test_the_proxy_lets_in_service_accounts_with_the_permission(
    deployed: Deployed,
    cluster: KubernetesApiServer,
    client_token: str,
    start_operator: StartOperator,
    tmp_path: Path,
) -> None:
    """With the arguments of the manifest, but other ports and the credentials in a file."""
    pod = cluster.pods.create(make_pod("web"))
    spec = deployed.deployment()["spec"]["template"]["spec"]
    environ = {variable["name"]: variable["value"] for variable in spec["containers"][0]["env"]}
    operator = start_operator(cluster, **environ)
    operator.wait_until_ready()
    port, (proxy,) = free_port(), spec["initContainers"]
    arguments = " ".join(proxy["args"]).replace(":8443", f":{port}").replace(":8080", f":{operator.port}")
    arguments = arguments.replace("/etc/kube-rbac-proxy", str(COMPONENT))
    kubeconfig = proxy_kubeconfig(cluster, tmp_path)
    with (
        subprocess.Popen(["kube-rbac-proxy", *arguments.split(), f"--kubeconfig={kubeconfig}"]) as process,
        httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False) as client,
    ):
        try:
            lookup = f"/api/v1/pod?uid={pod['metadata']['uid']}"
            agent = {"Authorization": f"Bearer {client_token}"}
            other = {"Authorization": f"Bearer {cluster.service_account_token('logging', 'other')}"}

            def status(path: str, headers: dict[str, str]) -> int:
                try:
                    return client.get(path, headers=headers).status_code
                except httpx.TransportError:
                    return 0

            eventually(lambda: status("/ready", {}) == 200)
            eventually(lambda: status(lookup, agent) == 200)
            for path in (lookup, "/metrics", "/", "/api/v1/pods?namespace=default"):
                assert status(path, {}) == 401
                assert status(path, other) == 403
                assert status(path, agent) == 200
            assert status("/health", {}) == 200
            batch = client.post("/api/v1/pods/lookup", json={"ids": ["default/web"]}, headers=agent)
            assert batch.json()["results"][0]["pod"]["name"] == "web"
            with client.stream("GET", "/api/v1/pods?watch=true&namespace=default", headers=agent) as stream:
                assert '"ADDED"' in next(stream.iter_lines())
        finally:
            process.terminate()

"""Every way to log in that the documentation describes, on a real kube-apiserver."""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver import make_pod
from tests.conftest import StartOperator
from tests.kubernetes import KubernetesApiServer
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually

RBAC = Path(__file__).parents[2] / "manifests" / "rbac.yaml"


@pytest.fixture(autouse=True)
def rights_and_pods(cluster: KubernetesApiServer) -> None:
    """Apply manifests/rbac.yaml, and create some pods."""
    cluster.kubectl("apply", "-f", str(RBAC))
    cluster.pods.load(make_pod(f"web-{number}") for number in range(5))


@pytest.fixture
def token(cluster: KubernetesApiServer) -> str:
    """A token of the service account in the manifests, from the TokenRequest API."""
    return cluster.service_account_token("default", "pod-index")


class Kubeconfig:
    """A kubeconfig with this user."""

    def __init__(self, cluster: KubernetesApiServer, user: dict[str, Any]) -> None:
        self._text = cluster.kubeconfig(user=user)

    def kubeconfig(self, token: str | None = None) -> str:
        return self._text


def test_the_deployed_service_account_may_read_pods_and_nothing_else(
    cluster: KubernetesApiServer, token: str, tmp_path: Path, start_operator: StartOperator
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig(token))

    def rights(*arguments: str) -> dict[str, str]:
        listed = cluster.kubectl("auth", "can-i", "--list", *arguments, "--no-headers", kubeconfig=kubeconfig)
        # The columns are resource, non-resource URLs, names, verbs; a row for URLs has no resource.
        rows = (line.split("[") for line in listed.splitlines())
        return {row[0].strip(): row[-1].strip("] ") for row in rows if row[0].strip()}

    # https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles and system:basic-user
    for_all_users = {
        "selfsubjectreviews.authentication.k8s.io": "create",
        "selfsubjectaccessreviews.authorization.k8s.io": "create",
        "selfsubjectrulesreviews.authorization.k8s.io": "create",
        "clustertrustbundles.certificates.k8s.io": "get list watch",
    }
    for namespace in ("default", "kube-system"):
        found = rights("-n", namespace)
        assert found == for_all_users | {"pods": "get list watch"}
    operator = start_operator(cluster, token=token)
    assert_equal(operator, cluster.pods.pods())


def test_a_token_file_that_is_renewed_before_and_after_it_expires(
    cluster: KubernetesApiServer, tmp_path: Path, start_operator: StartOperator
) -> None:
    token = tmp_path / "token"

    def renew(seconds: float) -> None:
        token.write_text(cluster.service_account_token("default", "pod-index", seconds))

    # kube-apiserver accepts a token for a minute longer (the leeway of go-jose), and caches it for ten seconds.
    renew(-50)
    # Idle watches restart every second, so that an expired token has an effect.
    operator = start_operator(Kubeconfig(cluster, {"tokenFile": str(token)}), WATCH_IDLE_SECONDS="1")
    assert_equal(operator, cluster.pods.pods())
    operator.wait_until_log_says("401 Unauthorized", within=60)
    cluster.pods.create(make_pod("new"))
    renew(600)
    assert_equal(operator, cluster.pods.pods())


def test_a_client_certificate(cluster: KubernetesApiServer, start_operator: StartOperator) -> None:
    certificate, key = cluster.client_certificate("somebody", "readers")
    binding = {
        "metadata": {"name": "readers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "pod-index:default"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "readers"}],
    }
    cluster.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    user = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    operator = start_operator(Kubeconfig(cluster, user))
    assert_equal(operator, cluster.pods.pods())


def test_an_exec_plugin(
    cluster: KubernetesApiServer, token: str, tmp_path: Path, start_operator: StartOperator
) -> None:
    version = "client.authentication.k8s.io/v1"
    credential = tmp_path / "credential.json"
    credential.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}}))
    program = f"print(open({str(credential)!r}).read())"
    plugin = {"apiVersion": version, "command": sys.executable, "args": ["-c", program], "interactiveMode": "Never"}
    operator = start_operator(Kubeconfig(cluster, {"exec": plugin}))
    assert_equal(operator, cluster.pods.pods())


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-m", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="the service account's files need a mount namespace (root)")
def test_the_files_and_variables_of_a_pod(cluster: KubernetesApiServer, token: str, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "token").write_text(token + "\n")
    (mounted / "ca.crt").write_bytes(cluster.ca_pem)
    (mounted / "namespace").write_text("default")
    # The mount of a kubelet, in a mount namespace that ends with the process; /run exists on every Linux.
    target = "/run/secrets/kubernetes.io/serviceaccount"
    script = f'mount -t tmpfs tmpfs /run && mkdir -p {target} && mount --bind {mounted} {target} && exec "$@"'
    environ = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(cluster.port),
        "KUBECONFIG": "/nowhere",
    }
    with OperatorProcess(
        tmp_path, None, environ=environ, wrapper=("unshare", "-m", "sh", "-c", script, "sh")
    ) as operator:
        assert_equal(operator, cluster.pods.pods())
        # The kubelet replaces the token before it expires.
        renewed = cluster.service_account_token("default", "pod-index")
        (mounted / "token").write_text(renewed)
        cluster.pods.create(make_pod("new"))
        assert_equal(operator, cluster.pods.pods())
        assert operator.stop() == 0
        assert operator.warnings() == []


def test_missing_rights_are_logged_with_the_message_of_the_server(
    cluster: KubernetesApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(cluster, token=cluster.service_account_token("default", "nobody"))
    operator.wait_until_log_says(
        'forbids reading pods (403 Forbidden: pods is forbidden: User "system:serviceaccount:default:nobody"'
        ' cannot watch resource "pods" in API group "" at the cluster scope); grant get, list and watch on pods'
    )
    eventually(lambda: operator.get("/ready")[0] == 503)


def test_the_manifest_has_the_documented_objects() -> None:
    documents = list(yaml.safe_load_all(RBAC.read_text()))
    assert [document["kind"] for document in documents] == ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"]

"""``components/kube-rbac-proxy``: the sidecar, pod-index behind it, and the permission of clients."""

import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pod_index.settings import Settings
from tests.support.documents import MANIFESTS, section
from tests.support.manifests import (
    COMPONENTS,
    JSON,
    NEWEST_KUBERNETES,
    SIDECARS_KUBERNETES,
    complaints,
    kustomized,
    overlay,
    parse,
    read,
)

FOLDER = "components/kube-rbac-proxy"
SECTION = section(MANIFESTS, "## kube-rbac-proxy")
PROXY_IDLE_SECONDS = 90
"""How long the proxy keeps idle connections: IdleConnTimeout of Go's http.DefaultTransport, which it uses."""

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


@pytest.fixture
def patch() -> JSON:
    """The spec of the pods in the patch."""
    (patch,) = read(f"{FOLDER}/deployment.yaml")
    spec: JSON = patch["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def proxy(patch: JSON) -> JSON:
    """The sidecar."""
    (proxy,) = patch["initContainers"]
    assert isinstance(proxy, dict)
    return proxy


@pytest.fixture
def pod_index(patch: JSON) -> JSON:
    """What the component changes in the container of pod-index."""
    (container,) = patch["containers"]
    assert isinstance(container, dict)
    return container


def arguments(proxy: JSON) -> dict[str, str]:
    """Return the options of the proxy by their names."""
    options = (argument.removeprefix("--").partition("=") for argument in proxy["args"])
    return {name: value for name, _, value in options}


def test_pod_index_listens_where_only_the_proxy_connects(proxy: JSON, pod_index: JSON) -> None:
    settings = Settings.from_environ({variable["name"]: variable["value"] for variable in pod_index["env"]})
    upstream = urlsplit(arguments(proxy)["upstream"])
    assert settings.listen_address == upstream.hostname == "127.0.0.1"
    assert settings.port == upstream.port


def test_the_proxy_closes_idle_connections_before_pod_index_does(pod_index: JSON) -> None:
    settings = Settings.from_environ({variable["name"]: variable["value"] for variable in pod_index["env"]})
    assert settings.idle_timeout_seconds > PROXY_IDLE_SECONDS


def test_the_service_and_the_network_policy_lead_to_the_port_of_the_proxy(proxy: JSON) -> None:
    (port,) = proxy["ports"]
    assert arguments(proxy)["secure-listen-address"] == f":{port['containerPort']}"
    (service,) = read(f"{FOLDER}/service.yaml")
    assert service["spec"]["ports"][1:] == [{"name": "https", "port": 443, "targetPort": port["containerPort"]}]
    (policy,) = read("components/network-policy/networkpolicy.yaml")
    (rule,) = policy["spec"]["ingress"]
    assert {"protocol": "TCP", "port": port["containerPort"]} in rule["ports"]


def test_the_kubelet_needs_no_token_for_the_probe(proxy: JSON, pod_index: JSON) -> None:
    (base,) = read("deployment.yaml")
    (container,) = base["spec"]["template"]["spec"]["containers"]
    probe = pod_index["readinessProbe"]["httpGet"]
    assert probe == {"path": "/ready", "port": proxy["ports"][0]["containerPort"], "scheme": "HTTPS"}
    assert probe["path"] == container["readinessProbe"]["httpGet"]["path"]
    assert arguments(proxy)["ignore-paths"].split(",") == ["/health", "/ready"]
    for name in ("startupProbe", "livenessProbe"):
        assert name not in pod_index
        assert container[name]["httpGet"]["port"] == "liveness"


def test_the_proxy_is_a_sidecar_as_hardened_as_pod_index_by_version_and_digest(proxy: JSON) -> None:
    (base,) = read("deployment.yaml")
    (container,) = base["spec"]["template"]["spec"]["containers"]
    # It then stops after pod-index, which answers while it drains.
    assert proxy["restartPolicy"] == "Always"
    assert proxy["securityContext"] == container["securityContext"]
    assert proxy["resources"].keys() == {"requests", "limits"}
    assert re.fullmatch(r"quay\.io/brancz/kube-rbac-proxy:v[\d.]+@sha256:[0-9a-f]{64}", proxy["image"])


def test_the_proxy_reads_the_file_that_is_mounted(patch: JSON, proxy: JSON) -> None:
    (kustomization,) = read(f"{FOLDER}/kustomization.yaml")
    (generator,) = kustomization["configMapGenerator"]
    (volume,) = patch["volumes"]
    (mount,) = proxy["volumeMounts"]
    assert volume["configMap"]["name"] == generator["name"]
    assert mount["name"] == volume["name"]
    assert arguments(proxy)["config-file"] == f"{mount['mountPath']}/{generator['files'][0]}"


def test_the_documented_role_grants_what_the_proxy_checks_and_nothing_of_kubernetes() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    role, binding = parse(text)
    assert complaints([role, binding]) == []
    (rule,) = role["rules"]
    (configuration,) = read(f"{FOLDER}/config.yaml")
    checked = configuration["authorization"]["resourceAttributes"]
    assert rule == {
        "apiGroups": [checked["apiGroup"]],
        "resources": [checked["resource"]],
        "verbs": ["get", "create"],
    }
    assert checked["apiGroup"] != ""
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_the_only_other_permissions_are_those_to_ask_about_clients() -> None:
    (binding,) = read(f"{FOLDER}/rbac.yaml")
    (base,) = (item for item in read("rbac.yaml") if item["kind"] == "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "system:auth-delegator"
    assert binding["subjects"] == base["subjects"]
    assert "`system:auth-delegator`" in SECTION


# ---- with the other components


@needs_kubectl
@pytest.mark.parametrize("others", [[], ["ingress", "monitoring"], [name for name in COMPONENTS if name > "k"]])
def test_it_fits_the_other_components(others: list[str], tmp_path: Path) -> None:
    names = [*(name for name in others if name != "kube-rbac-proxy"), "kube-rbac-proxy"]
    built = kustomized(overlay(tmp_path, *names, namespace="team-a"))
    for version in (SIDECARS_KUBERNETES, NEWEST_KUBERNETES):
        assert complaints(built, version) == []
    found: dict[str, Any] = {item["kind"]: item for item in built}
    (port,) = found["Service"]["spec"]["ports"]
    assert port == {"name": "https", "port": 443, "targetPort": 8443}
    if "ingress" in others:
        (rule,) = found["Ingress"]["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert path["backend"]["service"]["port"] == {"name": port["name"]}
    if "monitoring" in others:
        (endpoint,) = found["ServiceMonitor"]["spec"]["endpoints"]
        assert endpoint["port"] == port["name"]
        assert endpoint["scheme"] == "https"
        assert endpoint["bearerTokenFile"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    bindings = [item for item in built if item["kind"] == "ClusterRoleBinding"]
    assert "pod-index-auth-delegator:team-a" in {binding["metadata"]["name"] for binding in bindings}
    users = {subject["name"] for binding in bindings for subject in binding["subjects"]}
    assert users == {"system:serviceaccount:team-a:pod-index"}
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert container["readinessProbe"]["periodSeconds"] == 5

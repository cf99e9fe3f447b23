"""The manifests fit Kubernetes, each other, the code and the documents."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kopf.cli
import pytest
from starlette.routing import Route

from pod_index.api.app import create_app
from pod_index.server.server import GRACE_SECONDS
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from tests.support.documents import INTRODUCTION, MANIFESTS, table
from tests.support.documents import read as read_document
from tests.support.manifests import (
    CLUSTER_SCOPED,
    COMPONENTS,
    JSON,
    KUSTOMIZATIONS,
    LABELS,
    NEWEST_KUBERNETES,
    OLDEST_KUBERNETES,
    REPLACEMENTS,
    RIGHTS,
    SELECTOR,
    all_objects,
    complaints,
    read,
)

CONTAINERFILE = Path(__file__).parents[2] / "Containerfile"


def instruction(name: str) -> str:
    """Return the argument of the last such instruction in the Containerfile: that of the final stage."""
    *_, last = re.finditer(rf"^{name} (.+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    return last[1]


ENTRYPOINT: list[str] = json.loads(instruction("ENTRYPOINT"))
(LIVENESS,) = (word.removeprefix("--liveness=") for word in ENTRYPOINT if word.startswith("--liveness="))


def the(kind: str) -> JSON:
    """Return the only object of a kind, besides those of the component ``kube-rbac-proxy``."""
    others = read("components/kube-rbac-proxy/rbac.yaml")
    (found,) = (item for item in all_objects() if item["kind"] == kind and item not in others)
    return found


@pytest.fixture
def pod() -> JSON:
    """The spec of the pods."""
    spec: JSON = the("Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: JSON) -> JSON:
    """The only container of the pods."""
    (container,) = pod["containers"]
    assert isinstance(container, dict)
    return container


# ---- Kubernetes and kustomize


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
def test_every_object_is_valid(version: str) -> None:
    assert complaints(all_objects(), version) == []


def test_a_misspelt_field_is_not_valid() -> None:
    deployment = the("Deployment")
    deployment["spec"]["template"]["spec"]["enableServiceLink"] = False
    (complaint,) = complaints([deployment])
    assert complaint.startswith("Deployment['spec']['template']['spec']: ")
    assert "'enableServiceLink' was unexpected" in complaint


def test_a_misspelt_field_of_a_servicemonitor_is_not_valid() -> None:
    monitor = the("ServiceMonitor")
    monitor["spec"]["endpoints"][0]["intervall"] = "30s"
    (complaint,) = complaints([monitor])
    assert complaint.startswith("ServiceMonitor['spec']['endpoints'][0]: ")


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_every_file_is_listed_in_the_kustomization_beside_it(folder: Path) -> None:
    (kustomization,) = read(folder / "kustomization.yaml")
    listed = [*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))]
    listed += [file for generator in kustomization.get("configMapGenerator", []) for file in generator["files"]]
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert sorted(listed) == sorted(files - {"kustomization.yaml", "README.md", REPLACEMENTS})


def test_every_namespaced_object_is_in_the_default_namespace() -> None:
    found = {item["kind"]: item["metadata"].get("namespace") for item in all_objects()}
    assert found == {kind: None if kind in CLUSTER_SCOPED else "default" for kind in found}


# ---- labels and references


def test_every_object_and_every_pod_has_the_labels() -> None:
    for item in all_objects():
        assert item["metadata"]["labels"] == LABELS, item["kind"]
    assert the("Deployment")["spec"]["template"]["metadata"]["labels"] == LABELS


def test_every_selector_uses_the_two_labels_that_never_change() -> None:
    (patch,) = read("components/high-availability/deployment.yaml")
    spread = patch["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert the("Service")["spec"]["selector"] == SELECTOR
    for selector in (
        the("Deployment")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"],
        *(constraint["labelSelector"] for constraint in spread),
    ):
        assert selector == {"matchLabels": SELECTOR}


def test_the_network_policy_selects_the_pods_of_node_local_too() -> None:
    (daemon_set,) = read("node-local/daemonset.yaml")
    selected = the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    for workload in (the("Deployment"), daemon_set):
        assert selected.items() <= workload["spec"]["template"]["metadata"]["labels"].items()


def test_every_reference_is_to_an_object_that_exists(pod: JSON) -> None:
    deployment, service = the("Deployment"), the("Service")
    assert pod["serviceAccountName"] == the("ServiceAccount")["metadata"]["name"]
    assert the("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    (rule,) = the("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    (port,) = service["spec"]["ports"]
    assert path["backend"] == {"service": {"name": service["metadata"]["name"], "port": {"name": port["name"]}}}


# ---- the process


def test_port_80_of_the_service_is_the_port_that_the_process_listens_on(container: JSON) -> None:
    assert the("Service")["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert container["ports"] == [
        {"name": "http", "containerPort": Settings().port},
        {"name": "liveness", "containerPort": urlsplit(LIVENESS).port},
    ]
    (rule,) = the("NetworkPolicy")["spec"]["ingress"]
    assert {"protocol": "TCP", "port": Settings().port} in rule["ports"]


def test_the_entrypoint_is_that_of_the_image(container: JSON) -> None:
    assert container.keys().isdisjoint({"command", "args", "env"})


def test_the_probes_use_paths_that_exist(container: JSON) -> None:
    readiness = container["readinessProbe"]["httpGet"]
    assert readiness == {"path": "/ready", "port": "http"}
    routes = create_app(PodIndex(), lambda: None).routes
    assert readiness["path"] in {route.path for route in routes if isinstance(route, Route)}
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": urlsplit(LIVENESS).path, "port": "liveness"}


def test_a_slow_node_has_five_minutes_to_start_the_process(container: JSON) -> None:
    probe = container["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 300


def test_draining_and_open_requests_fit_into_the_grace_period(pod: JSON) -> None:
    assert pod["terminationGracePeriodSeconds"] > Settings().shutdown_drain_seconds + GRACE_SECONDS


def test_a_rollout_stops_no_pod_before_the_new_one_is_ready() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert the("Deployment")["spec"]["strategy"] == strategy


def test_the_container_has_the_least_privileges(pod: JSON, container: JSON) -> None:
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    assert pod["enableServiceLinks"] is False
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert "volumes" not in pod


def test_the_resources_are_those_of_50_000_pods_in_the_sizing_table(container: JSON) -> None:
    (row,) = (row for row in table(MANIFESTS, "pods") if row[0] == "50,000")
    assert [", ".join(container["resources"][kind].values()) for kind in ("requests", "limits")] == row[-2:]


def test_the_token_is_mounted_in_these_pods_only(pod: JSON) -> None:
    assert the("ServiceAccount")["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is True


def test_the_rights_are_exactly_those_that_the_readme_promises() -> None:
    assert the("ClusterRole")["rules"] == the("Role")["rules"] == RIGHTS
    assert "its only rights are get, list and watch on pods." in read_document(INTRODUCTION)


@pytest.mark.parametrize("scope", ["Role", "ClusterRole"])
def test_only_the_service_account_has_the_rights(scope: str) -> None:
    role, binding = the(scope), the(f"{scope}Binding")
    name = role["metadata"]["name"]
    assert binding["metadata"]["name"] == name
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": scope, "name": name}
    service_account = {"kind": "ServiceAccount", "name": "pod-index", "namespace": "default"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:serviceaccount:default:pod-index"}
    assert binding["subjects"] == [user if scope == "ClusterRole" else service_account]


# ---- components


def test_the_document_names_every_component() -> None:
    assert [row[0].strip("`") for row in table(MANIFESTS, "component")] == COMPONENTS


def test_single_namespace_changes_nothing_in_the_command_but_what_is_watched() -> None:
    (patch,) = read("components/single-namespace/deployment.yaml")
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    one = "--namespace=$(POD_NAMESPACE)"
    assert container["command"] == [one if word == "--all-namespaces" else word for word in ENTRYPOINT]
    assert container["env"] == [
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    ]


def test_kopf_takes_the_command_of_single_namespace() -> None:
    (patch,) = read("components/single-namespace/deployment.yaml")
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    kopf_itself, command, *arguments = container["command"]
    assert kopf_itself == "kopf"
    parsed = kopf.cli.main.commands[command].make_context(command, arguments).params
    assert (list(parsed["namespaces"]), parsed["clusterwide"]) == (["$(POD_NAMESPACE)"], False)
    assert (parsed["liveness_endpoint"], parsed["standalone"]) == (LIVENESS, True)


def test_an_autoscaled_deployment_keeps_at_least_the_pods_of_high_availability() -> None:
    (patch,) = read("components/high-availability/replicas.yaml")
    autoscaler = the("HorizontalPodAutoscaler")["spec"]
    assert patch["spec"]["replicas"] == autoscaler["minReplicas"] < autoscaler["maxReplicas"]


def test_fleet_mounts_the_secret_where_its_settings_are() -> None:
    (patch,) = read("components/fleet/deployment.yaml")
    spec = patch["spec"]["template"]["spec"]
    (container,), (volume,) = spec["containers"], spec["volumes"]
    (mount,) = container["volumeMounts"]
    environ = {variable["name"]: variable for variable in container["env"]}
    assert set(environ) == {"CLUSTER_NAME", "PEERS_FILE"} <= {field.upper() for field in Settings.__struct_fields__}
    name = volume["secret"]["secretName"]
    assert environ["PEERS_FILE"]["value"] == f"{mount['mountPath']}/peers"
    assert environ["CLUSTER_NAME"]["valueFrom"]["secretKeyRef"] == {"name": name, "key": "cluster-name"}
    assert (mount["name"], "subPath" in mount) == (volume["name"], False)
    command = f"kubectl create secret generic {name} --from-literal=cluster-name=eu-1 --from-file=peers "
    assert command in read_document(MANIFESTS)


def test_fleet_adds_an_egress_rule_to_the_network_policy() -> None:
    changes: Any
    (changes,) = read("components/fleet/egress.yaml")
    (change,) = changes
    policy = the("NetworkPolicy")
    assert (change["op"], change["path"]) == ("add", "/spec/egress/-")
    policy["spec"]["egress"].append(change["value"])
    assert complaints([policy]) == []
    assert {port["port"] for port in change["value"]["ports"]} == {443, 80, Settings().port}

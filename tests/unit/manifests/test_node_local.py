"""``manifests/node-local``: a DaemonSet as hardened as the Deployment, beside which it can run."""

from typing import Any

import pytest

from pod_index.settings import Settings
from tests.support.documents import MANIFESTS, table
from tests.support.manifests import (
    CLUSTER_SCOPED,
    JSON,
    LABELS,
    NEWEST_KUBERNETES,
    NODE_LOCAL,
    OLDEST_KUBERNETES,
    REPLACEMENTS,
    RIGHTS,
    SELECTOR,
    complaints,
    read,
)

NAME = "pod-index-node-local"


def objects() -> dict[str, JSON]:
    """Return the objects by their kinds."""
    (kustomization,) = read("node-local/kustomization.yaml")
    files = {path.name for path in NODE_LOCAL.iterdir()} - {"kustomization.yaml", REPLACEMENTS}
    assert sorted(kustomization["resources"]) == sorted(files)
    found = [item for name in kustomization["resources"] for item in read(f"node-local/{name}")]
    return {item["kind"]: item for item in found}


def renamed(value: Any) -> Any:
    """Replace the name and the labels of the Deployment by those of the DaemonSet."""
    if isinstance(value, dict):
        component = {"app.kubernetes.io/component": "node-local"} if "app.kubernetes.io/component" in value else {}
        return {key: renamed_text(key, renamed(item)) for key, item in value.items()} | component
    return [renamed(item) for item in value] if isinstance(value, list) else value


def renamed_text(key: str, value: Any) -> Any:
    return NAME if value == "pod-index" and key in {"app", "serviceAccountName"} else value


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
def test_every_object_is_valid(version: str) -> None:
    assert complaints(objects().values(), version) == []


def test_no_object_has_the_name_or_is_selected_as_one_of_the_base() -> None:
    for kind, item in objects().items():
        assert item["metadata"]["name"] == (f"{NAME}:default" if kind in CLUSTER_SCOPED else NAME)
        assert item["metadata"].get("namespace") == (None if kind in CLUSTER_SCOPED else "default")
        assert item["metadata"]["labels"] == renamed(LABELS)
    selector = renamed(SELECTOR)
    assert selector["app"] != SELECTOR["app"]
    assert objects()["Service"]["spec"]["selector"] == selector
    assert objects()["DaemonSet"]["spec"]["selector"] == {"matchLabels": selector}


def test_its_pods_are_those_of_the_deployment_with_the_node_and_less_memory() -> None:
    (deployment,) = read("deployment.yaml")
    expected = renamed(deployment["spec"]["template"])
    (container,) = expected["spec"]["containers"]
    container["env"] = [{"name": "WATCH_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    expected["spec"]["tolerations"] = [{"operator": "Exists"}]
    (row,) = (row for row in table(MANIFESTS, "pods") if row[0] == "1,000")
    for kind, quantities in zip(("requests", "limits"), row[-2:], strict=True):
        container["resources"][kind] = dict(zip(("cpu", "memory"), quantities.split(", "), strict=True))
    assert objects()["DaemonSet"]["spec"]["template"] == expected


def test_the_name_of_the_node_is_a_setting() -> None:
    assert Settings.from_environ({"WATCH_NODE": "node-1"}).selectors == {"fieldSelector": "spec.nodeName=node-1"}


def test_a_rollout_stops_no_pod_before_the_new_one_is_ready() -> None:
    strategy = objects()["DaemonSet"]["spec"]["updateStrategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "10%"}}


def test_the_service_leads_to_the_pod_on_the_node_of_the_client() -> None:
    service = objects()["Service"]["spec"]
    assert service["internalTrafficPolicy"] == "Local"
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]


def test_the_rights_are_those_of_the_base() -> None:
    assert objects()["ClusterRole"]["rules"] == RIGHTS
    binding = objects()["ClusterRoleBinding"]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{NAME}:default"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"system:serviceaccount:default:{NAME}"}
    assert binding["roleRef"] == role
    assert binding["subjects"] == [user]
    assert objects()["ServiceAccount"]["automountServiceAccountToken"] is False

"""Overlays for other namespaces, and the documented examples of them."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import MANIFESTS, section
from tests.support.manifests import FOLDER, JSON, complaints, documented_overlay, kustomized, overlay

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

EXAMPLES = {
    "### An overlay of your own": ("Deployment", "pod-index", "system-cluster-critical"),
    "## Node-local": ("DaemonSet", "pod-index-node-local", "system-node-critical"),
}


def identities(objects: list[JSON]) -> set[tuple[str, str, str]]:
    """Return kind, namespace and name of the objects: what kubectl applies them to."""
    return {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in objects}


def test_an_install_in_another_namespace_shares_no_object_with_the_first(tmp_path: Path) -> None:
    first = kustomized(FOLDER)
    second = kustomized(overlay(tmp_path, "kube-rbac-proxy", namespace="team-a"))
    assert identities(first).isdisjoint(identities(second))


@pytest.mark.parametrize("base", ["manifests", "manifests/node-local"])
def test_an_overlay_with_nothing_but_a_namespace_takes_no_permissions_from_the_first(base: str, tmp_path: Path) -> None:
    """The API server sees no change of the binding, whatever namespace applies it."""
    shutil.copytree(FOLDER, tmp_path / "manifests")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{base}]\nnamespace: team-a\n")
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        (first,) = (item for item in kustomized(tmp_path / base) if item["kind"] == kind)
        (second,) = (item for item in kustomized(tmp_path) if item["kind"] == kind)
        assert first == second


def test_single_namespace_leaves_no_cluster_wide_object(tmp_path: Path) -> None:
    built = kustomized(overlay(tmp_path, "single-namespace", namespace="team-a"))
    assert not {"ClusterRole", "ClusterRoleBinding"} & {item["kind"] for item in built}


def test_the_document_names_the_binding_that_single_namespace_leaves_behind() -> None:
    ((names, command),) = re.findall(
        r"`kubectl delete (clusterrolebinding,clusterrole) (\S+)`", section(MANIFESTS, "## Components")
    )
    assert names == "clusterrolebinding,clusterrole"
    left = {item["metadata"]["name"] for item in kustomized(FOLDER) if item["kind"].startswith("ClusterRole")}
    assert left == {command}


@pytest.mark.parametrize("heading", EXAMPLES)
def test_the_documented_overlay_is_an_install_of_its_own_with_a_priority(heading: str, tmp_path: Path) -> None:
    kind, name, priority = EXAMPLES[heading]
    built = kustomized(documented_overlay(tmp_path, heading))
    assert complaints(built) == []
    found: dict[str, Any] = {item["kind"]: item for item in built}
    assert found["Namespace"]["metadata"]["name"] == "observability"
    assert {item["metadata"].get("namespace", "observability") for item in built} == {"observability"}
    pod = found[kind]["spec"]["template"]["spec"]
    assert pod["priorityClassName"] == priority
    assert pod["containers"][0]["image"] == "registry.example.com/pod-index:0.1.0"
    binding = found["ClusterRoleBinding"]
    assert binding["metadata"]["name"] == found["ClusterRole"]["metadata"]["name"] == f"{name}:observability"
    assert binding["roleRef"]["name"] == f"{name}:observability"
    assert [subject["name"] for subject in binding["subjects"]] == [f"system:serviceaccount:observability:{name}"]

"""The documented overlays work, with the priority classes that they name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.deployed import Deployed
from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import documented_overlay

WORKLOADS = {"### An overlay of your own": "Deployment", "## Node-local": "DaemonSet"}


@pytest.fixture
def deployed(
    request: pytest.FixtureRequest, cluster: KubernetesApiServer, kubectl_knows_components: None, tmp_path: Path
) -> Iterator[Deployed]:
    """The overlay of a section. Its namespace stays: there is no controller that would complete its deletion."""
    deployed = Deployed(cluster, documented_overlay(tmp_path, request.param))
    yield deployed
    objects = [item for item in deployed.build() if item["kind"] != "Namespace"]
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(objects))


@pytest.mark.parametrize(("deployed", "kind"), WORKLOADS.items(), indirect=["deployed"])
def test_the_overlay_creates_its_namespace_and_pods_of_its_priority(
    deployed: Deployed, kind: str, cluster: KubernetesApiServer
) -> None:
    built = deployed.build()
    assert "Namespace" in {item["kind"] for item in built}
    assert {line.rpartition(" ")[2] for line in deployed.apply()} <= {"created", "unchanged", "configured"}
    assert deployed.difference() == ""
    assert len(deployed.apply("--dry-run=server", "-o", "name")) == len(built)
    (workload,) = (item for item in built if item["kind"] == kind)
    pod = workload["spec"]["template"] | {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"]["name"] = "pod-index"
    path = "/api/v1/namespaces/observability/pods"
    created = cluster.client.call("POST", path, pod, query={"dryRun": "All"})
    assert created["spec"]["priority"] >= 2_000_000_000
    assert created["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}

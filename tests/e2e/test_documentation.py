"""The documented overlay works."""

import re
import shutil
from pathlib import Path

from tests.kubernetes import KubernetesApiServer
from tests.support.documents import MANIFESTS, read
from tests.support.manifests import FOLDER, complaints, parse


def test_the_kustomization_builds(control_plane: KubernetesApiServer, tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", read(MANIFESTS), re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(text)
    shutil.copytree(FOLDER, tmp_path / "pod-index/manifests")
    built = parse(control_plane.kubectl("kustomize", str(tmp_path)))
    assert complaints(built) == []
    assert {item["metadata"].get("namespace") for item in built} == {"observability", None}
    assert {"PodDisruptionBudget", "NetworkPolicy"} < {item["kind"] for item in built}
    (deployment,) = (item for item in built if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/pod-index:0.1.0"

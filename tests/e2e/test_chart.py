"""The Helm chart: its objects are those of kustomize, its values are checked, and a real API server takes them."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.helm import CHART, Helm, HelmFailed
from tests.kubernetes import KubernetesApiServer
from tests.support.documents import MANIFESTS, ROOT, section
from tests.support.manifests import (
    CLUSTER_SCOPED,
    FOLDER,
    JSON,
    NEWEST_KUBERNETES,
    OLDEST_KUBERNETES,
    complaints,
    overlay,
    parse,
)

VALUES = {
    "image": "registry.example.com/pod-index:1",
    "replicas": 3,
    "resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "1Gi"}},
    "settings": {
        "LOOKUP_KEYS": "ip,name",
        "DELETED_RETENTION_MAX_BYTES": 67108864,
        "RETRY_MAX_SECONDS": 0.5,
        "DETAILS": False,
        "EXCLUDE_NAMESPACES": "",
        "KEEP_LABELS": '!*"secret"*',
    },
}


@pytest.fixture
def values(tmp_path: Path) -> Path:
    """A file with a value of each kind."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(VALUES))
    return file


@pytest.fixture
def namespace(helm: Helm, cluster: KubernetesApiServer, nothing_is_deployed: None) -> Iterator[str]:
    """A namespace for a release, which is removed at the end."""
    wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "charts"}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(wanted))
    yield "charts"
    helm("uninstall", "pod-index", "--namespace", "charts", "--ignore-not-found")


def names(objects: Iterable[JSON]) -> list[str]:
    return [f"{item['kind']}/{item['metadata']['name']}" for item in objects]


def ordered(objects: Iterable[JSON]) -> list[JSON]:
    return sorted(objects, key=lambda item: (item["kind"], item["metadata"]["name"]))


def deployment(objects: Iterable[JSON]) -> JSON:
    (found,) = (item for item in objects if item["kind"] == "Deployment")
    return found


def container(objects: Iterable[JSON]) -> JSON:
    (found,) = deployment(objects)["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


# ---- the output of helm


def test_the_chart_has_no_faults(helm: Helm, values: Path) -> None:
    helm("lint", "--strict", str(CHART))
    helm("lint", "--strict", str(CHART), "--values", str(values))


def test_the_chart_renders_the_objects_of_the_kustomization(helm: Helm, control_plane: KubernetesApiServer) -> None:
    assert ordered(helm.template()) == ordered(parse(control_plane.kubectl("kustomize", str(FOLDER))))


def test_the_chart_renders_the_same_in_another_namespace(
    helm: Helm, control_plane: KubernetesApiServer, kubectl_knows_components: None, tmp_path: Path
) -> None:
    built = parse(control_plane.kubectl("kustomize", str(overlay(tmp_path, namespace="team-a"))))
    assert ordered(helm.template(namespace="team-a")) == ordered(built)


def test_each_value_changes_its_field_and_nothing_else(helm: Helm, values: Path) -> None:
    changed = helm.template("--values", str(values))
    for version in (OLDEST_KUBERNETES, NEWEST_KUBERNETES):
        assert complaints(changed, version) == []
    assert deployment(changed)["spec"].pop("replicas") == 3
    default = helm.template()
    assert container(changed)["image"] == VALUES["image"]
    assert container(changed).pop("env") == [
        {"name": "DELETED_RETENTION_MAX_BYTES", "value": "67108864"},
        {"name": "DETAILS", "value": "false"},
        {"name": "EXCLUDE_NAMESPACES", "value": ""},
        {"name": "KEEP_LABELS", "value": '!*"secret"*'},
        {"name": "LOOKUP_KEYS", "value": "ip,name"},
        {"name": "RETRY_MAX_SECONDS", "value": "0.5"},
    ]
    assert container(changed)["resources"] == {
        "requests": {"cpu": "50m", "memory": "224Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
    for objects in (changed, default):
        del container(objects)["image"], container(objects)["resources"]
    assert changed == default


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("replica=2", "'replica' not allowed"),
        ("replicas=0", "/replicas"),
        ("image=", "/image"),
        ("image.tag=2", "/image"),
        ("resources.limit.cpu=1", "'limit' not allowed"),
        ("settings.LOOKUP_KEY=uid", "'LOOKUP_KEY'"),
        ("settings.PORT=9090", "'PORT'"),
        ("settings.AUTH_TOKEN_FILE=/tokens", "'AUTH_TOKEN_FILE'"),
        ("settings.BASIC_AUTH_PASSWORD=secret", "'BASIC_AUTH_PASSWORD'"),
        ("settings.LOOKUP_KEYS={ip,name}", "/settings/LOOKUP_KEYS"),
    ],
)
def test_a_value_that_the_chart_does_not_have_is_an_error(value: str, where: str, helm: Helm) -> None:
    with pytest.raises(HelmFailed) as error:
        helm.template("--set", value)
    assert "specifications of the schema" in str(error.value)
    assert where in str(error.value)


# ---- on the API server


def test_the_server_accepts_the_objects_with_and_without_values(
    helm: Helm, cluster: KubernetesApiServer, nothing_is_deployed: None, values: Path
) -> None:
    for arguments in ((), ("--values", str(values))):
        rendered = yaml.safe_dump_all(helm.template(*arguments))
        accepted = cluster.kubectl("apply", "--dry-run=server", "-o", "name", "-f", "-", stdin=rendered).split()
        assert len(accepted) == len(parse(rendered))


def test_a_release_is_installed_upgraded_and_removed(helm: Helm, cluster: KubernetesApiServer, namespace: str) -> None:
    where = ("--namespace", namespace)
    helm("install", "pod-index", str(CHART), *where)
    cluster.kubectl("scale", "deployment", "pod-index", *where, "--replicas=4")
    helm("upgrade", "pod-index", str(CHART), *where, "--set", "settings.PAGE=false")
    upgraded = json.loads(cluster.kubectl("get", "deployment", "pod-index", *where, "-o", "json"))
    assert container([upgraded])["env"] == [{"name": "PAGE", "value": "false"}]
    assert upgraded["spec"]["replicas"] == 4
    created = names(helm.template(namespace=namespace))
    assert len(cluster.kubectl("get", *created, *where, "-o", "name").split()) == len(created)
    helm("uninstall", "pod-index", *where)
    assert cluster.kubectl("get", *created, *where, "-o", "name", "--ignore-not-found") == ""


def test_releases_in_two_namespaces_share_no_object(helm: Helm, cluster: KubernetesApiServer, namespace: str) -> None:
    helm("install", "pod-index", str(CHART), "--namespace", namespace)
    helm("install", "pod-index", str(CHART), "--namespace", "second", "--create-namespace")
    first, second = helm.template(namespace=namespace), helm.template(namespace="second")
    helm("uninstall", "pod-index", "--namespace", "second")
    assert not set(names(first)) & set(names(item for item in second if item["kind"] in CLUSTER_SCOPED))
    assert len(cluster.kubectl("get", *names(first), "--namespace", namespace, "-o", "name").split()) == len(first)


def test_the_documented_command_works(helm: Helm, nothing_is_deployed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (line,) = re.findall("^helm (install .*)$", section(MANIFESTS, "## Helm"), re.MULTILINE)
    assert "DETAILS" in helm(*shlex.split(line), "--dry-run=server")


# ---- a release of pod-index


def test_a_release_has_the_same_image_in_the_chart_and_in_the_manifests(helm: Helm, tmp_path: Path) -> None:
    image = f"ghcr.io/me/pods:1.2.3@sha256:{'0123456789abcdef' * 4}"
    path = tmp_path / "bin"
    path.mkdir()
    (path / "helm").symlink_to(helm.executable)
    command = [sys.executable, str(ROOT / "manifests/scripts/release.py"), "assets", image, str(tmp_path / "dist")]
    environ = os.environ | {"PATH": f"{path}:{os.environ['PATH']}"}
    subprocess.run(command, env=environ, check=True, timeout=60)
    (chart,) = (tmp_path / "dist").glob("pod-index-*.tgz")
    installed = parse((tmp_path / "dist/install.yaml").read_text())
    assert container(installed)["image"] == image
    assert ordered(helm.template(chart=chart)) == ordered(installed)
    assert sorted(file.name for file in (tmp_path / "dist").iterdir()) == ["install.yaml", "notes.md", chart.name]

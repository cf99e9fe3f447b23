"""The manifests: their objects, overlays of them, and validation against the schemas of Kubernetes."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from pod_index import __version__
from tests.support import monitoring
from tests.support.documents import MANIFESTS, section

JSON = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "manifests"
COMPONENTS = sorted(path.name for path in (FOLDER / "components").iterdir())
KUSTOMIZATIONS = [FOLDER, *(FOLDER / "components" / name for name in COMPONENTS)]
NODE_LOCAL = FOLDER / "node-local"
"""A kustomization of its own: it cannot be a component, since it has no Deployment."""

SELECTOR = {"app": "pod-index", "app.kubernetes.io/name": "pod-index"}
LABELS = SELECTOR | {
    "app.kubernetes.io/version": __version__,
    "app.kubernetes.io/component": "server",
    "app.kubernetes.io/part-of": "pod-index",
}
RIGHTS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding"}

OLDEST_KUBERNETES = "1.27"
NEWEST_KUBERNETES: str = kubernetes_validate.latest_version()

SIDECARS_KUBERNETES = "1.29"
"""The oldest version for the component ``kube-rbac-proxy``."""

REPLACEMENTS = "replacements.yaml"
"""A file that only overlays use; it is no object, and no kustomization here lists it."""


def read(path: str | Path) -> list[JSON]:
    """Return the documents of a file, by its path in ``manifests/``."""
    return parse((FOLDER / path).read_text())


def parse(text: str) -> list[JSON]:
    """Return the documents of a YAML text."""
    return list(yaml.safe_load_all(text))


def all_objects() -> Iterator[JSON]:
    """Yield every object of the base and of the components, without patches."""
    for folder in KUSTOMIZATIONS:
        (kustomization,) = read(folder / "kustomization.yaml")
        for name in kustomization["resources"]:
            yield from read(folder / name)


def memory_limit() -> int:
    """Return the memory limit of the Deployment, in bytes."""
    (deployment,) = read("deployment.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return mebibytes(container["resources"]["limits"]["memory"]) * 1024 * 1024


def mebibytes(quantity: str) -> int:
    """Return a quantity such as ``256Mi`` as a number."""
    assert quantity.endswith("Mi"), quantity
    return int(quantity.removesuffix("Mi"))


def complaints(objects: Iterable[JSON], version: str = NEWEST_KUBERNETES) -> list[str]:
    """Return the errors of the objects in the schemas of a version of Kubernetes; unknown fields are errors.

    Objects of the Prometheus Operator have schemas in ``tests.support.monitoring``.
    """
    found = []
    for item in objects:
        try:
            if item["apiVersion"].startswith(f"{monitoring.GROUP}/"):
                jsonschema.validate(item, monitoring.SCHEMAS[item["kind"]])
            else:
                kubernetes_validate.validate(item, version, strict=True)
        except (
            jsonschema.ValidationError,
            kubernetes_validate.ValidationError,
            kubernetes_validate.SchemaNotFoundError,
        ) as error:
            where = "".join(f"[{step!r}]" for step in getattr(error, "absolute_path", ()))
            found.append(f"{item['kind']}{where}: {error.message}")
    return found


def kustomized(folder: Path) -> list[JSON]:
    """Return the objects that kubectl builds of a kustomization; an error or a warning fails the test."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return parse(done.stdout)


def documented_overlay(folder: Path, heading: str = "### An overlay of your own") -> Path:
    """Write the files that a section of the document shows, beside a clone; return their folder."""
    for name, beginning, where in (
        ("namespace.yaml", "apiVersion: v1\nkind: Namespace", "### An overlay of your own"),
        ("kustomization.yaml", "apiVersion: kustomize", heading),
    ):
        (text,) = re.findall(rf"```yaml\n({beginning}.*?)```", section(MANIFESTS, where), re.DOTALL)
        (folder / name).write_text(text)
    shutil.copytree(FOLDER, folder / "pod-index/manifests")
    return folder


def overlay(folder: Path, *components: str, namespace: str = "") -> Path:
    """Write a kustomization of the base and components, as a user does; return its folder."""
    # Kustomize takes no absolute paths.
    base = Path(os.path.relpath(FOLDER.resolve(), folder.resolve()))
    kustomization = {
        "resources": [str(base)],
        "components": [str(base / "components" / name) for name in components],
        # Kustomize takes no paths of replacements outside the folder.
        **({"namespace": namespace, "replacements": read(REPLACEMENTS)} if namespace else {}),
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder

"""``deploy``, ``undeploy`` and ``build-and-deploy``, as tox runs them, on a real kube-apiserver."""

import configparser
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import pytest

from tests.apiserver import Conflict, NotFound
from tests.e2e.deployed import Deployed, Kustomize
from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import COMPONENTS, JSON
from tests.support.manifests import overlay as write_overlay

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = "/apis/apps/v1/deployments"
POLL_SECONDS = 0.02
DOCKER = """#!/bin/sh
case "$1" in images) echo "$IMAGE_ID" ;; image) printf '["registry.example.com/pods@%s"]' "$IMAGE_ID" ;; esac
"""

Done = subprocess.CompletedProcess[str]


def complete(deployment: JSON) -> JSON:
    """The status of a rollout that has succeeded."""
    wanted = deployment["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return dict.fromkeys(counts, wanted) | {"conditions": [{"type": "Available", "status": "True"}]}


def stuck(deployment: JSON) -> JSON:
    """The status of a rollout that has been given up."""
    reason = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    return {"replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1, "conditions": [reason]}


class DeploymentController:
    """Stands in for the controller that the server lacks: it reports an outcome for every Deployment."""

    def __init__(self, cluster: KubernetesApiServer, outcome: Callable[[JSON], JSON]) -> None:
        self._cluster = cluster
        self._outcome = outcome
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            for deployment in self._cluster.client.call("GET", DEPLOYMENTS)["items"]:
                if deployment.get("status", {}).get("observedGeneration") != deployment["metadata"]["generation"]:
                    self._report(deployment)

    def _report(self, deployment: JSON) -> None:
        metadata = deployment["metadata"]
        observed = {"observedGeneration": metadata["generation"]}
        path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}/status"
        # If it is changed or deleted meanwhile, the next listing has the change.
        with suppress(Conflict, NotFound):
            self._cluster.client.call("PUT", path, deployment | {"status": self._outcome(deployment) | observed})


class Run(Protocol):
    """Runs the commands of a tox environment with the admin's kubeconfig."""

    def __call__(
        self, environment: str, folder: Path | None = None, outcome: Callable[[JSON], JSON] = complete, **environ: str
    ) -> Done:
        """Return the result of the last command, or of the first that fails; every rollout has the outcome."""


@pytest.fixture
def run(cluster: KubernetesApiServer, tmp_path: Path) -> Run:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig())
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name not in ("CONTAINER_ENGINE", "IMAGE")}
    inherited |= {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(tmp_path / "kubectl-cache")}
    inherited |= {"PATH": f"{docker.parent}{os.pathsep}{inherited['PATH']}"}
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")

    def run(
        environment: str, folder: Path | None = None, outcome: Callable[[JSON], JSON] = complete, **environ: str
    ) -> Done:
        commands = tox[f"testenv:{environment}"]["commands"]
        commands = commands.replace("{posargs:manifests/}", str(folder or "manifests/"))
        commands = commands.replace("{posargs}", str(folder or ""))
        commands = commands.replace("{env:NAMESPACE:default}", environ.get("NAMESPACE", "default"))
        with DeploymentController(cluster, outcome):
            for command in commands.strip().splitlines():
                words = [sys.executable if word == "python" else word for word in command.split()]
                done = subprocess.run(
                    words, cwd=ROOT, env=inherited | environ, capture_output=True, text=True, timeout=90
                )
                if done.returncode != 0:
                    break
        return done

    return run


def assert_success(done: Done) -> None:
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def assert_all_is_there(deployed: Deployed) -> None:
    """As it is in the folder."""
    assert len(deployed.existing()) == len(deployed.build())
    assert deployed.difference() == ""


def image_of(deployed: Deployed) -> str:
    """The image of the Deployment on the server."""
    (container,) = deployed.deployment()["spec"]["template"]["spec"]["containers"]
    image: str = container["image"]
    return image


# ---- deploy and undeploy


def test_the_manifests_are_deployed_again_and_again_and_deleted(run: Run, kustomize: Kustomize) -> None:
    base = kustomize()
    for _ in range(2):
        assert_success(run("deploy"))
        assert_all_is_there(base)
    for _ in range(2):
        assert_success(run("undeploy"))
        assert base.existing() == []


@pytest.mark.parametrize("components", [(), tuple(COMPONENTS)], ids="+".join)
def test_an_overlay_with_another_namespace_is_deployed_there_and_deleted(
    components: tuple[str, ...], run: Run, kustomize: Kustomize
) -> None:
    base, overlay = kustomize(), kustomize(*components, namespace="team-a")
    assert_success(run("deploy"))
    assert_success(run("deploy", overlay.folder, NAMESPACE="team-a"))
    assert_all_is_there(overlay)
    assert overlay.deployment()["metadata"]["namespace"] == "team-a"
    assert_success(run("undeploy", overlay.folder))
    assert overlay.existing() == []
    assert base.deployment()["metadata"]["namespace"] == "default"


def test_a_rollout_that_does_not_finish_fails(run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize(namespace="team-a")
    done = run("deploy", overlay.folder, outcome=stuck, NAMESPACE="team-a")
    assert done.returncode != 0
    assert done.stderr == 'error: deployment "pod-index" exceeded its progress deadline\n'


# ---- build-and-deploy


def test_an_image_that_was_built_again_is_the_only_difference(run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize(namespace="team-a")
    for generation, digit in ((1, "1"), (1, "1"), (2, "2")):
        image_id = f"sha256:{digit * 64}"
        assert_success(run("build-and-deploy", overlay.folder, IMAGE="registry.example.com/pods:1", IMAGE_ID=image_id))
        assert image_of(overlay) == f"registry.example.com/pods@{image_id}"
        assert overlay.deployment()["metadata"]["generation"] == generation
    overlay.apply()
    assert_all_is_there(overlay)


def test_a_failed_rollout_is_one_line_and_another_image_repairs_it(run: Run, kustomize: Kustomize) -> None:
    overlay, image = kustomize(namespace="team-a"), "registry.example.com/pods:1"
    done = run("build-and-deploy", overlay.folder, outcome=stuck, IMAGE=image, IMAGE_ID=f"sha256:{'1' * 64}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pod-index is not ready: see kubectl describe pods --namespace=team-a ")
    assert "Traceback" not in done.stderr
    assert_success(run("build-and-deploy", overlay.folder, IMAGE=image, IMAGE_ID=f"sha256:{'2' * 64}"))


def test_an_overlay_that_would_take_the_permissions_of_another_is_refused_before_anything_changes(
    run: Run, kustomize: Kustomize
) -> None:
    base, overlay = kustomize(), kustomize()
    base.apply()
    path = overlay.folder / "kustomization.yaml"
    path.write_text(f"{path.read_text()}\nnamespace: team-a\n")
    for environment in ("deploy", "undeploy", "build-and-deploy"):
        done = run(environment, overlay.folder, IMAGE="registry.example.com/pods:1")
        assert done.returncode == 1
        assert "to the namespace team-a, but gives the permissions to the namespace default: " in done.stderr
    assert_all_is_there(base)


def test_a_namespace_that_does_not_exist_is_one_line(run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize()
    write_overlay(overlay.folder, namespace="nowhere")
    image = "registry.example.com/pods:1"
    done = run("build-and-deploy", overlay.folder, IMAGE=image, IMAGE_ID=f"sha256:{'1' * 64}")
    assert done.returncode == 1
    *others, last = done.stderr.splitlines()
    assert last == "kubectl apply failed: exit code 1"
    assert all('namespaces "nowhere" not found' in line for line in others)

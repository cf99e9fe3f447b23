"""``deploy`` and ``undeploy``, as their users run them, on a real kube-apiserver."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import pytest

from tests.apiserver import Conflict, NotFound, make_pod
from tests.e2e.deployed import Deployed, Kustomize
from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import COMPONENTS, JSON, SELECTOR

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = "/apis/apps/v1/deployments"
POLL_SECONDS = 0.02

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
    """The one that the server lacks: it reports an outcome for every Deployment, and makes no pods."""

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
        # It is changed or deleted meanwhile, and the next listing tells.
        with suppress(Conflict, NotFound):
            self._cluster.client.call("PUT", path, deployment | {"status": self._outcome(deployment) | observed})


class Run(Protocol):
    """Runs a command in a process of its own, as tox does, with the admin's kubeconfig."""

    def __call__(self, *arguments: str | Path, outcome: Callable[[JSON], JSON] = complete, **environ: str) -> Done:
        """What the command says on stdout and stderr; every rollout meanwhile has the outcome."""


@pytest.fixture
def run(cluster: KubernetesApiServer, tmp_path: Path) -> Run:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig())
    inherited = {name: value for name, value in os.environ.items() if name != "IMAGE"}
    inherited |= {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(tmp_path / "kubectl-cache")}

    def run(*arguments: str | Path, outcome: Callable[[JSON], JSON] = complete, **environ: str) -> Done:
        command = [sys.executable, "-m", "tests.commands", *map(str, arguments)]
        with DeploymentController(cluster, outcome):
            return subprocess.run(
                command, cwd=ROOT, env=inherited | environ, capture_output=True, text=True, timeout=90
            )

    return run


def assert_all_is_there(deployed: Deployed) -> None:
    """As it is in the folder."""
    assert len(deployed.existing()) == len(deployed.build())
    assert deployed.difference() == ""


def image_of(deployed: Deployed) -> str:
    """The image that the server has in the Deployment."""
    (container,) = deployed.deployment()["spec"]["template"]["spec"]["containers"]
    image: str = container["image"]
    return image


def port_forward(done: Done) -> tuple[str, str, int]:
    """The namespace, the resource and its port, of the command that is printed as the next step."""
    (found,) = re.findall(r"^  kubectl port-forward --namespace=(\S+) (\S+) 8080:(\d+)$", done.stdout, re.MULTILINE)
    namespace, resource, port = found
    return namespace, resource, int(port)


# ---- deploy


def test_the_manifests_are_deployed(run: Run, kustomize: Kustomize) -> None:
    base = kustomize()
    done = run("deploy")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert_all_is_there(base)
    assert image_of(base) == "pod-index:latest"
    assert " with the image pod-index:latest to namespace default of context test.\n" in done.stdout


@pytest.mark.parametrize("components", [(), tuple(COMPONENTS)], ids="+".join)
def test_a_folder_with_another_namespace_is_deployed_there(
    components: tuple[str, ...], run: Run, kustomize: Kustomize
) -> None:
    overlay = kustomize(*components, namespace="team-a")
    done = run("deploy", overlay.folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert_all_is_there(overlay)
    assert overlay.deployment()["metadata"]["namespace"] == "team-a"
    assert " to namespace team-a of context test.\n" in done.stdout


@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_the_next_step_leads_to_the_port_of_the_service(
    namespace: str, cluster: KubernetesApiServer, run: Run, kustomize: Kustomize
) -> None:
    done = run("deploy", kustomize(namespace=namespace).folder)
    where, resource, port = port_forward(done)
    assert (where, resource) == (namespace or "default", "service/pod-index")
    service = json.loads(cluster.kubectl("get", resource, f"--namespace={where}", "--output=json"))
    assert [offered["port"] for offered in service["spec"]["ports"]] == [port]
    assert done.stdout.endswith(f"\n  tox run -e smoke -- http://localhost:8080 --namespace={where}\n")


@pytest.mark.parametrize(
    "image", ["registry.example.com:5000/team/pods:2", "registry.example.com/pods@sha256:" + "0" * 64]
)
@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_another_image_is_all_that_is_other(namespace: str, image: str, run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize(namespace=namespace)
    done = run("deploy", overlay.folder, IMAGE=image)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert image_of(overlay) == image
    assert overlay.deployment()["metadata"]["generation"] == 1, "there is one rollout"
    overlay.apply()
    assert_all_is_there(overlay)
    assert overlay.deployment()["metadata"]["generation"] == 2, "the image was the only difference"


def test_what_is_deployed_already_can_be_deployed_again(run: Run, kustomize: Kustomize) -> None:
    base = kustomize()
    for number in range(2):
        done = run("deploy")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert f"deployment.apps/pod-index {('created', 'unchanged')[number]}\n" in done.stdout
    assert_all_is_there(base)


# ---- deploy that fails


def test_a_rollout_that_does_not_finish_fails_with_one_line(run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize(namespace="team-a")
    done = run("deploy", overlay.folder, outcome=stuck)
    assert done.returncode == 1, done
    assert done.stderr.splitlines()[-1] == (
        "deployment/pod-index in namespace team-a of context test is not ready: its pods, events and logs above say why"
    )
    assert "Traceback" not in done.stderr
    assert "port-forward" not in done.stdout


def test_a_rollout_that_did_not_finish_is_mended_by_another_image(run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize()
    assert run("deploy", overlay.folder, IMAGE="registry.example.com/broken:1", outcome=stuck).returncode == 1
    done = run("deploy", overlay.folder, IMAGE="registry.example.com/mended:1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert image_of(overlay) == "registry.example.com/mended:1"


def test_a_rollout_that_does_not_finish_is_explained_by_its_pods_and_their_warnings(
    cluster: KubernetesApiServer, run: Run, kustomize: Kustomize
) -> None:
    overlay = kustomize(namespace="team-a")
    cluster.pods.load(
        [make_pod("pod-index-1", "team-a", labels=SELECTOR), make_pod("pod-of-others", "team-a", labels={"app": "b"})]
    )
    warn(cluster, "pod-index-1", "the image is not there")
    warn(cluster, "pod-of-others", "nobody asks for it")
    done = run("deploy", overlay.folder, outcome=stuck)
    pods, _, warnings = done.stdout.partition("$ kubectl get pods ")[2].partition("$ kubectl logs ")
    assert re.findall(r"^pod-\S+", pods, re.MULTILINE) == ["pod-index-1"]
    # kube-apiserver itself warns of Services at times.
    (warning,) = re.findall(r"^.* pod/.*$", warnings.partition("The latest warnings:\n")[2], re.MULTILINE)
    assert re.fullmatch(r"\S+ +Warning +Failed +pod/pod-index-1 +the image is not there", warning)


def warn(cluster: KubernetesApiServer, pod: str, message: str) -> None:
    """Write the event of a kubelet that has a problem with a pod."""
    event = {
        "metadata": {"generateName": f"{pod}.", "namespace": "team-a"},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": "team-a"},
        "type": "Warning",
        "reason": "Failed",
        "message": message,
    }
    cluster.create("/api/v1/namespaces/team-a/events", event)


def test_a_namespace_that_is_not_there_is_told(cluster: KubernetesApiServer, run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize()
    path = overlay.folder / "kustomization.yaml"
    path.write_text(f"{path.read_text()}\nnamespace: nowhere\n")
    done = run("deploy", overlay.folder)
    assert done.returncode == 1
    *others, last = done.stderr.splitlines()
    assert last == "kubectl apply has failed with exit code 1"
    assert all('namespaces "nowhere" not found' in line for line in others)
    assert "rollout" not in done.stdout


# ---- undeploy


@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_undeploy_removes_all(namespace: str, run: Run, kustomize: Kustomize) -> None:
    overlay = kustomize(*COMPONENTS, namespace=namespace)
    run("deploy", overlay.folder)
    assert overlay.existing() != []
    done = run("undeploy", overlay.folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert overlay.existing() == []
    assert done.stdout.endswith(f"Nothing of {overlay.folder} is left in context test.\n")


def test_undeploy_takes_another_image_away_too_and_leaves_what_is_not_its_own(
    cluster: KubernetesApiServer, run: Run, kustomize: Kustomize
) -> None:
    base, others = kustomize(), kustomize("single-namespace", namespace="team-a")
    others.apply()
    run("deploy", IMAGE="registry.example.com/pods:2")
    assert run("undeploy").returncode == 0
    assert base.existing() == []
    assert_all_is_there(others)


def test_undeploy_of_nothing_succeeds(run: Run, kustomize: Kustomize) -> None:
    base = kustomize()
    done = run("undeploy")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert base.existing() == []

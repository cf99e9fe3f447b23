"""Bringing the manifests to a cluster, and taking them away."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.commands.image import Reference
from tests.commands.kubectl import Context, read_manifests
from tests.commands.programs import CommandFailed, Programs
from tests.unit.commands.repository import SERVICE, Repository, deployment, failure

APPLY = ["kubectl", "apply", "-k", "manifests"]


def status(namespace: str) -> list[str]:
    return ["kubectl", "rollout", "status", "deployment/pod-index", f"--namespace={namespace}", "--timeout=5m"]


def applied(repository: Repository) -> Any:
    """The temporary overlay that was applied."""
    return json.loads((repository.folder / "applied").read_text())


def test_it_applies_waits_and_says_what_is_next(repository: Repository) -> None:
    repository.install_kubectl("production")
    done = repository.run("deploy")
    assert (done.returncode, done.stderr) == (0, "")
    assert repository.calls()[-2:] == [APPLY, status("default")]
    lines = done.stdout.splitlines()
    assert "Deploying manifests with the image pod-index:latest to namespace default of context production." in lines
    assert "\n  kubectl port-forward --namespace=default service/pod-index 8080:80\n" in done.stdout
    assert done.stdout.endswith("\n  tox run -e smoke -- http://localhost:8080 --namespace=default\n")


@pytest.mark.parametrize(
    ("of_manifests", "of_context", "namespace"), [("tools", "mine", "tools"), ("", "mine", "mine"), ("", "", "default")]
)
def test_the_namespace_is_that_of_the_manifests_else_of_the_context(
    of_manifests: str, of_context: str, namespace: str, repository: Repository
) -> None:
    repository.install_kubectl("production", **({"namespace": of_context} if of_context else {}))
    repository.render(deployment(of_manifests))
    done = repository.run("deploy")
    assert f" to namespace {namespace} of context production." in done.stdout
    assert repository.calls()[-1] == status(namespace)


def test_another_folder_without_a_service_is_deployed(repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.render({"kind": "Deployment", "metadata": {"name": "other"}}, deployment(), folder="mine")
    done = repository.run("deploy", "mine")
    assert ["kubectl", "apply", "-k", "mine"] in repository.calls()
    assert "port-forward --namespace=default deployment/pod-index 8080:8080" in done.stdout


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("r.example.com/pods:2", {"newTag": "2"}),
        ("r.example.com/pods", {"newTag": "latest"}),
        ("r.example.com/pods:2@sha256:3", {"digest": "sha256:3"}),
    ],
)
def test_another_image_is_deployed_in_one_rollout(image: str, version: dict[str, str], repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.render(deployment(image="registry.example.com/team/pod-index:1"))
    done = repository.run("deploy", IMAGE=image)
    (overlay,) = (call[3] for call in repository.calls() if call[1] == "apply")
    expected = {"name": "registry.example.com/team/pod-index", "newName": "r.example.com/pods", **version}
    assert applied(repository)["images"] == [expected]
    assert f"with the image {Reference.parse(image)} to" in done.stdout
    assert not Path(overlay).exists(), "the overlay is removed"
    assert repository.calls()[-1] == status("default")


@pytest.mark.parametrize(
    ("image", "told"), [("pod-index:2", True), ("team/pod-index:2", False), ("r.example.com/pod-index:2", False)]
)
def test_an_image_that_only_the_nodes_can_have_is_told_first(image: str, told: bool, repository: Repository) -> None:
    repository.install_kubectl("production")
    hint = f"{image} names no registry: if the nodes do not have it, use tox run -e build-and-deploy, or set IMAGE."
    assert repository.run("deploy", IMAGE=image).stdout.startswith(hint) is told
    repository.render(deployment(image=image))
    assert repository.run("deploy").stdout.startswith(hint) is told


def test_a_rollout_that_does_not_finish_is_explained(repository: Repository) -> None:
    repository.install_kubectl("production")
    events = [f"9s Warning Failed pod/pod-index-{number} cannot pull" for number in range(12)]
    events.insert(5, "9s Warning Failed pod/other cannot start")
    done = repository.run("deploy", ROLLOUT="1", EVENTS="\n".join(events))
    assert failure(done) == (
        "deployment/pod-index in namespace default of context production is not ready: "
        "its pods, events and logs above say why"
    )
    of_pods = ["--namespace=default", "--selector=app=pod-index"]
    assert ["kubectl", "get", "pods", *of_pods] in repository.calls()
    assert ["kubectl", "logs", *of_pods, "--tail=20", "--all-containers"] in repository.calls()
    shown = done.stdout.partition("The latest warnings:\n")[2].splitlines()
    assert shown == [event for event in events if "pod-index" in event][-10:]
    assert "port-forward" not in done.stdout


def test_what_cannot_be_explained_is_left_out(repository: Repository) -> None:
    repository.install_kubectl("production")
    done = repository.run("deploy", ROLLOUT="1", LOGS="1")
    assert "is not ready" in failure(done)
    assert "kubectl logs has failed with exit code 1\nThere are no warnings.\n" in done.stdout
    done = repository.run("deploy", ROLLOUT="1", NO_EVENTS="1")
    assert "is not ready" in failure(done)
    assert "kubectl get has failed: events are forbidden\n" in done.stdout


def test_manifests_that_are_refused_end_it(repository: Repository) -> None:
    repository.install_kubectl("production")
    assert failure(repository.run("deploy", APPLY="1")) == "kubectl apply has failed with exit code 1"
    assert repository.calls()[-1] == APPLY


def test_manifests_without_pod_index_are_told(repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.render(SERVICE)
    assert failure(repository.run("deploy")) == "the manifests in manifests have no Deployment pod-index"


@pytest.mark.parametrize("command", ["deploy", "undeploy", "build-and-deploy"])
def test_without_kubectl_or_a_context_it_says_so(command: str, repository: Repository) -> None:
    told = failure(repository.run(command))
    assert told == "kubectl is not installed: see https://kubernetes.io/docs/tasks/tools/"
    repository.install_kubectl("production")
    (repository.folder / "context.json").unlink()
    told = failure(repository.run(command))
    assert told == ("kubectl has no current context: set KUBECONFIG, or choose one with kubectl config use-context")


def test_another_complaint_about_the_kubeconfig_is_told_as_it_is(repository: Repository) -> None:
    repository.install("kubectl", "echo 'error: yaml: line 3: what is this?' >&2; exit 1")
    assert failure(repository.run("deploy")) == "kubectl config has failed: error: yaml: line 3: what is this?"


def test_undeploy_deletes_what_is_there(repository: Repository) -> None:
    repository.install_kubectl("production")
    done = repository.run("undeploy")
    assert done.returncode == 0, done.stderr
    assert repository.calls()[-1] == ["kubectl", "delete", "-k", "manifests", "--ignore-not-found"]
    assert done.stdout.startswith("Deleting manifests from context production.\n")
    assert done.stdout.endswith("Nothing of manifests is left in context production.\n")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_a_real_kubectl_renders_the_manifests_and_the_overlay(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = shutil.which("kubectl")
    assert kubectl is not None
    custom = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "pod-index"}}
    objects = [{"apiVersion": "apps/v1", **deployment()}, {"apiVersion": "v1", **SERVICE}, custom]
    for item in objects:
        (tmp_path / f"{item['kind']}.yaml").write_text(json.dumps(item))
    kustomization = {"namespace": "tools", "resources": [f"{item['kind']}.yaml" for item in objects]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(kustomization))
    # Renders with the real one what deploy hands to `kubectl apply -k`.
    repository.install_kubectl("production")
    fake = repository.bin / "kubectl"
    script = re.sub(r'"kustomize .*?;;\n"patch.*?;;', "", fake.read_text(), flags=re.DOTALL)
    script = script.replace('"apply -k")', f'"kustomize "*|"patch "*) exec {kubectl} "$@" ;;\n"apply -k")')
    fake.write_text(script.replace('cat "$3/kustomization.yaml" >applied', f'{kubectl} kustomize "$3" >applied'))
    done = repository.run("deploy", str(tmp_path), IMAGE="r.example.com/pods@sha256:" + "0" * 64)
    assert (done.returncode, done.stderr) == (0, "")
    assert repository.calls()[-1] == status("tools")
    rendered = (repository.folder / "applied").read_text()
    assert f"image: r.example.com/pods@sha256:{'0' * 64}\n" in rendered
    assert "image: sidecar:1\n" in rendered
    assert "kind: ServiceMonitor\n" in rendered


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_a_real_kubectl_says_why_it_renders_nothing(tmp_path: Path) -> None:
    context = Context("production", "default", is_minikube=False)
    with pytest.raises(CommandFailed, match=r"^kubectl kustomize has failed: .*kustomization"):
        read_manifests(Programs(os.environ), str(tmp_path), context)

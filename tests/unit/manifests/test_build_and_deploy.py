"""Building the image, bringing it to the cluster, and deploying it."""

import configparser
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.manifests import COMPONENTS, overlay, parse
from tests.unit.manifests.sandbox import ROOT, Sandbox

DOCKER = """
case "$1" in images) echo sha256:1 ;; image) printf '%s' "$DIGESTS" ;; esac
"""
PODMAN = """
case "$1" in
info) echo '  rootless: false' ;;
images) echo sha256:1 ;;
push) case "$2" in --digestfile=*) printf sha256:2 >"${2#*=}" ;; esac ;;
esac
"""
LOADERS = [
    ("kind-tests", ["kind", "load", "image-archive", "--name=tests"]),
    ("k3d-tests", ["k3d", "image", "import", "--cluster=tests"]),
    ("minikube", ["minikube", "image", "load", "--profile=minikube"]),
]


def applied(sandbox: Sandbox) -> tuple[str, str]:
    """The image, and the ID of the image, in the overlay that was applied."""
    (patch,) = json.loads((sandbox.folder / "applied").read_text())["patches"]
    template = json.loads(patch["patch"])["spec"]["template"]
    (container,) = template["spec"]["containers"]
    return container["image"], template["metadata"]["annotations"]["pod-index/image-id"]


@pytest.mark.parametrize(("context", "load"), LOADERS)
@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_a_local_cluster_gets_the_image_from_an_archive(
    engine: str, context: str, load: list[str], sandbox: Sandbox
) -> None:
    sandbox.install_kubectl(context)
    sandbox.install(engine, DOCKER if engine == "docker" else PODMAN)
    sandbox.install(load[0])
    output = sandbox.succeed("build_and_deploy.py")
    steps = [call[:2] for call in sandbox.calls() if call[1] not in ("config", "kustomize", "info", "images")]
    save = "save" if engine == "docker" else "push"
    assert steps == [[engine, "build"], [engine, save], load[:2], ["kubectl", "apply"], ["kubectl", "rollout"]]
    (loaded,) = sandbox.calls(load[0])
    assert loaded[:-1] == load
    (saved,) = (call[2:] for call in sandbox.calls(engine) if call[1] == save)
    if engine == "docker":
        assert saved == [f"--output={loaded[-1]}", "pod-index:latest"]
    else:
        # The nodes look for this name.
        name = "docker.io/library/pod-index:latest"
        assert saved == ["pod-index:latest", f"docker-archive:{loaded[-1]}:{name}"]
    assert applied(sandbox) == ("pod-index:latest", "sha256:1")
    assert not Path(loaded[-1]).exists()
    rollout = ["kubectl", "rollout", "status", "deployment/pod-index", "--namespace=tools", "--timeout=5m"]
    assert sandbox.calls()[-1] == rollout
    assert "\n  kubectl port-forward --namespace=tools deployment/pod-index 8080:8080\n" in output
    assert output.endswith("\n  tox run -e smoke -- http://localhost:8080 --namespace=tools\n")


def test_a_minikube_profile_of_another_name_is_recognised(sandbox: Sandbox) -> None:
    sandbox.install_kubectl("mine")
    path = sandbox.folder / "config.json"
    extensions = [{"extension": {"provider": "minikube.sigs.k8s.io"}}]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"contexts": [{"context": {"extensions": extensions}}]}))
    sandbox.install("docker", DOCKER)
    sandbox.install("minikube")
    sandbox.succeed("build_and_deploy.py")
    assert sandbox.calls("minikube")[0][:4] == ["minikube", "image", "load", "--profile=mine"]


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_another_cluster_pulls_the_image_that_was_pushed_by_its_digest(engine: str, sandbox: Sandbox) -> None:
    sandbox.install_kubectl()
    sandbox.install(engine, DOCKER if engine == "docker" else PODMAN)
    digests = json.dumps(["r.example.com/other@sha256:0", "r.example.com:5000/p@sha256:2"])
    sandbox.succeed("build_and_deploy.py", IMAGE="r.example.com:5000/p:1", DIGESTS=digests)
    (push,) = (call for call in sandbox.calls(engine) if call[1] == "push")
    assert push[-1].removeprefix("docker://") == "r.example.com:5000/p:1"
    assert applied(sandbox) == ("r.example.com:5000/p@sha256:2", "sha256:1")


def test_an_engine_that_reports_no_digest_leaves_the_tag(sandbox: Sandbox) -> None:
    sandbox.install_kubectl()
    sandbox.install("docker", DOCKER)
    sandbox.succeed("build_and_deploy.py", IMAGE="r.example.com/p", DIGESTS="null")
    assert applied(sandbox) == ("r.example.com/p:latest", "sha256:1")


def test_what_is_missing_is_reported_before_the_build(sandbox: Sandbox) -> None:
    sandbox.install("docker", DOCKER)
    assert sandbox.fail("build_and_deploy.py").startswith("cannot run kubectl (No such file or directory): install it")
    sandbox.install_kubectl()
    for image in ("", "me/pod-index:1"):
        line = sandbox.fail("build_and_deploy.py", IMAGE=image)
        assert line.startswith("context production is not a kind, k3d or minikube cluster, and ")
        assert "set IMAGE to a name that the cluster can pull" in line
    sandbox.install_kubectl("kind-tests")
    assert "kind is not installed: context kind-tests needs it" in sandbox.fail("build_and_deploy.py")
    sandbox.install("kind")
    (sandbox.folder / "manifests.yaml").write_text("kind: Service\nmetadata:\n  name: pod-index\n")
    assert sandbox.fail("build_and_deploy.py", "mine") == "the kustomization in mine has no Deployment pod-index"
    (sandbox.folder / "config.json").unlink()
    line = sandbox.fail("build_and_deploy.py")
    assert line.endswith("current-context must exist: set KUBECONFIG, or run kubectl config use-context")
    assert not any(call[1] == "build" for call in sandbox.calls())


def test_an_overlay_without_permissions_of_its_own_is_refused_before_the_build(sandbox: Sandbox) -> None:
    sandbox.install_kubectl("kind-tests")
    sandbox.install("docker", DOCKER)
    sandbox.install("kind")
    path = sandbox.folder / "manifests.yaml"
    path.write_text(path.read_text().replace("serviceaccount:tools:", "serviceaccount:default:"))
    expected = (
        "the kustomization in mine deploys to the namespace tools, but gives the permissions to the namespace default:"
        f" add the replacements of {ROOT}/manifests/replacements.yaml, "
    )
    assert sandbox.fail("build_and_deploy.py", "mine").startswith(expected)
    assert sandbox.fail("permissions.py", "mine").startswith(expected)
    assert {call[1] for call in sandbox.calls()} == {"config", "kustomize"}


def test_deploy_and_undeploy_check_the_permissions_first() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    for environment in ("deploy", "undeploy"):
        check, kubectl, *_ = tox[f"testenv:{environment}"]["commands"].strip().splitlines()
        assert check == "python manifests/scripts/permissions.py {posargs:manifests/}"
        assert kubectl.startswith(("kubectl apply -k {posargs:manifests/}", "kubectl delete -k {posargs:manifests/}"))


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_kustomizations_of_the_manifests_give_the_permissions_to_themselves(
    namespace: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    overlay(tmp_path, "kube-rbac-proxy", namespace=namespace)
    assert sandbox.succeed("permissions.py", str(tmp_path), PATH=os.environ["PATH"]) == ""


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_an_overlay_with_nothing_but_a_namespace_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    overlay(tmp_path)
    with (tmp_path / "kustomization.yaml").open("a") as file:
        file.write("namespace: team-a\n")
    line = sandbox.fail("permissions.py", str(tmp_path), PATH=os.environ["PATH"])
    assert "to the namespace team-a, but gives the permissions to the namespace default: " in line


def test_a_rollout_that_does_not_finish_is_one_line(sandbox: Sandbox) -> None:
    sandbox.install_kubectl("kind-tests")
    sandbox.install("docker", DOCKER)
    sandbox.install("kind")
    assert sandbox.fail("build_and_deploy.py", ROLLOUT="1") == (
        "pod-index is not ready: see kubectl describe pods --namespace=tools --selector=app=pod-index, "
        "and kubectl logs --namespace=tools --selector=app=pod-index"
    )
    assert sandbox.fail("build_and_deploy.py", APPLY="1") == "kubectl apply failed: exit code 1"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_sets_the_image_in_an_overlay_of_a_user(sandbox: Sandbox) -> None:
    kubectl = shutil.which("kubectl")
    sandbox.install_kubectl()
    rendering = f'"kustomize "*) exec {kubectl} "$@" ;;\n"apply -k") {kubectl} kustomize "$3" >applied ;;\n'
    stand_in = (sandbox.bin / "kubectl").read_text()
    (sandbox.bin / "kubectl").write_text(stand_in.replace('"kustomize "*)', f'{rendering}"unused "*)', 1))
    sandbox.install("docker", DOCKER)
    folder = sandbox.folder / "overlay"
    folder.mkdir()
    overlay(folder, *COMPONENTS, namespace="team-a")
    before = parse(subprocess.run(["kubectl", "kustomize", folder], check=True, stdout=subprocess.PIPE).stdout.decode())
    digest = f"r.example.com/p@sha256:{'2' * 64}"
    sandbox.succeed("build_and_deploy.py", "overlay", IMAGE="r.example.com/p", DIGESTS=json.dumps([digest]))
    after = parse((sandbox.folder / "applied").read_text())
    (deployment,) = (item for item in after if item["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    assert template["metadata"].pop("annotations") == {"pod-index/image-id": "sha256:1"}
    assert template["spec"]["containers"][0]["image"] == digest
    template["spec"]["containers"][0]["image"] = "pod-index:latest"
    assert after == before
    assert sandbox.calls()[-1][4] == "--namespace=team-a"


def test_the_scripts_need_nothing_but_the_standard_library(sandbox: Sandbox) -> None:
    for script in ("build_and_deploy.py", "smoke.py"):
        python, path, *_ = sandbox.command(script)
        done = subprocess.run([python, "-S", path, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"usage: tox run -e {script.removesuffix('.py').replace('_', '-')} -- ")

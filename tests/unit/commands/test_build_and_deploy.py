"""Building an image and bringing it to where the cluster finds it."""

import json

import pytest

from tests.unit.commands.repository import Repository, deployment, failure

LOADED_BY_NAME = [
    ("kind-tests", ["kind", "load", "docker-image", "pod-index:latest", "--name=tests"]),
    ("k3d-tests", ["k3d", "image", "import", "pod-index:latest", "--cluster=tests"]),
    ("minikube", ["minikube", "image", "load", "pod-index:latest", "--profile=minikube"]),
]
PODMAN = """
case "$1" in
info) printf '    rootless: true\\n' ;;
push) case "$2" in --digestfile=*) printf 'sha256:1' >"${2#*=}" ;; esac ;;
esac
"""
DOCKER = """[ "$1" = image ] && printf '%s' "$DIGESTS"; exit 0"""
RESTART = ["kubectl", "rollout", "restart", "deployment/pod-index", "--namespace=default"]


def builds(repository: Repository) -> int:
    return len([call for call in repository.calls() if call[1] == "build"])


def programs_in_order(repository: Repository) -> list[str]:
    """What was done to the engine and the cluster, without the questions."""
    done = {"build", "load", "image", "push", "apply", "rollout"}
    return [f"{call[0]} {call[1]}" for call in repository.calls() if call[1] in done]


@pytest.mark.parametrize(("context", "load"), LOADED_BY_NAME)
def test_a_local_cluster_is_given_the_image_by_its_own_tool(
    context: str, load: list[str], repository: Repository
) -> None:
    repository.install_kubectl(context)
    repository.install("docker")
    repository.install(load[0])
    done = repository.run("build-and-deploy")
    assert (done.returncode, done.stderr) == (0, "")
    assert repository.calls(load[0]) == [load]
    assert programs_in_order(repository) == [
        "docker build",
        " ".join(load[:2]),
        "kubectl apply",
        "kubectl rollout",
    ]


@pytest.mark.parametrize(("context", "load"), LOADED_BY_NAME)
@pytest.mark.parametrize("engine", ["podman", "buildah"])
def test_podman_and_buildah_hand_over_an_archive_with_the_name_that_nodes_look_for(
    engine: str, context: str, load: list[str], repository: Repository
) -> None:
    repository.install_kubectl(context)
    repository.install(engine, PODMAN)
    repository.install(load[0])
    done = repository.run("build-and-deploy")
    assert (done.returncode, done.stderr) == (0, "")
    (push,) = (call for call in repository.calls(engine) if call[1] == "push")
    kind, archive, name = push[3].split(":", 2)
    assert (push[2], kind, name) == ("pod-index:latest", "docker-archive", "docker.io/library/pod-index:latest")
    expected = [word.replace("docker-image", "image-archive").replace("pod-index:latest", archive) for word in load]
    assert repository.calls(load[0]) == [expected]


def test_a_minikube_profile_of_another_name_is_known_by_its_extension(repository: Repository) -> None:
    extension = {"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io"}}
    repository.install_kubectl("mine", extensions=[extension])
    repository.install("docker")
    repository.install("minikube")
    repository.run("build-and-deploy")
    assert repository.calls("minikube") == [
        ["minikube", "image", "load", "pod-index:latest", "--profile=mine"],
    ]


def test_elsewhere_the_image_is_pushed_and_deployed_by_its_digest(repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.install("docker", DOCKER)
    digests = json.dumps(["r.example.com/other@sha256:0", "r.example.com/p@sha256:1"])
    done = repository.run("build-and-deploy", IMAGE="r.example.com/p:1", DIGESTS=digests)
    assert (done.returncode, done.stderr) == (0, "")
    assert ["docker", "push", "r.example.com/p:1"] in repository.calls()
    applied = json.loads((repository.folder / "applied").read_text())
    assert applied["images"] == [{"name": "pod-index", "newName": "r.example.com/p", "digest": "sha256:1"}]


def test_podman_and_buildah_tell_the_digest_when_they_push(repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.install("podman", PODMAN)
    done = repository.run("build-and-deploy", IMAGE="localhost:5000/p")
    (push,) = (call for call in repository.calls("podman") if call[1] == "push")
    assert push[3:] == ["localhost:5000/p:latest", "docker://localhost:5000/p:latest"]
    assert "with the image localhost:5000/p@sha256:1 to" in done.stdout


def test_an_engine_that_tells_no_digest_leaves_the_tag(repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.install("docker", DOCKER)
    image = "r.example.com/p:1"
    done = repository.run("build-and-deploy", IMAGE=image, DIGESTS="null", DEPLOYED=image)
    assert "with the image r.example.com/p:1 to" in done.stdout
    assert RESTART in repository.calls()


@pytest.mark.parametrize(
    ("deployed", "restarted"),
    [
        ("", False),
        ("sidecar:1 pod-index:1", False),
        ("sidecar:1 pod-index:latest", True),
        ("docker.io/library/pod-index", True),
    ],
)
def test_the_same_name_again_is_another_image_and_restarts_the_pods(
    deployed: str, restarted: bool, repository: Repository
) -> None:
    repository.install_kubectl("kind-tests")
    repository.install("docker")
    repository.install("kind")
    repository.run("build-and-deploy", DEPLOYED=deployed)
    after_apply = [call for call in repository.calls("kubectl") if call[1] in ("apply", "rollout")][1:]
    assert (after_apply[0] == RESTART) is restarted
    assert after_apply[-1][2] == "status"


def test_the_deployment_before_is_asked_for_where_the_manifests_put_it(repository: Repository) -> None:
    repository.install_kubectl("kind-tests", namespace="mine")
    repository.install("docker")
    repository.install("kind")
    repository.render(deployment("tools"))
    repository.run("build-and-deploy")
    (get,) = (call for call in repository.calls("kubectl") if call[1] == "get")
    assert get[2:5] == ["deployment/pod-index", "--namespace=tools", "--ignore-not-found"]


@pytest.mark.parametrize("image", ["", "me/pod-index:1"])
def test_an_image_that_the_cluster_cannot_find_is_not_built(image: str, repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.install("docker")
    line = failure(repository.run("build-and-deploy", IMAGE=image))
    assert line.startswith("context production is no kind, k3d or minikube cluster")
    assert "set IMAGE to a name in a registry" in line
    assert builds(repository) == 0


def test_whatever_is_missing_is_told_before_anything_is_built(repository: Repository) -> None:
    repository.install_kubectl("kind-tests")
    assert failure(repository.run("build-and-deploy")) == "kind is not installed: see https://kind.sigs.k8s.io"
    repository.install("kind")
    assert failure(repository.run("build-and-deploy")).startswith("no container engine works here: ")
    repository.install("docker")
    line = failure(repository.run("build-and-deploy", NO_CLUSTER="1"))
    assert line == "kubectl get has failed: The connection was refused"
    (repository.folder / "Containerfile").unlink()
    assert "there is no Containerfile" in failure(repository.run("build-and-deploy"))
    assert builds(repository) == 0

"""Building the image: which engine, under which name, with which arguments."""

import pytest

from tests.commands.engines import BUILDERS, find_engine
from tests.commands.image import Reference
from tests.commands.programs import CommandFailed
from tests.unit.commands.repository import Repository, failure

NO_DAEMON = """
echo "Cannot connect to the Docker daemon. Is it running?" >&2
echo "errors pretty printing info" >&2
exit 1
"""
IN_ORDER = pytest.mark.parametrize(
    ("broken", "works"), [((), "docker"), (("docker",), "podman"), (("docker", "podman"), "buildah")]
)


@IN_ORDER
def test_the_first_engine_that_works_builds(broken: tuple[str, ...], works: str, repository: Repository) -> None:
    for name in BUILDERS:
        repository.install(name, NO_DAEMON if name in broken else "")
    done = repository.run("image")
    assert done.returncode == 0, done.stderr
    command = [works, "build", "--file=Containerfile", "--tag=pod-index:latest", "--build-arg=VERSION=1.2.3", "."]
    assert repository.calls(works)[-1] == command
    assert f"$ {' '.join(command)}\n" in done.stdout
    assert done.stdout.endswith("The image pod-index:latest is built.\n")


def test_the_engine_the_image_and_arguments_can_be_chosen(repository: Repository) -> None:
    for name in ("docker", "podman"):
        repository.install(name)
    done = repository.run("image", "--no-cache", "--label=a=b c", CONTAINER_ENGINE="podman", IMAGE="me/pods")
    assert repository.calls("docker") == []
    assert repository.calls("podman")[-1][-3:] == ["--no-cache", "--label=a=b c", "."]
    assert "--tag=me/pods:latest" in repository.calls("podman")[-1]
    assert "'--label=a=b c'" in done.stdout, "the line can be pasted"


def test_the_image_is_told_its_revision(repository: Repository) -> None:
    repository.install("docker")
    repository.install("git", "echo 0123abcd")
    repository.run("image")
    assert repository.calls("git") == [["git", "rev-parse", "HEAD"]]
    assert "--build-arg=REVISION=0123abcd" in repository.calls("docker")[-1]


def test_without_a_repository_there_is_no_revision(repository: Repository) -> None:
    repository.install("docker")
    repository.install("git", "exit 128")
    done = repository.run("image")
    assert "there is no git, or no git repository here" in done.stdout
    assert not any("REVISION" in word for word in repository.calls("docker")[-1])


def test_what_was_tried_and_why_it_failed_is_one_line(repository: Repository) -> None:
    repository.install("docker", NO_DAEMON)
    repository.install("podman", "exit 125")
    assert failure(repository.run("image")) == (
        "no container engine works here: docker info has failed: Cannot connect to the Docker daemon. Is it running?; "
        "podman info has failed: exit code 125; buildah is not installed"
    )


def test_a_chosen_engine_that_does_not_work_is_not_replaced(repository: Repository) -> None:
    repository.install("docker")
    line = failure(repository.run("image", CONTAINER_ENGINE="podman"))
    assert line == "CONTAINER_ENGINE=podman does not work: podman is not installed"
    assert repository.calls() == []


def test_an_engine_that_hangs_does_not_work(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.commands.engines.PROBE_SECONDS", 0.2)
    repository.install("docker", "exec sleep 60")
    with pytest.raises(CommandFailed, match=r"docker info gave no answer within 0\.2 seconds"):
        find_engine(repository.programs, ["docker"])


@pytest.mark.parametrize(
    ("told", "keeps_archives", "rootless"),
    [
        (" Security Options:\n  seccomp\n", False, False),
        (" Security Options:\n  rootless\n", False, True),
        ("  security:\n    rootless: false\n", True, False),
        ("  security:\n    rootless: true\n", True, True),
    ],
)
def test_what_an_engine_is_it_says_itself(
    told: str, keeps_archives: bool, rootless: bool, repository: Repository
) -> None:
    repository.install("docker", f"printf '{told}'")
    engine = find_engine(repository.programs, ["docker"])
    assert (engine.keeps_archives, engine.rootless) == (keeps_archives, rootless)


def test_a_build_that_fails_is_told(repository: Repository) -> None:
    repository.install("docker", '[ "$1" = info ] || exit 17')
    assert failure(repository.run("image")) == "docker build has failed with exit code 17"


def test_a_digest_is_no_name_to_build_under(repository: Repository) -> None:
    assert failure(repository.run("image", IMAGE="r.example.com/p@sha256:1")).startswith(
        "IMAGE=r.example.com/p@sha256:1 names a digest"
    )


def test_another_folder_is_told(repository: Repository) -> None:
    (repository.folder / "Containerfile").unlink()
    assert failure(repository.run("image")) == (
        f"there is no Containerfile in {repository.folder}: run this at the root of the repository"
    )


@pytest.mark.parametrize(
    ("text", "reference", "complete", "has_registry"),
    [
        ("pods", Reference("pods", "latest"), "docker.io/library/pods:latest", False),
        ("me/pods:1", Reference("me/pods", "1"), "docker.io/me/pods:1", False),
        ("r.io/pods:1", Reference("r.io/pods", "1"), "r.io/pods:1", True),
        ("r:5000/pods", Reference("r:5000/pods", "latest"), "r:5000/pods:latest", True),
        ("localhost/a/b:1", Reference("localhost/a/b", "1"), "localhost/a/b:1", True),
        ("r.io/pods:1@sha256:2", Reference("r.io/pods", "", "sha256:2"), "r.io/pods@sha256:2", True),
        ("a.b:1", Reference("a.b", "1"), "docker.io/library/a.b:1", False),
    ],
)
def test_the_name_of_an_image_is_understood(text: str, reference: Reference, complete: str, has_registry: bool) -> None:
    assert Reference.parse(text) == reference
    assert str(reference.complete) == complete
    assert reference.has_registry == has_registry

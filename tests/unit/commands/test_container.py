"""Running the image on one's own kubeconfig."""

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pod_index.settings import Settings
from tests.commands.container import SETTINGS
from tests.support.documents import MANIFESTS, read
from tests.support.polling import eventually
from tests.unit.commands.repository import Repository, failure

HARDENED = [
    *("--rm", "--network", "host", "--user", f"{os.getuid()}:{os.getgid()}"),
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]
# Stops as the container does: on the first signal that the engine passes on, after a while.
UNTIL_SIGNALLED = """
[ "$1" = run ] || exit 0
stop() { sleep 0.3; echo drained >>signals; exit 0; }
trap 'echo INT >>signals; stop' INT; trap 'echo TERM >>signals; stop' TERM
echo ready >started
while :; do sleep 0.05; done
"""
# Keeps what it is given, and who may read it.
KEEP = '[ "$1" = run ] || exit 0; for w; do case "$w" in *:/kubeconfig:ro) f=${w%%:*};; esac; done; '
KEEP += 'cat "$f" >kept; stat -c %a "$f" >mode; echo "$f" >name'


def config(**user: Any) -> str:
    return json.dumps({"users": [{"name": "u", "user": user}]})


def install_kubectl(repository: Repository, text: str) -> None:
    repository.install("kubectl", f"cat <<'END'\n{text}\nEND")


def test_it_runs_as_hardened_as_in_the_cluster(repository: Repository) -> None:
    repository.install("docker")
    install_kubectl(repository, config(token="secret"))
    done = repository.run("container", "-n", "team-a")
    assert done.returncode == 0, done.stderr
    _, inspect, run = repository.calls("docker")
    assert inspect == ["docker", "image", "inspect", "pod-index:latest"]
    assert run[: 2 + len(HARDENED)] == ["docker", "run", *HARDENED]
    assert run[-5:] == ["-e", "KUBECONFIG=/kubeconfig", "pod-index:latest", "-n", "team-a"]
    assert "$ docker run --rm " in done.stdout
    assert "pod-index will answer at http://localhost:8080" in done.stdout


def test_the_document_has_the_same_line(repository: Repository) -> None:
    home = repository.folder / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube/config").write_text("{}")
    repository.install("docker")
    repository.run("container", HOME=str(home))
    (line,) = re.findall(r"^docker run .+$", read(MANIFESTS), re.MULTILINE)
    told = line.replace("$(id -u):$(id -g)", f"{os.getuid()}:{os.getgid()}").replace("~", str(home))
    assert repository.calls("docker")[-1] == shlex.split(told)


def test_the_settings_are_passed_on_and_a_proxy_is_not_shown(repository: Repository) -> None:
    repository.install("docker")
    install_kubectl(repository, config())
    environ = {"PORT": "9090", "STREAMING_LIST": "false", "HTTPS_PROXY": "http://me:password@proxy"}
    done = repository.run("container", **environ)
    run = repository.calls("docker")[-1]
    assert run[run.index("KUBECONFIG=/kubeconfig") + 1 :] == [
        *("-e", "PORT=9090", "-e", "STREAMING_LIST=false", "-e", "HTTPS_PROXY", "pod-index:latest")
    ]
    assert "http://localhost:9090" in done.stdout
    assert "password" not in done.stdout


def test_credentials_are_passed_on_and_not_shown(repository: Repository) -> None:
    repository.install("docker")
    install_kubectl(repository, config())
    environ = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret", "AUTH_TOKEN_FILE": "tokens"}
    done = repository.run("container", **environ)
    run = repository.calls("docker")[-1]
    mounted = ["-v", f"{repository.folder}/tokens:/tokens:ro", "-e", "AUTH_TOKEN_FILE=/tokens"]
    hidden = ["-e", "BASIC_AUTH_USERNAME", "-e", "BASIC_AUTH_PASSWORD"]
    assert run[run.index("KUBECONFIG=/kubeconfig") + 1 :] == [*hidden, *mounted, "pod-index:latest"]
    assert "s3cret" not in done.stdout


def test_all_settings_are_known() -> None:
    assert set(SETTINGS) == {field.name.upper() for field in msgspec.structs.fields(Settings)}


def test_the_kubeconfig_is_a_private_copy_that_is_removed(repository: Repository) -> None:
    repository.install("docker", KEEP)
    install_kubectl(repository, config(token="secret"))
    repository.run("container")
    command = ["config", "view", "--raw", "--minify", "--flatten", "--output=json"]
    assert repository.calls("kubectl") == [["kubectl", *command]]
    assert json.loads((repository.folder / "kept").read_text())["users"][0]["user"] == {"token": "secret"}
    assert (repository.folder / "mode").read_text() == "600\n"
    assert not Path((repository.folder / "name").read_text().strip()).exists()


@pytest.mark.parametrize("named", [True, False])
def test_without_kubectl_the_users_own_file_is_mounted(named: bool, repository: Repository) -> None:
    repository.install("docker", KEEP)
    path = repository.folder / ("mine" if named else ".kube/config")
    path.parent.mkdir(exist_ok=True)
    path.write_text("users: [{name: u, user: {token: executive}}]")
    done = repository.run("container", **({"KUBECONFIG": "mine"} if named else {}))
    assert done.returncode == 0, done.stderr
    assert (repository.folder / "name").read_text() == f"{path}\n"


def test_without_a_kubeconfig_it_says_so(repository: Repository) -> None:
    repository.install("docker")
    assert failure(repository.run("container")) == (
        f"{repository.folder}/.kube/config cannot be read (No such file or directory): point KUBECONFIG at a kubeconfig"
    )
    assert "names several files" in failure(repository.run("container", KUBECONFIG="a:b"))
    repository.install("kubectl", "echo 'error: current-context must exist' >&2; exit 1")
    assert failure(repository.run("container")) == "kubectl config has failed: error: current-context must exist"


@pytest.mark.parametrize(
    ("text", "plugin"),
    [
        (config(exec={"command": "aws"}), "aws"),
        (config(**{"auth-provider": {"name": "gcp"}}), "gcp"),
        ("users:\n- user:\n    exec:\n      command: aws\n", "exec"),
    ],
)
def test_a_login_with_a_plugin_is_told_before_it_starts(text: str, plugin: str, repository: Repository) -> None:
    repository.install("docker")
    if plugin == "exec":
        (repository.folder / "kubeconfig").write_text(text)
    else:
        install_kubectl(repository, text)
    line = failure(repository.run("container", KUBECONFIG="kubeconfig"))
    assert line.startswith(f"the kubeconfig logs in with a plugin ({plugin}), which the container does not have")
    assert not any("run" in call for call in repository.calls("docker"))


@pytest.mark.parametrize(
    ("engine", "told", "options"),
    [
        ("podman", "    rootless: true\n", ["--user", f"{os.getuid()}:{os.getgid()}", "--userns=keep-id"]),
        ("podman", "    rootless: false\n", ["--user", f"{os.getuid()}:{os.getgid()}", "--read-only"]),
        ("docker", "  rootless\n", ["--user", "0:0", "--read-only"]),
    ],
)
def test_the_user_is_the_one_who_may_read_the_kubeconfig(
    engine: str, told: str, options: list[str], repository: Repository
) -> None:
    repository.install(engine, f"[ $1 = info ] && printf '{told}'; exit 0")
    install_kubectl(repository, config())
    repository.run("container")
    run = repository.calls(engine)[-1]
    assert run[run.index("--user") :][: len(options)] == options


def test_an_image_that_is_not_built_is_told(repository: Repository) -> None:
    repository.install("docker", "[ $1 != image ]")
    line = failure(repository.run("container"))
    assert line == "docker has no image pod-index:latest: build it with tox run -e image"
    install_kubectl(repository, config())
    assert repository.run("container", IMAGE="r.example.com/p:1").returncode == 0, "it is pulled"


def test_buildah_runs_no_containers(repository: Repository) -> None:
    repository.install("buildah")
    line = failure(repository.run("container"))
    assert line == "no container engine works here: docker is not installed; podman is not installed"
    line = failure(repository.run("container", CONTAINER_ENGINE="buildah"))
    assert line == "CONTAINER_ENGINE=buildah cannot run containers here: set it to docker or podman"


def test_a_container_that_fails_is_told(repository: Repository) -> None:
    repository.install("docker", "[ $1 != run ] || exit 125")
    install_kubectl(repository, config())
    assert failure(repository.run("container")) == "the container has ended with exit code 125"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_repeated_ctrl_c_reaches_the_container_once_and_it_drains(
    signum: signal.Signals, repository: Repository
) -> None:
    repository.install("docker", UNTIL_SIGNALLED)
    install_kubectl(repository, config())
    with subprocess.Popen(
        repository.command("container"),
        cwd=repository.folder,
        env=repository.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        eventually(lambda: (repository.folder / "started").exists())
        os.killpg(process.pid, signum)  # as the terminal does
        eventually(lambda: (repository.folder / "signals").exists())
        process.send_signal(signum)  # as tox does
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")
    assert (repository.folder / "signals").read_text() == f"{signum.name.removeprefix('SIG')}\ndrained\n"

"""Building the image, and running it on a kubeconfig."""

import configparser
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from pod_index.settings import Settings
from tests.support.polling import DEADLINE_SECONDS, eventually
from tests.unit.manifests.sandbox import ROOT, Sandbox

USER = f"{os.getuid()}:{os.getgid()}"
HARDENED = [
    *("--rm", "--network", "host", "--user", USER),
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]
KEEP_KUBECONFIG = """
[ "$1" = run ] || exit 0
for word; do case "$word" in *:/kubeconfig:ro) file=${word%%:*} ;; esac; done
cat "$file" >kept; stat -c %a "$file" >mode; echo "$file" >name
"""
# Ends some time after a signal, as pod-index does.
DRAIN = """
[ "$1" = run ] || exit 0
trap 'echo INT >>signals; sleep 0.3; echo drained >>signals; exit 0' INT
echo >started
while :; do sleep 0.05; done
"""


def version() -> str:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["metadata"]["version"]


# ---- build


def test_the_image_is_built_with_the_version_and_the_revision(sandbox: Sandbox) -> None:
    sandbox.install("docker")
    sandbox.install("git", "echo 0123abcd")
    output = sandbox.succeed("image.py", "build", "--no-cache", IMAGE="me/pods")
    assert sandbox.calls("docker")[-1] == [
        *("docker", "build", f"--file={ROOT}/Containerfile", "--tag=me/pods:latest"),
        *(f"--build-arg=VERSION={version()}", "--build-arg=REVISION=0123abcd", "--no-cache", str(ROOT)),
    ]
    assert output.endswith("Built the image me/pods:latest.\n")


def test_the_version_is_a_label_of_the_image() -> None:
    image = (ROOT / "Containerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^ARG VERSION\b", image, re.MULTILINE)
    assert 'org.opencontainers.image.version="${VERSION}"' in image


def test_without_git_the_image_has_no_revision(sandbox: Sandbox) -> None:
    sandbox.install("docker")
    assert "The image gets no revision label: cannot run git" in sandbox.succeed("image.py", "build")
    assert not any("REVISION" in word for word in sandbox.calls("docker")[-1])


@pytest.mark.parametrize(
    ("broken", "works"), [((), "docker"), (("docker",), "podman"), (("docker", "podman"), "buildah")]
)
def test_the_first_engine_that_works_builds(broken: tuple[str, ...], works: str, sandbox: Sandbox) -> None:
    for name in ("docker", "podman", "buildah"):
        sandbox.install(name, "exit 1" if name in broken else "")
    sandbox.succeed("image.py", "build")
    assert sandbox.calls()[-1][:2] == [works, "build"]


def test_one_line_says_why_no_engine_works(sandbox: Sandbox) -> None:
    sandbox.install("docker", "echo 'Cannot connect to the Docker daemon.' >&2; echo 'errors' >&2; exit 1")
    sandbox.install("podman", "exit 125")
    assert sandbox.fail("image.py", "build") == (
        "no container engine works: docker info failed: Cannot connect to the Docker daemon. errors; "
        "podman info failed: exit code 125; "
        "cannot run buildah (No such file or directory): install it, or add its folder to PATH"
    )
    line = sandbox.fail("image.py", "build", CONTAINER_ENGINE="buildah")
    assert line.startswith("no container engine works: cannot run buildah")


def test_a_build_that_fails_is_one_line(sandbox: Sandbox) -> None:
    sandbox.install("docker", '[ "$1" = info ] || exit 17')
    assert sandbox.fail("image.py", "build") == "docker build failed: exit code 17"
    assert "IMAGE=p@sha256:1 has a digest" in sandbox.fail("image.py", "build", IMAGE="p@sha256:1")
    assert sandbox.fail("image.py") == "usage: image.py build|run [ARGUMENT ...]"


# ---- run


def test_the_container_is_as_hardened_as_in_the_cluster(sandbox: Sandbox) -> None:
    sandbox.install("docker")
    sandbox.install_kubectl(token="secret")
    output = sandbox.succeed("image.py", "run", "-n", "team-a")
    run = sandbox.calls("docker")[-1]
    assert run[: 2 + len(HARDENED)] == ["docker", "run", *HARDENED]
    assert run[-5:] == ["-e", "KUBECONFIG=/kubeconfig", "pod-index:latest", "-n", "team-a"]
    assert "pod-index will listen at http://localhost:8080." in output


def test_the_documentation_shows_the_same_line() -> None:
    documents = [path.read_text() for path in (ROOT / "README.md", *ROOT.glob("*/README.md"))]
    (line,) = re.findall("^docker run .*$", "\n".join(documents), re.MULTILINE)
    words = shlex.split(line.replace('"$(id -u):$(id -g)"', USER))
    kubeconfig = ["-v", "~/.kube/config:/kubeconfig:ro", "-e", "KUBECONFIG=/kubeconfig"]
    assert words == ["docker", "run", *HARDENED, *kubeconfig, "pod-index:latest"]


def test_every_setting_reaches_the_container_and_no_secret_is_shown(sandbox: Sandbox) -> None:
    sandbox.install("docker")
    sandbox.install_kubectl()
    names = [field.name for field in structs.fields(Settings)]
    settings = {name.upper(): f"value-of-{name}" for name in names} | {"HTTPS_PROXY": "value-of-it"}
    output = sandbox.succeed("image.py", "run", **settings, OTHER="x")
    run = sandbox.calls("docker")[-1]
    passed = {run[number + 1] for number, word in enumerate(run) if word == "-e"} - {"KUBECONFIG=/kubeconfig"}
    files = {name for name in settings if name.endswith("_FILE")}
    assert passed == {f"{name}=/{name}" if name in files else name for name in settings}
    assert f"{sandbox.folder}/value-of-auth_token_file:/AUTH_TOKEN_FILE:ro" in run
    assert "value-of-basic_auth_password" not in output


def test_the_kubeconfig_is_a_private_copy_that_is_removed(sandbox: Sandbox) -> None:
    sandbox.install("docker", KEEP_KUBECONFIG)
    sandbox.install_kubectl(token="secret")
    sandbox.succeed("image.py", "run")
    options = ["--raw", "--minify", "--flatten", "--output=json"]
    assert sandbox.calls("kubectl") == [["kubectl", "config", "view", *options]]
    assert json.loads((sandbox.folder / "kept").read_text())["users"] == [{"user": {"token": "secret"}}]
    assert (sandbox.folder / "mode").read_text() == "600\n"
    assert not Path((sandbox.folder / "name").read_text().strip()).exists()


def test_a_login_plugin_is_reported_before_the_start(sandbox: Sandbox) -> None:
    sandbox.install("docker")
    sandbox.install_kubectl(exec={"command": "aws"})
    line = sandbox.fail("image.py", "run")
    assert line.startswith("the kubeconfig logs in with a plugin (exec), which the image does not have: use tox run")
    assert not any(call[1] == "run" for call in sandbox.calls("docker"))


@pytest.mark.parametrize(
    ("engine", "info", "options"),
    [
        ("podman", "    rootless: true\n", ["--user", USER, "--userns=keep-id"]),
        ("podman", "    rootless: false\n", ["--user", USER, "--read-only"]),
        ("docker", "  rootless\n", ["--user", "0:0", "--read-only"]),
    ],
)
def test_the_user_of_the_container_can_read_the_kubeconfig(
    engine: str, info: str, options: list[str], sandbox: Sandbox
) -> None:
    sandbox.install(engine, f"[ $1 = info ] && printf '{info}'; exit 0")
    sandbox.install_kubectl()
    sandbox.succeed("image.py", "run")
    run = sandbox.calls(engine)[-1]
    assert run[run.index("--user") :][: len(options)] == options


def test_one_line_says_why_the_container_does_not_run(sandbox: Sandbox) -> None:
    sandbox.install("buildah")
    assert sandbox.fail("image.py", "run").startswith("buildah only builds images: install docker or podman")
    sandbox.install("docker", "[ $1 = info ] || exit 125")
    assert sandbox.fail("image.py", "run") == "docker has no image pod-index:latest: run tox run -e image"
    assert sandbox.fail("image.py", "run", IMAGE="r.example.com/p:1").startswith("cannot run kubectl")
    sandbox.install_kubectl()
    assert "ended with exit code 125" in sandbox.fail("image.py", "run", IMAGE="r.example.com/p:1")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_repeated_ctrl_c_reaches_the_container_once_and_it_drains(signum: signal.Signals, sandbox: Sandbox) -> None:
    sandbox.install("docker", DRAIN)
    sandbox.install_kubectl()
    with subprocess.Popen(
        sandbox.command("image.py", "run"),
        cwd=sandbox.folder,
        env=sandbox.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        eventually(lambda: (sandbox.folder / "started").exists())
        os.killpg(process.pid, signum)  # as the terminal does
        eventually(lambda: (sandbox.folder / "signals").exists())
        process.send_signal(signum)  # as tox does
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, errors) == (0, b"")
    assert (sandbox.folder / "signals").read_text() == "INT\ndrained\n"


def test_ctrl_c_ends_a_build_without_a_traceback(sandbox: Sandbox) -> None:
    sandbox.install("docker", "exec sleep 60")
    command = sandbox.command("image.py", "build")
    with subprocess.Popen(command, cwd=sandbox.folder, env=sandbox.environ, stderr=subprocess.PIPE) as process:
        eventually(sandbox.calls)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, errors) == (130, b"")

"""Build the container image, or run it on your kubeconfig.

``image.py build [ARGUMENT ...]`` builds; the arguments go to the build command of the container engine.
``image.py run [ARGUMENT ...]`` runs; the arguments go to the entrypoint of the image.

``IMAGE`` names the image (``pod-index:latest``), and ``CONTAINER_ENGINE`` the engine (the first of docker, podman and
buildah that works).
"""

import configparser
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """The script cannot go on; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Engine:
    """A container engine that works."""

    program: str
    is_podman: bool
    """Whether it is podman or buildah, which have options that docker lacks."""
    rootless: bool


def script(main: Callable[[list[str]], None]) -> None:
    """Run ``main`` with the arguments of the command line; exit with 1 and one line on failure, with 130 on Ctrl-C."""
    for interrupting in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupting, _interrupt)
    try:
        main(sys.argv[1:])
    except Failed as failed:
        sys.exit(str(failed))
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(*_: object) -> None:
    # Tox repeats the signal that the terminal has already sent, which must not disturb the shutdown.
    for repeated in (signal.SIGINT, signal.SIGTERM):
        signal.signal(repeated, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(*command: str) -> None:
    """Print the command line and run it; raise Failed if it fails."""
    print(f"$ {shlex.join(command)}", flush=True)
    _call(command)


def ask(*command: str) -> str:
    """Return the output of a command; raise Failed with its error output if it fails."""
    return _call(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60).stdout


def _call(command: tuple[str, ...], **options: Any) -> "subprocess.CompletedProcess[str]":
    name = " ".join(command[:2])
    try:
        done = subprocess.run(command, text=True, errors="replace", **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} did not finish within 60 seconds") from None
    except OSError as error:
        raise Failed(f"cannot run {command[0]} ({error.strerror}): install it, or add its folder to PATH") from None
    if done.returncode != 0:
        raise Failed(f"{name} failed: {' '.join((done.stderr or '').split()) or f'exit code {done.returncode}'}")
    return done


def image_name() -> str:
    """Return the name in ``IMAGE``, with a tag or a digest."""
    name = os.environ.get("IMAGE", "").strip() or "pod-index:latest"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def has_registry(image: str) -> bool:
    """Whether the name of the image begins with the host of a registry."""
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def find_engine() -> Engine:
    """Return the engine in ``CONTAINER_ENGINE``, or the first one that works; raise Failed if there is none."""
    chosen = os.environ.get("CONTAINER_ENGINE", "").strip()
    reasons = []
    for program in [chosen] if chosen else ["docker", "podman", "buildah"]:
        try:
            # A docker client without a daemon is common. Podman may be installed under the name docker.
            answer = ask(program, "info")
        except Failed as failed:
            reasons.append(str(failed))
        else:
            podman = re.search(r'^ *"?rootless"?: (true|false)', answer, re.MULTILINE)
            rootless = podman[1] == "true" if podman else re.search(r"^ *rootless$", answer, re.MULTILINE) is not None
            return Engine(program, podman is not None, rootless)
    raise Failed(f"no container engine works: {'; '.join(reasons)}")


def build(engine: Engine, arguments: list[str]) -> str:
    """Build the image; return its name."""
    image = image_name()
    if "@" in image:
        raise Failed(f"IMAGE={image} has a digest, which is known only after the build: use a tag instead")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    options = [f"--file={ROOT}/Containerfile", f"--tag={image}", f"--build-arg=VERSION={version}"]
    try:
        options.append(f"--build-arg=REVISION={ask('git', '-C', str(ROOT), 'rev-parse', 'HEAD').strip()}")
    except Failed as failed:
        print(f"The image gets no revision label: {failed}")
    run(engine.program, "build", *options, *arguments, str(ROOT))
    return image


def run_container(engine: Engine, arguments: list[str]) -> None:
    """Run the image until it ends or until Ctrl-C; raise Failed if its exit code is not 0."""
    if Path(engine.program).name == "buildah":
        raise Failed("buildah only builds images: install docker or podman, or set CONTAINER_ENGINE to one of them")
    image = image_name()
    if not has_registry(image):
        try:
            ask(engine.program, "image", "inspect", image)
        except Failed:
            raise Failed(f"{engine.program} has no image {image}: run tox run -e image") from None
    with _portable_kubeconfig() as kubeconfig:
        command = [engine.program, "run", *_options(engine, kubeconfig), image, *arguments]
        print(f"$ {shlex.join(command)}")
        port = os.environ.get("PORT") or 8080
        print(f"pod-index will listen at http://localhost:{port}. Stop it with Ctrl-C.", flush=True)
        # Noted, and not raised: an exception while the engine starts would leave it running.
        interrupted = threading.Event()
        for interrupting in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interrupting, lambda *_: interrupted.set())
        # In its own session, the engine does not get the Ctrl-C of the terminal in addition to the signal below.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        while process.poll() is None and not interrupted.wait(0.1):
            pass
        if interrupted.is_set():
            process.send_signal(signal.SIGINT)
        code = process.wait()
    if code != 0:
        raise Failed(f"the container ended with exit code {code}: its log above says why")


def _options(engine: Engine, kubeconfig: str) -> list[str]:
    # Only your user can read the kubeconfig. In the user namespace of rootless docker, your user is root; podman can
    # map it to the same ID.
    user = "0:0" if engine.rootless and not engine.is_podman else f"{os.getuid()}:{os.getgid()}"
    options = ["--rm", "--network", "host", "--user", user]
    if engine.rootless and engine.is_podman:
        options += ["--userns=keep-id"]
    options += ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    options += ["-v", f"{kubeconfig}:/kubeconfig:ro", "-e", "KUBECONFIG=/kubeconfig"]
    settings = "".join(path.read_text() for path in ROOT.glob("operator/pod_index/*.py"))
    for name, value in os.environ.items():
        is_setting = name.isupper() and re.search(rf"^    {name.lower()}: Annotated\[", settings, re.MULTILINE)
        if not value or not (is_setting or name in ("HTTPS_PROXY", "NO_PROXY")):
            continue
        if name.endswith("_FILE"):
            options += ["-v", f"{Path(value).absolute()}:/{name}:ro", "-e", f"{name}=/{name}"]
        else:
            # Without its value, which may be a password: the engine takes it from its own environment.
            options += ["-e", name]
    return options


@contextmanager
def _portable_kubeconfig() -> Iterator[str]:
    """Write a private copy of the current context, with its certificates: the container has no other files of yours."""
    text = ask("kubectl", "config", "view", "--raw", "--minify", "--flatten", "--output=json")
    for entry in json.loads(text).get("users") or []:
        for plugin in entry["user"].keys() & {"exec", "auth-provider"}:
            raise Failed(
                f"the kubeconfig logs in with a plugin ({plugin}), which the image does not have: "
                "use tox run -e run, or a kubeconfig with a token or a client certificate"
            )
    with tempfile.NamedTemporaryFile("w", prefix="pod-index-kubeconfig-") as file:
        file.write(text)
        file.flush()
        yield file.name


def main(arguments: list[str]) -> None:
    """Build or run."""
    command, *rest = arguments or ["--help"]
    if command == "build":
        print(f"Built the image {build(find_engine(), rest)}.")
    elif command == "run":
        run_container(find_engine(), rest)
    else:
        raise Failed("usage: image.py build|run [ARGUMENT ...]")


if __name__ == "__main__":
    script(main)

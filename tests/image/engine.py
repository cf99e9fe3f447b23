"""buildah and podman with a store of their own, so that a machine's images stay as they are."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAMS = ("buildah", "debootstrap", "podman", "runc")
# Debian's testing distribution has the Python of the image's base; the script of a release that debootstrap knows.
SUITE = "forky"
SCRIPT = "/usr/share/debootstrap/scripts/sid"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BUILD_SECONDS = 900.0


class Unavailable(Exception):
    """Images cannot be built or run here; the text is one line that says why."""


class Engine:
    """Builds images and runs containers under ``folder``.

    ``environ`` lets buildah and podman do the same wherever they are called.
    """

    def __init__(self, folder: Path) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise Unavailable(f"there is no {', '.join(missing)} in PATH: apt-get install {' '.join(PROGRAMS)}")
        if os.geteuid() != 0:
            raise Unavailable("debootstrap and containers without a daemon need root")
        self._folder = folder
        storage, containers = folder / "storage.conf", folder / "containers.conf"
        # vfs: overlays cannot be mounted everywhere
        storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n')
        # Without systemd, and without raising limits, which not every machine allows.
        containers.write_text(
            '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\n'
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
        )
        self.environ = {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "LC_ALL": "C",
        }

    def stand_in(self) -> str:
        """Make an image that has what the build uses of an official Python image; return its name.

        It has Debian's Python instead of one in /usr/local, and trusts whom this machine trusts.
        """
        root = self._folder / "stand-in"
        packages = "ca-certificates,python3,python3-pip,python3-venv"
        options = ("--variant=minbase", f"--include={packages}")
        self.run("debootstrap", *options, SUITE, str(root), "http://deb.debian.org/debian", SCRIPT)
        if Path("/", CERTIFICATES).exists():
            shutil.copy(Path("/", CERTIFICATES), root / CERTIFICATES)
        name = "localhost/python-stand-in:latest"
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(root), "/")
        self.buildah("commit", "--quiet", container, name)
        self.buildah("rm", container)
        shutil.rmtree(root)
        return name

    def inspect(self, image: str) -> dict[str, Any]:
        """What the image's manifest and configuration say."""
        (described,) = json.loads(self.podman("image", "inspect", image))
        assert isinstance(described, dict)
        return described

    def mount(self, image: str) -> Path:
        """The image's files."""
        return Path(self.podman("image", "mount", image).strip())

    def buildah(self, *arguments: str) -> str:
        """What this command of buildah's prints."""
        return self.run("buildah", *arguments)

    def podman(self, *arguments: str) -> str:
        """What this command of podman's prints."""
        return self.run("podman", *arguments)

    def run(self, *command: str, cwd: Path | None = None, **environ: str) -> str:
        """What the command prints; raises RuntimeError with its last words if it fails."""
        environ = {**self.environ, **environ}
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, cwd=cwd, env=environ)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout.strip()


class Container:
    """One container of the image, hardened as in ``manifests/deployment.yaml``, on the host's network.

    ``mounts`` are folders or files and where they are, read only; ``options`` are of ``podman run``.
    Started on entry; removed on exit.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        *arguments: str,
        environ: Mapping[str, str],
        mounts: Mapping[Path, str],
        options: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._name = f"pod-index-{os.getpid()}-{id(self):x}"
        self._command = [
            *("run", "--detach", f"--name={self._name}", "--network=host"),
            *("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"),
            *(f"--env={name}={value}" for name, value in environ.items()),
            *(f"--volume={source}:{target}:ro" for source, target in mounts.items()),
            *options,
            image,
            *arguments,
        ]

    def __enter__(self) -> Self:
        self._engine.podman(*self._command)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.podman("rm", "--force", "--time=0", self._name)

    @property
    def log(self) -> str:
        """All that it has printed."""
        command = ("podman", "logs", self._name)
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self._engine.environ)
        return done.stdout + done.stderr

    @property
    def pid(self) -> int:
        """Its first process, as the host sees it."""
        return int(self._engine.podman("inspect", "--format={{.State.Pid}}", self._name))

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to its first process."""
        self._engine.podman("kill", f"--signal={signum.name}", self._name)

    def wait(self) -> int:
        """Wait until it has ended; return the exit code."""
        return int(self._engine.podman("wait", self._name))

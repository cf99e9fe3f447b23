"""buildah and podman with their own storage, so that the images of the machine stay unchanged."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAMS = ("apt-get", "buildah", "debootstrap", "podman", "runc")
# Debian testing has the Python version of the base image.
SUITE = "forky"
# An older debootstrap knows this suite by another name only.
SCRIPT = "/usr/share/debootstrap/scripts/sid"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BUILD_SECONDS = 900.0
CGROUPS = Path("/sys/fs/cgroup")


class Unavailable(Exception):
    """Images cannot be built or run on this machine; the message is one line that says why."""


class Engine:
    """Builds images and runs containers under ``folder``.

    ``environ`` lets buildah and podman do the same wherever they are called.
    """

    def __init__(self, folder: Path) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise Unavailable(f"not in PATH: {', '.join(missing)}; on Debian, apt-get install {' '.join(PROGRAMS[1:])}")
        if os.geteuid() != 0:
            raise Unavailable("debootstrap and containers without a daemon need root")
        self._folder = folder
        storage, containers = folder / "storage.conf", folder / "containers.conf"
        # vfs works on every file system.
        storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n')
        # Not every machine has systemd, or allows higher limits.
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
        self._mirror = self._find_debian_mirror()

    def stand_in(self) -> str:
        """Make an image with what the build uses of the official Python image; return its name.

        It has Debian's Python instead of one in ``/usr/local``, and the CA certificates of this machine.
        """
        root = self._folder / "stand-in"
        packages = "ca-certificates,python3,python3-pip,python3-venv"
        options = ("--variant=minbase", f"--include={packages}")
        self.run("debootstrap", *options, SUITE, str(root), self._mirror, SCRIPT)
        if Path("/", CERTIFICATES).exists():
            shutil.copy(Path("/", CERTIFICATES), root / CERTIFICATES)
        name = "localhost/python-stand-in:latest"
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(root), "/")
        self.buildah("commit", "--quiet", container, name)
        self.buildah("rm", container)
        shutil.rmtree(root)
        return name

    def _find_debian_mirror(self) -> str:
        """Return the address of Debian's archive in the apt sources of this machine; raise Unavailable without one."""
        # https://manpages.debian.org/stable/apt/apt-get.8.en.html: the fields come from the Release files.
        fields = ("--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages")
        for line in self.run("apt-get", "indextargets", *fields).splitlines():
            origin, label, uri = line.split(" ", 2)
            if (origin, label) == ("Debian", "Debian") and uri.startswith(("http://", "https://")):
                return uri
        raise Unavailable("apt has no source of Debian packages: add one, and run apt-get update")

    def inspect(self, image: str) -> dict[str, Any]:
        """Return the manifest and the configuration of the image."""
        (described,) = json.loads(self.podman("image", "inspect", image))
        assert isinstance(described, dict)
        return described

    def mount(self, image: str) -> Path:
        """Mount the image; return the folder with its files."""
        return Path(self.podman("image", "mount", image).strip())

    def buildah(self, *arguments: str) -> str:
        """Return the output of a command of buildah."""
        return self.run("buildah", *arguments)

    def podman(self, *arguments: str) -> str:
        """Return the output of a command of podman."""
        return self.run("podman", *arguments)

    def run(self, *command: str, cwd: Path | None = None, **environ: str) -> str:
        """Return the output of a command; raise RuntimeError with the end of it if the command fails."""
        environ = {**self.environ, **environ}
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, cwd=cwd, env=environ)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout.strip()


class Container:
    """A container of the image, as hardened as in ``manifests/deployment.yaml``, on the network of the host.

    ``mounts`` are folders or files with their paths in the container, read-only; ``options`` go to ``podman run``.
    It starts on entry, and is removed on exit.
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
        """Its output so far."""
        command = ("podman", "logs", self._name)
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self._engine.environ)
        return done.stdout + done.stderr

    @property
    def pid(self) -> int:
        """The ID of its first process, on the host."""
        return int(self._engine.podman("inspect", "--format={{.State.Pid}}", self._name))

    @property
    def peak_memory(self) -> int:
        """The peak of the memory of its cgroup, in bytes.

        https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files and
        https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
        """
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for file in (CGROUPS / path[1:] / "memory.peak", CGROUPS / f"memory{path}" / "memory.max_usage_in_bytes"):
                if controllers in ("", "memory") and file.exists():
                    return int(file.read_text())
        raise RuntimeError("the container has no memory limit")

    @property
    def oom_killed(self) -> bool:
        """Whether the kernel has killed it because its memory exceeded the limit."""
        return self._engine.podman("inspect", "--format={{.State.OOMKilled}}", self._name) == "true"

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to its first process."""
        self._engine.podman("kill", f"--signal={signum.name}", self._name)

    def wait(self) -> int:
        """Wait until it ends; return the exit code."""
        return int(self._engine.podman("wait", self._name))

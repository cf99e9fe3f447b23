"""Find etcd and kube-apiserver on this machine, or build them once; and build helm once.

The places of etcd and kube-apiserver in their order: the folder in KUBEBUILDER_ASSETS (the convention of
controller-runtime's envtest, https://book.kubebuilder.io/reference/envtest), PATH, the cache of this module, and a
build with Go of the versions that the go.mod files in ``binaries/`` pin. Helm is always the one that is pinned, since
many machines have an older one in PATH.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MODULES = Path(__file__).parent / "binaries"
# A cold build takes 2 to 5 minutes on two cores.
_BUILD_TIMEOUT_SECONDS = 1800
_FOLDER_VARIABLE = "KUBEBUILDER_ASSETS"


class Unavailable(Exception):
    """A program is missing and cannot be built; the message is one line with the reason."""


@dataclass(frozen=True)
class Binaries:
    """The executables of a control plane."""

    etcd: Path
    kube_apiserver: Path


@dataclass(frozen=True)
class _Program:
    """A program that Go can build: its module and its main package."""

    name: str
    module: str
    package: str
    searched: str = f"PATH or the folder of {_FOLDER_VARIABLE}"
    """Where it is searched for before it is built, for people."""

    @property
    def folder(self) -> Path:
        return _MODULES / self.name

    @property
    def version(self) -> str:
        """The version that the go.mod in ``binaries/`` pins."""
        found = re.search(rf"^\s*{re.escape(self.module)} (v\S+)", (self.folder / "go.mod").read_text(), re.M)
        assert found is not None, f"{self.folder}/go.mod does not require {self.module}"
        return found[1]

    def linker_flags(self) -> str:
        """The version as Kubernetes' hack/lib/version.sh sets it; otherwise, /version has a development version."""
        flags = "-s -w"
        if self.name == "kube-apiserver":
            major, minor, _ = self.version.removeprefix("v").split(".", 2)
            values = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
                flags += "".join(f" -X {package}.{name}={value}" for name, value in values.items())
        return flags

    def cache_key(self) -> str:
        """A name that changes whenever the built program would change."""
        digest = hashlib.sha256(f"{self.linker_flags()} {platform.system()} {platform.machine()}".encode())
        for name in ("go.mod", "go.sum"):
            digest.update((self.folder / name).read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


_ETCD = _Program("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3")
_KUBE_APISERVER = _Program("kube-apiserver", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver")
_HELM = _Program("helm", "helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm", searched="the cache")


def provide(environ: Mapping[str, str] = os.environ) -> Binaries:
    """Find the binaries, or build them, which takes minutes the first time. Raises Unavailable."""
    return _assets(environ) or _in_path(environ) or Binaries(*_cached_or_built(environ, _ETCD, _KUBE_APISERVER))


def provide_helm(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the executable of the pinned helm, which is built if need be. Raises Unavailable."""
    (helm,) = _cached_or_built(environ, _HELM)
    return helm


def _assets(environ: Mapping[str, str]) -> Binaries | None:
    if not environ.get(_FOLDER_VARIABLE):
        return None
    folder = Path(environ[_FOLDER_VARIABLE])
    for program in (_ETCD, _KUBE_APISERVER):
        if not os.access(folder / program.name, os.X_OK):
            raise Unavailable(f"{_FOLDER_VARIABLE}: there is no executable {program.name} in {folder}")
    return Binaries(folder / _ETCD.name, folder / _KUBE_APISERVER.name)


def _in_path(environ: Mapping[str, str]) -> Binaries | None:
    path = environ.get("PATH", "")
    etcd, kube_apiserver = (shutil.which(program.name, path=path) for program in (_ETCD, _KUBE_APISERVER))
    return Binaries(Path(etcd), Path(kube_apiserver)) if etcd and kube_apiserver else None


def _cached_or_built(environ: Mapping[str, str], *programs: _Program) -> list[Path]:
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pod-index"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return [_kept(program, cache, environ) for program in programs]
    except OSError as error:
        names = " and ".join(program.name for program in programs)
        raise Unavailable(f"the cache for {names} cannot be used: {error}") from error


def _kept(program: _Program, cache: Path, environ: Mapping[str, str]) -> Path:
    kept = cache / program.cache_key() / program.name
    if not kept.exists():
        with _lock(cache / f"{program.name}.lock"):
            if not kept.exists():  # another process may have built it before
                _build(program, kept, environ)
    return kept


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(program: _Program, kept: Path, environ: Mapping[str, str]) -> None:
    go = shutil.which("go", path=environ.get("PATH", ""))
    if go is None:
        raise Unavailable(f"there is no {program.name} in {program.searched}, and no Go to build it with")
    with tempfile.TemporaryDirectory(prefix="building-", dir=kept.parent.parent) as folder:
        command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", program.linker_flags()]
        command += ["-o", str(Path(folder) / "bin" / program.name), program.package]
        try:
            subprocess.run(
                command,
                cwd=program.folder,
                # Static, as the released binaries.
                env={**environ, "CGO_ENABLED": "0", "GOWORK": "off"},
                check=True,
                capture_output=True,
                text=True,
                timeout=_BUILD_TIMEOUT_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"{program.name} cannot be built: {_reason(error.stderr)}") from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{program.name} was not built in {_BUILD_TIMEOUT_SECONDS} s") from error
        (Path(folder) / "bin").rename(kept.parent)


def _reason(stderr: str) -> str:
    """The last line of Go's output without progress reports."""
    lines = [line.strip() for line in stderr.splitlines() if not line.startswith("go: downloading ")]
    return lines[-1] if lines else "go build has failed without a message"

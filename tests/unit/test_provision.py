"""Where the e2e tests find etcd and kube-apiserver, with a Go that builds nothing."""

from pathlib import Path

import pytest

from tests.kubernetes.provision import Unavailable, provide

NAMES = ("etcd", "kube-apiserver")
# writes what `-o` names, and a line for each call
BUILDS = 'echo "$PWD" >>"{log}"; while [ "$1" != -o ]; do shift; done; mkdir -p "${{2%/*}}"; echo built >"$2"'


def _executable(path: Path, script: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_the_folder_that_is_named_comes_first(environ: dict[str, str], tmp_path: Path) -> None:
    for name in NAMES:
        _executable(tmp_path / "assets" / name)
        _executable(tmp_path / "bin" / name)
    found = provide(environ | {"KUBEBUILDER_ASSETS": str(tmp_path / "assets")})
    assert {found.etcd.parent, found.kube_apiserver.parent} == {tmp_path / "assets"}
    assert provide(environ).etcd.parent == tmp_path / "bin"


def test_a_named_folder_without_the_binaries_is_a_mistake_that_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    _executable(tmp_path / "assets" / "etcd")
    with pytest.raises(Unavailable, match=r"^KUBEBUILDER_ASSETS: there is no executable kube-apiserver in .*/assets$"):
        provide(environ | {"KUBEBUILDER_ASSETS": str(tmp_path / "assets")})


def test_both_are_built_once_and_kept(environ: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "builds"
    _executable(tmp_path / "bin" / "go", BUILDS.format(log=log))
    built = provide(environ)
    assert provide(environ) == built
    assert [Path(line).name for line in log.read_text().splitlines()] == list(NAMES)
    assert built.etcd.read_text() == built.kube_apiserver.read_text() == "built\n"
    assert "v1." in built.kube_apiserver.parent.name


def test_without_go_the_reason_is_one_line(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as reason:
        provide(environ | {"PATH": str(tmp_path / "bin")})
    assert str(reason.value) == (
        "there is no etcd in PATH, KUBEBUILDER_ASSETS is not set, and there is no Go to build it with"
    )


def test_a_build_that_fails_leaves_nothing_and_tells_the_last_word(environ: dict[str, str], tmp_path: Path) -> None:
    _executable(tmp_path / "bin" / "go", "echo 'go: downloading x' >&2; echo 'go: no such module' >&2; exit 1")
    with pytest.raises(Unavailable, match=r"^etcd cannot be built: go: no such module$"):
        provide(environ)
    assert [path.name for path in (tmp_path / "cache" / "pod-index").iterdir()] == ["etcd.lock"]


def test_a_cache_that_cannot_be_written_is_a_reason(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(Unavailable, match=r"^the cache for etcd and kube-apiserver cannot be used: "):
        provide(environ)

"""Where the tests find etcd, kube-apiserver and helm, with a fake Go."""

from pathlib import Path

import pytest

from tests.kubernetes.provision import Unavailable, provide, provide_helm

NAMES = ("etcd", "kube-apiserver")
# Writes the file of ``-o``, and a line for each call.
BUILDS = 'echo "$PWD" >>"{log}"; while [ "$1" != -o ]; do shift; done; mkdir -p "${{2%/*}}"; echo built >"$2"'


def _executable(path: Path, script: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_the_folder_of_the_variable_comes_first(environ: dict[str, str], tmp_path: Path) -> None:
    for name in NAMES:
        _executable(tmp_path / "assets" / name)
        _executable(tmp_path / "bin" / name)
    found = provide(environ | {"KUBEBUILDER_ASSETS": str(tmp_path / "assets")})
    assert {found.etcd.parent, found.kube_apiserver.parent} == {tmp_path / "assets"}
    assert provide(environ).etcd.parent == tmp_path / "bin"


def test_both_are_built_once(environ: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "builds"
    _executable(tmp_path / "bin" / "go", BUILDS.format(log=log))
    built = provide(environ)
    assert provide(environ) == built
    assert [Path(line).name for line in log.read_text().splitlines()] == list(NAMES)
    assert built.etcd.read_text() == built.kube_apiserver.read_text() == "built\n"
    assert "v1." in built.kube_apiserver.parent.name


def test_without_go_the_error_is_one_line(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as reason:
        provide(environ | {"PATH": str(tmp_path / "bin")})
    assert str(reason.value) == (
        "there is no etcd in PATH or the folder of KUBEBUILDER_ASSETS, and no Go to build it with"
    )
    with pytest.raises(Unavailable) as reason:
        provide_helm(environ | {"PATH": str(tmp_path / "bin")})
    assert str(reason.value) == "there is no helm in the cache, and no Go to build it with"


def test_helm_is_the_one_that_is_pinned_whatever_is_installed(environ: dict[str, str], tmp_path: Path) -> None:
    _executable(tmp_path / "bin" / "helm")
    _executable(tmp_path / "bin" / "go", BUILDS.format(log=tmp_path / "builds"))
    helm = provide_helm(environ)
    assert provide_helm(environ) == helm
    assert helm.read_text() == "built\n"
    assert helm.parent.name.startswith("helm-v4.")
    assert (tmp_path / "builds").read_text().count("\n") == 1

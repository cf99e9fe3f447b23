"""The contents of the image."""

import configparser
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.conftest import REVISION, ROOT
from tests.image.engine import Engine

# Bytes. The generated clients in `kubernetes` alone are 125 MB with their bytecode.
SIZE_LIMIT = 150_000_000

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


@pytest.fixture(scope="module")
def files(root: Path) -> list[Path]:
    """Every file, folder and link, relative to the root."""
    return [
        (Path(folder) / name).relative_to(root) for folder, folders, names in os.walk(root) for name in folders + names
    ]


def programs(root: Path) -> Iterator[str]:
    """Yield the names of all executable files, except libraries."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink() and os.access(path, os.X_OK) and ".so" not in name:
                yield name


def test_it_is_small(engine: Engine, image: str) -> None:
    size = engine.inspect(image)["Size"]
    print(f"{size / 1e6:.0f} MB")  # noqa: T201 - a figure of the run, shown by pytest -rP
    assert size < SIZE_LIMIT


def test_python_and_kopf_are_the_only_programs(root: Path) -> None:
    assert {re.sub(r"python3(\.\d+)?", "python", name) for name in programs(root)} == {"python", "kopf"}


def test_it_has_no_installer_no_tests_and_no_other_files_of_the_working_tree(files: list[Path]) -> None:
    names = {path.name for path in files}
    assert not names & {"pip", "ensurepip", "setuptools", "sh", "bash", "dash", "busybox", "apt", "perl"}
    assert not names & {"test", "tests", "idlelib", "tkinter", "secret.txt", ".env", ".git", "tmp", ".cache"}


def test_the_operator_is_there_as_git_has_it(root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "operator/main.py", "operator/pod_index", "LICENSE"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    app = root / "app"
    found = {str(path.relative_to(app)) for path in app.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert found == set(listed.stdout.split())
    for name in found:
        assert (app / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_dependencies_are_those_of_the_lock(root: Path) -> None:
    lock = (ROOT / "operator/requirements.lock").read_text()
    locked = {(name.lower(), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)}
    (packages,) = (root / "opt/venv/lib").glob("python3.*/site-packages")
    installed = set()
    for metadata in packages.glob("*.dist-info/METADATA"):
        head = metadata.read_text().partition("\n\n")[0]
        name, version = (re.search(rf"^{field}: (.+)$", head, re.MULTILINE) for field in ("Name", "Version"))
        assert name is not None
        assert version is not None
        installed.add((re.sub(r"[-_.]+", "-", name[1]).lower(), version[1]))
    assert installed <= locked
    # The other locked packages are for other systems.
    direct = {re.split(r"[\[~>=]", line)[0] for line in SETUP["options"]["install_requires"].split()}
    assert direct <= {name for name, _ in installed}


def test_every_module_is_compiled(root: Path) -> None:
    sources = [path for path in root.rglob("*.py") if path.is_file()]
    assert len(sources) > 500
    uncompiled = [
        path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.cpython-3*.pyc"))
    ]
    assert not uncompiled


def test_nobody_but_root_may_write_and_everybody_may_read(root: Path, files: list[Path]) -> None:
    for path in files:
        status = (root / path).lstat()
        if stat.S_ISLNK(status.st_mode):
            continue
        assert status.st_uid == status.st_gid == 0, path
        assert status.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH) == 0, path
        assert status.st_mode & stat.S_IROTH, path


def test_scanners_find_the_debian_packages_of_its_libraries(root: Path) -> None:
    packages = {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "zlib1g"} <= packages
    for package in packages:
        described = (root / "var/lib/dpkg/status.d" / package).read_text()
        assert described.startswith(f"Package: {package}\n")
        assert "\nVersion: " in described
        assert (root / "usr/share/doc" / package / "copyright").exists()


def test_it_says_what_it_is(engine: Engine, image: str) -> None:
    described = engine.inspect(image)
    labels = described["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == "pod-index"
    assert labels[f"{prefix}version"] == SETUP["metadata"]["version"]
    assert labels[f"{prefix}revision"] == REVISION
    assert labels[f"{prefix}licenses"] == "MIT"
    assert described["Config"]["User"] == "65534:65534"
    assert described["Config"]["Entrypoint"] == [
        *("kopf", "run", "operator/main.py", "--all-namespaces", "--standalone", "--log-format=json"),
        "--liveness=http://0.0.0.0:8081/healthz",
    ]

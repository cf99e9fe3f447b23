"""The image, built once for all tests from the files in git, and its files."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import Engine, Unavailable

ROOT = Path(__file__).parents[2]
REVISION = "0123456789abcdef"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("engine")
    try:
        engine = Engine(folder)
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)
    yield engine
    engine.podman("image", "unmount", "--all", "--force")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working tree with files among the sources that must not get into the image."""
    context = tmp_path_factory.mktemp("context") / "pod-index"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name, follow_symlinks=False)
    for name in (".tox/log", ".env", "operator/secret.txt", "operator/pod_index/__pycache__/index.cpython-39.pyc"):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text("must not be in the image")
    return context


@pytest.fixture(scope="session")
def image(engine: Engine, context: Path) -> str:
    """The name of the image, which the script of ``tox run -e image`` builds."""
    name = "localhost/pod-index:test"
    arguments = (f"--build-arg=BASE={engine.stand_in()}", f"--build-arg=REVISION={REVISION}")
    command = (sys.executable, "manifests/scripts/image.py", "build", *arguments)
    engine.run(*command, cwd=context, IMAGE=name, CONTAINER_ENGINE="podman")
    return name


@pytest.fixture(scope="session")
def root(engine: Engine, image: str) -> Path:
    """The folder with the files of the image."""
    return engine.mount(image)

"""A temporary folder that is removed even if its process is killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "pod-index-kubernetes-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end. Folders of killed processes are removed first.

    The process that uses a folder locks it, and the kernel releases the lock when the process ends (flock(2)).
    """
    parent = Path(tempfile.gettempdir())
    with (parent / f"{_PREFIX}{os.getuid()}.lock").open("w") as creation:
        fcntl.flock(creation, fcntl.LOCK_EX)
        for folder in parent.glob(f"{_PREFIX}{os.getuid()}-*"):
            if (descriptor := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)
        path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-"))
        in_use = _locked(path)
    assert in_use is not None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(in_use)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None if another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor

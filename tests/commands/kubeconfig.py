"""The user's kubeconfig, as a file that a container can be given."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.commands.programs import CommandFailed, Programs


@contextmanager
def portable_kubeconfig(programs: Programs) -> Iterator[Path]:
    """A kubeconfig that works in a container; raise CommandFailed if there is none.

    With kubectl it is a private copy of what the current context needs, files included. Without, it is the user's own
    file, which may refer to files that the container does not have.
    """
    if not programs.has("kubectl"):
        yield _own_file(programs)
        return
    text = programs.ask("kubectl", "config", "view", "--raw", "--minify", "--flatten", "--output=json")
    users: list[Any] = json.loads(text).get("users") or []
    for user in (entry["user"] for entry in users):
        if "exec" in user:
            raise _needs_plugin(user["exec"]["command"])
        if "auth-provider" in user:
            raise _needs_plugin(user["auth-provider"]["name"])
    # Only its owner may read it: mkstemp, https://docs.python.org/3/library/tempfile.html
    with tempfile.NamedTemporaryFile("w", prefix="pod-index-kubeconfig-") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)


def _own_file(programs: Programs) -> Path:
    named = programs.environ.get("KUBECONFIG", "")
    if os.pathsep in named:
        raise CommandFailed(f"KUBECONFIG={named} names several files: kubectl, which can join them, is not installed")
    path = Path(named or Path(programs.environ.get("HOME", "/"), ".kube", "config")).absolute()
    try:
        text = path.read_text()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror}): point KUBECONFIG at a kubeconfig") from None
    if re.search(r"\bexec[\"']?\s*:", text):
        raise _needs_plugin("exec")
    return path


def _needs_plugin(plugin: str) -> CommandFailed:
    return CommandFailed(
        f"the kubeconfig logs in with a plugin ({plugin}), which the container does not have: "
        "use tox run -e run, or a kubeconfig with a token or a client certificate"
    )

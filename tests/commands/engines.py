"""Container engines: the first one that works builds, runs and pushes images."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import PurePath

from tests.commands.programs import CommandFailed, Programs

BUILDERS = ("docker", "podman", "buildah")
RUNNERS = ("docker", "podman")
PROBE_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Engine:
    """A container engine that works."""

    program: str
    """The name or path to call it by."""

    keeps_archives: bool
    """Whether it is podman or buildah, whose images go to clusters by way of an archive."""

    rootless: bool
    """Whether its containers are in a user namespace, where the user is root unless it is told otherwise."""


def find_engine(programs: Programs, names: Sequence[str]) -> Engine:
    """Return ``$CONTAINER_ENGINE``, else the first of ``names`` that works; raise CommandFailed if there is none."""
    chosen = programs.environ.get("CONTAINER_ENGINE", "").strip()
    if chosen and PurePath(chosen).name in BUILDERS and PurePath(chosen).name not in names:
        raise CommandFailed(f"CONTAINER_ENGINE={chosen} cannot run containers here: set it to {' or '.join(names)}")
    failures = []
    for name in [chosen] if chosen else names:
        try:
            return _probe(programs, name)
        except CommandFailed as failure:
            failures.append(str(failure))
    told = f"CONTAINER_ENGINE={chosen} does not work" if chosen else "no container engine works here"
    raise CommandFailed(f"{told}: {'; '.join(failures)}")


def _probe(programs: Programs, name: str) -> Engine:
    """Ask the engine about itself: a docker client is often there without a daemon that it could talk to."""
    if not programs.has(name):
        raise CommandFailed(f"{name} is not installed")
    if PurePath(name).name == "buildah":
        programs.ask(name, "--version", timeout=PROBE_SECONDS)
        return Engine(name, keeps_archives=True, rootless=False)
    answer = programs.ask(name, "info", timeout=PROBE_SECONDS)
    # Podman may be called docker (podman-docker): what it says tells, not its name.
    podman = re.search(r"^ *rootless: (true|false)$", answer, re.MULTILINE)
    if podman:
        return Engine(name, keeps_archives=True, rootless=podman[1] == "true")
    return Engine(name, keeps_archives=False, rootless=bool(re.search(r"^ *rootless$", answer, re.MULTILINE)))

"""A small repository, and programs that are not what they seem: they record how they are called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.commands.programs import Programs

ROOT = Path(__file__).parents[3]
RECORD = "{{ printf '%s' {name}; for word in \"$@\"; do printf '\\037%s' \"$word\"; done; printf '\\036'; }} >>{calls}"

KUBECTL = """
case "$1 $2" in
"config view") [ -f context.json ] || { echo "error: current-context must exist in order to minify" >&2; exit 1; }
    cat context.json ;;
"kustomize "*) cat "$2/rendered" ;;
"patch --local") cat ;;
"get deployment/pod-index") [ "$NO_CLUSTER" ] && { echo "The connection was refused" >&2; exit 1; }
    printf '%s' "$DEPLOYED" ;;
"get events") [ "$NO_EVENTS" ] && { echo "events are forbidden" >&2; exit 1; }; printf '%s' "$EVENTS" ;;
"logs "*) exit ${LOGS:-0} ;;
"apply -k") [ -f "$3/kustomization.yaml" ] && cat "$3/kustomization.yaml" >applied; exit ${APPLY:-0} ;;
"rollout status") exit ${ROLLOUT:-0} ;;
esac
"""

SERVICE = {"kind": "Service", "metadata": {"name": "pod-index"}, "spec": {"ports": [{"port": 80}]}}


class Repository:
    """The current folder of the commands, the programs in their PATH, and how those have been called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.bin = folder / "bin"
        self._calls = folder / "calls"
        for made in (self.folder, self.bin, self.folder / "manifests"):
            made.mkdir()
        self._calls.touch()
        # These are what the programs themselves need: nothing else of this machine is in PATH.
        for name in ("cat", "sleep", "stat"):
            (self.bin / name).symlink_to(f"/bin/{name}")
        (self.folder / "Containerfile").write_text("FROM scratch\n")
        (self.folder / "setup.cfg").write_text("[metadata]\nversion = 1.2.3\n")
        self.render(deployment(), SERVICE)

    @property
    def environ(self) -> dict[str, str]:
        """Of the commands: these programs, this repository's modules, and what measures coverage."""
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return coverage | {"PATH": str(self.bin), "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}

    @property
    def programs(self) -> Programs:
        """For functions that run programs."""
        return Programs(self.environ)

    def install(self, name: str, script: str = "") -> None:
        """Put a program into PATH: a shell script, run after its call is recorded."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{RECORD.format(name=name, calls=self._calls)}\n{script}\n")
        path.chmod(0o755)

    def install_kubectl(self, context: str, **of_context: Any) -> None:
        """Put a kubectl into PATH with this current context; what it does, its environment variables say."""
        self.install("kubectl", KUBECTL)
        config = {"current-context": context, "contexts": [{"name": context, "context": of_context}]}
        (self.folder / "context.json").write_text(json.dumps(config))

    def render(self, *objects: Any, folder: str = "manifests") -> None:
        """Say what ``kubectl kustomize`` prints for the folder."""
        (self.folder / folder).mkdir(exist_ok=True)
        (self.folder / folder / "rendered").write_text("\n".join(json.dumps(item, indent=1) for item in objects))

    def command(self, *arguments: str) -> list[str]:
        """The command line of a command."""
        return [sys.executable, "-m", "tests.commands", *arguments]

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, as tox does."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self, program: str = "") -> list[list[str]]:
        """The command lines of a program, or of all, in their order."""
        calls = [call.split("\037") for call in self._calls.read_text().split("\036")[:-1]]
        return [call for call in calls if program in ("", call[0])]


def deployment(namespace: str = "", image: str = "pod-index:latest") -> dict[str, Any]:
    """A Deployment of pod-index with a sidecar."""
    metadata = {"name": "pod-index"} | ({"namespace": namespace} if namespace else {})
    containers = [{"name": "sidecar", "image": "sidecar:1"}, {"name": "pod-index", "image": image}]
    spec = {"selector": {"matchLabels": {"app": "pod-index"}}, "template": {"spec": {"containers": containers}}}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec}


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The one line which a command that has failed must say on stderr."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return line

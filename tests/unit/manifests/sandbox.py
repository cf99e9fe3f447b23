"""The scripts of ``manifests/scripts`` with stand-ins for kubectl and container engines, which record their calls."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
RECORD = "{{ printf '%s' {name}; for word in \"$@\"; do printf '\\037%s' \"$word\"; done; printf '\\036'; }} >>{calls}"

MANIFESTS = """\
kind: Service
metadata:
  name: pod-index
  namespace: other
---
kind: Deployment
metadata:
  name: pod-index
  namespace: tools
---
kind: ClusterRoleBinding
metadata:
  name: pod-index:tools
subjects:
- kind: User
  name: system:serviceaccount:tools:pod-index
"""
KUBECTL = """
case "$1 $2" in
"config view") [ -f config.json ] || { echo "error: current-context must exist" >&2; exit 1; }; cat config.json ;;
"kustomize "*) cat manifests.yaml ;;
"apply -k") cat "$3/kustomization.yaml" >applied; exit ${APPLY:-0} ;;
"rollout status") exit ${ROLLOUT:-0} ;;
esac
"""


class Sandbox:
    """An empty current folder, and a PATH with nothing but stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "current"
        self.bin = folder / "bin"
        self._calls = folder / "calls"
        self.folder.mkdir()
        self.bin.mkdir()
        self._calls.touch()
        # The stand-ins need these.
        for name in ("cat", "sleep", "stat"):
            (self.bin / name).symlink_to(f"/bin/{name}")

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the scripts: the stand-ins, and coverage."""
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return coverage | {"PATH": str(self.bin), "HOME": str(self.folder)}

    def install(self, name: str, script: str = "") -> None:
        """Put a stand-in into PATH: it records its call, and runs the shell script."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{RECORD.format(name=name, calls=self._calls)}\n{script}\n")
        path.chmod(0o755)

    def install_kubectl(self, context: str = "production", **user: Any) -> None:
        """Put a kubectl into PATH with this current context and user; its environment decides what fails."""
        self.install("kubectl", KUBECTL)
        config = {"current-context": context, "contexts": [{"context": {}}], "users": [{"user": user}]}
        (self.folder / "config.json").write_text(json.dumps(config))
        (self.folder / "manifests.yaml").write_text(MANIFESTS)

    def command(self, script: str, *arguments: str) -> list[str]:
        """The command line of a script."""
        return [sys.executable, str(ROOT / "manifests/scripts" / script), *arguments]

    def run(self, script: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a script as tox does."""
        return subprocess.run(
            self.command(script, *arguments),
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def succeed(self, script: str, *arguments: str, **environ: str) -> str:
        """Run a script that must succeed; return its output."""
        done = self.run(script, *arguments, **environ)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    def fail(self, script: str, *arguments: str, **environ: str) -> str:
        """Run a script that must fail with one line on stderr; return the line."""
        done = self.run(script, *arguments, **environ)
        assert done.returncode == 1, done
        (line,) = done.stderr.splitlines()
        return line

    def calls(self, program: str = "") -> list[list[str]]:
        """The command lines of a stand-in, or of all, in order."""
        calls = [call.split("\037") for call in self._calls.read_text().split("\036")[:-1]]
        return [call for call in calls if program in ("", call[0])]

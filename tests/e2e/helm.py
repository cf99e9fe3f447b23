"""Helm, with the chart of ``manifests/chart``."""

import os
import subprocess
from pathlib import Path

from tests.support.manifests import FOLDER, JSON, parse

CHART = FOLDER / "chart"


class HelmFailed(Exception):
    """Helm has ended with an error; the message is its error output."""


class Helm:
    """The pinned helm, with its files in a folder of the test, and for the cluster of a kubeconfig."""

    def __init__(self, executable: Path, folder: Path, kubeconfig: Path) -> None:
        self.executable = executable
        homes = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        self._environ = os.environ | homes | {"KUBECONFIG": str(kubeconfig)}

    def __call__(self, *arguments: str) -> str:
        """Run helm; return its output. Raises HelmFailed."""
        done = subprocess.run([self.executable, *arguments], env=self._environ, capture_output=True, text=True)
        if done.returncode != 0:
            raise HelmFailed(done.stderr.strip())
        return done.stdout

    def template(self, *arguments: str, namespace: str = "default", chart: Path = CHART) -> list[JSON]:
        """Return the objects that the chart renders for the release ``pod-index``."""
        return parse(self("template", "pod-index", str(chart), "--namespace", namespace, *arguments))

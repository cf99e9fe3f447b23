"""Hostile clients in a process of their own."""

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Self

from tests.hostile.tally import Summary

ROOT = Path(__file__).parents[2]
RESPONSE_SECONDS = 60.0
"""How long to wait for a report of the process."""


class HostileProcess:
    """Runs ``python -m tests.hostile`` with these arguments, for at most ``seconds``. A context manager."""

    def __init__(
        self, port: int, *arguments: str, connections: int = 1000, seconds: float = 60.0, uid: str = ""
    ) -> None:
        self._command = [
            *(sys.executable, "-m", "tests.hostile", str(port), f"--connections={connections}"),
            *(f"--seconds={seconds}", f"--uid={uid}", *arguments),
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._running.communicate()

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._running.pid

    def wait_until_complete(self) -> dict[str, Summary]:
        """Wait some seconds until all clients have connected once. Call it first, and once."""
        return self._read()

    def summary(self) -> dict[str, Summary]:
        """Return the outcomes so far, by kind."""
        assert self._running.stdin is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()
        return self._read()

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def _read(self) -> dict[str, Summary]:
        assert self._running.stdout is not None
        timer = threading.Timer(RESPONSE_SECONDS, self._running.kill)
        timer.start()
        line = self._running.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError("the process of the hostile clients has ended or does not respond")
        return {
            name: Summary(**kind | {"outcomes": Counter(kind["outcomes"]), "errors": Counter(kind["errors"])})
            for name, kind in json.loads(line).items()
        }

"""Hostile clients in a process of their own, so that they take as little as can be from whoever measures."""

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Self

from tests.hostile.tally import Summary

ROOT = Path(__file__).parents[2]
ANSWER_SECONDS = 60.0
"""How long the process may take for an answer before that is a failure."""


class HostileProcess:
    """``python -m tests.hostile`` with these arguments, from entry to exit, but for at most ``seconds``."""

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
        """The number of the process."""
        return self._running.pid

    def wait_until_complete(self) -> dict[str, Summary]:
        """Wait until all have come at least once, which takes some seconds; call it first, and once."""
        return self._read()

    def summary(self) -> dict[str, Summary]:
        """What has become of them so far, by kind."""
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
        timer = threading.Timer(ANSWER_SECONDS, self._running.kill)
        timer.start()
        line = self._running.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError("the process of the hostile clients has ended or says nothing")
        return {
            name: Summary(**told | {"outcomes": Counter(told["outcomes"]), "errors": Counter(told["errors"])})
            for name, told in json.loads(line).items()
        }

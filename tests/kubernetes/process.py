"""A server process of the control plane: started, watched, killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# how much of the log is shown when a process fails (lines)
_TAIL = 20
# seconds until a process that was asked to end is killed: more than the 60 s that kube-apiserver may take
_GRACE = 90.0


class ComponentFailed(Exception):
    """A process has ended or is not ready in time; the text has the end of its log."""


class Component:
    """A process with a log file, which can be stopped and started again.

    It dies with this process, however that ends: setpriv(1) asks the kernel for it (PR_SET_PDEATHSIG, see
    prctl(2); the parent is the thread that calls `start()`, so that one must live on). Where there is no
    setpriv, as on macOS, it dies by `stop()` only.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        setpriv = shutil.which("setpriv")
        self._command = [*([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []), *command]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return self._process.pid if self._process else None

    def start(self, is_ready: Callable[[], bool], within: float = 90.0) -> None:
        """Start it, and wait until it is ready. Raises ComponentFailed."""
        if self._process is not None:
            raise RuntimeError(f"{self.name} is running")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the tests, which end it themselves
                start_new_session=True,
            )
        deadline = time.monotonic() + within
        while not is_ready():
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                what = f"is not ready after {within:g} s" if code is None else f"has ended with {code}"
                raise ComponentFailed(f"{self.name} {what}; the end of its log:\n{self._tail()}")
            time.sleep(0.05)

    def stop(self, signum: int = signal.SIGKILL) -> None:
        """Send it a signal, and wait for its end. Nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signum)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL:])

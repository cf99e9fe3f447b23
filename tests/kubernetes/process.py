"""A process of the control plane."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# This much of the log is shown if a process fails.
_TAIL_LINES = 20
# A process that has not ended after SIGTERM by then is killed; kube-apiserver takes up to 60 s.
_GRACE_SECONDS = 90.0


class ComponentFailed(Exception):
    """A process has ended, or is not ready in time; the message has the end of its log."""


class Component:
    """A process with a log file. It can be stopped and started again.

    The kernel kills it when this process ends in any way: setpriv(1) sets ``PR_SET_PDEATHSIG``, see prctl(2). The
    parent is the thread that calls ``start()``, which must not end earlier. On systems without setpriv, such as
    macOS, only ``stop()`` ends it.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        setpriv = shutil.which("setpriv")
        self._command = [*([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []), *command]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The ID of the process; None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self, is_ready: Callable[[], bool], within: float = 90.0) -> None:
        """Start the process; return when it is ready. Raises ComponentFailed."""
        if self._process is not None:
            raise RuntimeError(f"{self.name} is running")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C ends the tests, and they end this process.
                start_new_session=True,
            )
        deadline = time.monotonic() + within
        while not is_ready():
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                problem = f"is not ready after {within:g} s" if code is None else f"has ended with {code}"
                raise ComponentFailed(f"{self.name} {problem}; the end of its log:\n{self._tail()}")
            time.sleep(0.05)

    def stop(self, signum: int = signal.SIGKILL) -> None:
        """Send a signal to the process, and wait for its end; do nothing if it is stopped."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signum)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])

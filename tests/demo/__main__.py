"""``python -m tests.demo``: see pod-index work without a cluster. Ctrl-C ends it.

This process only prints the output of ``tests.demo.run``, to end at once after Ctrl-C: tox gets the same Ctrl-C, and
reports a failure for a command that ends later. The other process sees the end of its stdin, and cleans up.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from tests.demo.processes import ROOT

PARENT_POLL_SECONDS = 0.5


def main(arguments: Sequence[str]) -> int:
    """Run the demo until a signal, or until the parent ends; return the exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _stop)
    threading.Thread(target=_stop_with_parent, args=(os.getppid(),), daemon=True).start()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.demo.run", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        # tox waits for all processes that hold its stdout.
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for this process only
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            os.write(1, line)
        return process.wait()


def _stop_with_parent(parent: int) -> None:
    """End this process after its parent: a tox that is killed does not end its commands."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    _stop()


def _stop(*_: object) -> None:
    with contextlib.suppress(OSError):  # the terminal may be closed
        os.write(1, b"\n  The demo is stopped.\n")
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

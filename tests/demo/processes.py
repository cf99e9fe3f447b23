"""The processes of pod-index, and the end of the demo."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
RETENTION_SECONDS = 24 * 3600


def stop_with_stdin() -> None:
    """Raise KeyboardInterrupt in the main thread at the end of stdin, or at SIGTERM: once."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    def wait() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait, name="stdin", daemon=True).start()


@contextmanager
def pod_index(kubeconfig: Path, log: Path, environ: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run pod-index, and kill it at the end.

    If this process is killed itself, the kernel kills pod-index, where setpriv(1) exists: see prctl(2).
    """
    setpriv = shutil.which("setpriv")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []),
                *(sys.executable, "-m", "kopf", "run", "-A", "operator/main.py"),
            ],
            cwd=ROOT,
            # The example of a deleted pod must work after five minutes, too.
            env={"DELETED_RETENTION_SECONDS": str(RETENTION_SECONDS), **environ, "KUBECONFIG": str(kubeconfig)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until_found(url: str, operator: "subprocess.Popen[bytes]") -> bool:
    """Return whether pod-index finds a pod, whose UID no other process that listens on the port knows.

    pod-index may end first, because the port is in use.
    """
    while operator.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException), urllib.request.urlopen(url, timeout=1):
            return True
        time.sleep(0.05)
    return False

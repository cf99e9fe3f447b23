"""The operator as users run it: a process with ``kopf run operator/main.py``."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pod_index.keeping import LAST_APPLIED
from tests.support.polling import DEADLINE_SECONDS, eventually

MAIN = Path(__file__).parents[2] / "operator" / "main.py"

PORTS = range(10_000, 32_768)
"""Below the ports of outgoing connections, so that none of these is taken by chance: RFC 6335, section 6."""


def ports_of(worker: str, workers: int) -> range:
    """Return the ports of one of the processes of pytest-xdist: a port that is free now would soon be taken by another.

    ``worker`` is its name, such as ``gw0``, or empty if there is but one.
    """
    size = len(PORTS) // workers
    first = size * int(worker.removeprefix("gw") or 0)
    return PORTS[first : first + size]


_own = ports_of(os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
_candidates = iter(random.sample(_own, len(_own)))


def free_port() -> int:
    """Return a port that is free now, and never the same port twice."""
    for port in _candidates:
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port is left")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process (RSS), in bytes: see statm in proc(5)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class OperatorProcess:
    """One operator with a log file. A context manager that starts and stops it.

    The kubeconfig and the log are written to ``folder``. ``arguments`` follow ``kopf run``. ``environ`` overrides the
    defaults, which keep pauses short and connections open. ``wrapper`` is a command that runs the command after it,
    such as ``nice``. ``main`` may be the operator of another checkout.
    """

    def __init__(
        self,
        folder: Path,
        kubeconfig: str | None,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        main: Path = MAIN,
    ) -> None:
        self.port = free_port()
        self.liveness_port = free_port()
        self.kubeconfig = folder / "kubeconfig"
        if kubeconfig is not None:
            self.kubeconfig.write_text(kubeconfig)
        self._log = folder / "operator.log"
        self._arguments = arguments or ("-A",)
        self._wrapper = wrapper
        has_liveness = any(argument.startswith("--liveness=") for argument in self._arguments)
        self._liveness = [] if has_liveness else [f"--liveness=http://127.0.0.1:{self.liveness_port}/healthz"]
        self._main = main
        # To measure coverage would take the operators half as much CPU time again.
        unset = ("COVERAGE_", "KUBERNETES_")
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(unset)},
            "KUBECONFIG": str(self.kubeconfig),
            "PORT": str(self.port),
            "SHUTDOWN_DRAIN_SECONDS": "0",
            "RETRY_MAX_SECONDS": "0.2",
            "IDLE_TIMEOUT_SECONDS": "600",
            **(environ or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(*self._wrapper, sys.executable, "-m", "kopf", "run", str(self._main), *self._arguments),
                    *self._liveness,
                ],
                env=self._environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Kopf prints what it prints on a user's terminal, whatever the tests' own settings are.
                cwd=self._main.parent.parent,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        if self.process.poll() is None:
            self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process itself."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text()

    def warnings(self) -> list[str]:
        """Return the lines of the log above the level INFO."""
        return [line for line in self.log.splitlines() if "[INFO " not in line]

    @property
    def resident_bytes(self) -> int:
        """Its resident memory (RSS), in bytes."""
        return resident_bytes(self.process.pid)

    @property
    def peak_bytes(self) -> int:
        """The peak of its resident memory (VmHWM) since the start or ``forget_peak()``, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def forget_peak(self) -> None:
        """Reset the peak to the memory that it holds now: see clear_refs in proc(5)."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def get(
        self, path: str, method: str = "GET", body: bytes | None = None, *, accept: str = "*/*"
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request on a connection that is kept; return status, headers (names in lower case) and body."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            self._connection.request(method, path, body, {"Accept": accept})
            response = self._connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            assert self.process.poll() is None, f"the operator has ended:\n{self.log}"
            raise

    def lookup(self, uid: str) -> dict[str, Any] | None:
        """Return the record of the pod with ``uid``, or None for a 404; fail for any other response."""
        status, _, body = self.get(f"/api/v1/pod?uid={urllib.parse.quote(uid)}")
        if status == 404:
            assert json.loads(body) == {"error": f"pod with UID {uid} not found"}
            return None
        assert status == 200, body
        record: dict[str, Any] = json.loads(body)
        return record

    def pod_count(self) -> int | None:
        """Return the number of pods in ``/ready``; None before it is ready."""
        try:
            status, _, body = self.get("/ready")
        except (OSError, http.client.HTTPException):
            return None
        if status != 200:
            return None
        content = json.loads(body)
        assert content["status"] == "ready"
        return int(content["podCount"])

    def wait_until_listening(self) -> None:
        """Wait for the first response."""

        def listens() -> bool:
            try:
                return self.get("/health")[0] == 200
            except OSError:
                return False

        eventually(listens)

    def wait_until_ready(self) -> None:
        """Wait for the first sync."""
        eventually(lambda: self.pod_count() is not None)

    def wait_for_exit(self, within: float = DEADLINE_SECONDS) -> int:
        """Wait until the process ends by itself; return its exit code."""
        return self.process.wait(within)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code. Kill the process and raise if it does not end."""
        self.process.send_signal(signum)
        try:
            return self.process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def wait_until_log_says(self, text: str, within: float = DEADLINE_SECONDS) -> None:
        """Wait until the log contains ``text``."""

        def is_logged() -> bool:
            assert text in self.log, f"{text!r} is not in the log:\n{self.log}"
            return True

        eventually(is_logged, within=within)


def expected_record(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that the contract promises for a pod of the API server."""
    metadata, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    record = {
        "uid": metadata["uid"],
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "nodeName": spec.get("nodeName", ""),
        "phase": status.get("phase", ""),
        "podIP": status.get("podIP", ""),
        "createdAt": metadata["creationTimestamp"],
    }
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != LAST_APPLIED}
    maps = {"labels": metadata.get("labels"), "annotations": annotations}
    return record | {name: values for name, values in maps.items() if values}


def assert_equal(
    operator: OperatorProcess, pods: Mapping[str, Mapping[str, Any]], within: float = DEADLINE_SECONDS
) -> None:
    """Wait until the index holds exactly ``pods`` (by UID), each with its expected record."""

    def equal() -> bool:
        assert operator.pod_count() == len(pods)
        for uid, pod in pods.items():
            assert operator.lookup(uid) == expected_record(pod)
        return True

    eventually(equal, within=within, every=0.05)

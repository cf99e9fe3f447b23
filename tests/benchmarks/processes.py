"""The processes of a benchmark: on which core each runs, what it has used, and how it is talked to."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.podbytes import marker_of
from tests.support.operator_process import MAIN, OperatorProcess

ROOT = Path(__file__).parents[2]
ANSWER_SECONDS = 300.0
"""How long a helper may take for an answer before that is a failure."""
CHANGE_SECONDS = 120.0
"""How long a change may take to be visible before that is a failure."""
POLL_SECONDS = 0.002
"""The pause between two questions whether the operator is ready."""

_CORES = sorted(os.sched_getaffinity(0))
OUR_CORE = _CORES[0]
"""Where the API server, the clients and the benchmark itself run."""
SUBJECT_CORE = _CORES[1] if len(_CORES) > 1 else _CORES[0]
"""Where what is measured runs, and its floor: alone, if there is more than one core."""


@contextlib.contextmanager
def core(number: int) -> Iterator[None]:
    """Let processes that are started meanwhile run on this core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """The CPU that a process has used, all threads, in steps of 10 ms: proc(5) on stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Helper:
    """A Python module in a process of its own that talks in lines of JSON, and ends with its stdin."""

    def __init__(self, module: str, *arguments: str, on: int, environ: Mapping[str, str] | None = None) -> None:
        self._name = f"tests.benchmarks.{module}"
        self.started = time.monotonic()
        with core(on):
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._name, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(MAIN.parent), **(environ or {})},
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def read(self) -> dict[str, Any]:
        """Wait for the next line; raise RuntimeError if none comes."""
        assert self._process.stdout is not None
        timer = threading.Timer(ANSWER_SECONDS, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError(f"{self._name} has ended or says nothing")
        said: dict[str, Any] = json.loads(line)
        return said

    def tell(self, command: str, **arguments: object) -> None:
        """Give a command whose answer is read later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, arguments]) + "\n")
        self._process.stdin.flush()

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self.tell(command, **arguments)
        return self.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class FeederProcess(Helper):
    """The API server of the benchmarks with ``pods`` pods."""

    def __init__(self, pods: int) -> None:
        super().__init__("feeder", str(pods), on=OUR_CORE)
        described = self.read()
        self.pods = pods
        self.port: int = described["port"]
        self.record_bytes: int = described["record_bytes"]
        self._watches = 0

    @property
    def kubeconfig(self) -> str:
        """The text of a kubeconfig for it."""
        server = {"server": f"http://127.0.0.1:{self.port}"}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "benchmark",
                "clusters": [{"name": "benchmark", "cluster": server}],
                "users": [{"name": "benchmark", "user": {}}],
                "contexts": [{"name": "benchmark", "context": {"cluster": "benchmark", "user": "benchmark"}}],
            }
        )

    def uids(self, count: int) -> list[str]:
        """The UIDs of the first pods."""
        uids: list[str] = self.ask("uids", count=count)["uids"]
        return uids

    def await_watch(self) -> None:
        """Wait for the next watch after the one that this waited for last: a listing has been sent."""
        answer = self.ask("await_watch", beyond=self._watches)
        if not answer["done"]:
            raise RuntimeError("nobody watches")
        self._watches = answer["watches"]

    def prepare(self, count: int, sample: int) -> list[tuple[int, str, int]]:
        """Prepare changes; return samples and the last of them: place, UID and version."""
        return [(at, uid, version) for at, uid, version in self.ask("prepare", count=count, sample=sample)["changes"]]


class Client:
    """An HTTP client of one connection that is kept, with as little of its own as can be."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> tuple[int, bytes]:
        """Send a GET request; return the status and the body."""
        self._sock.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        received = b""
        while True:
            more = self._sock.recv(65536)
            if not more:
                raise ConnectionError("the server has closed the connection")
            received += more
            head, end, body = received.partition(b"\r\n\r\n")
            if end and len(body) >= content_length(head):
                return int(head[9:12]), body

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def content_length(head: bytes) -> int:
    """The Content-Length that the head of an answer tells, in bytes."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


class Subject(OperatorProcess):
    """The operator that is measured, on a core of its own."""

    def __init__(
        self,
        folder: Path,
        kubeconfig: str,
        *,
        main: Path = MAIN,
        streaming: bool = True,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = {"STREAMING_LIST": str(streaming).lower(), **(environ or {})}
        super().__init__(folder, kubeconfig, environ=environ, main=main)
        self.started = 0.0

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        with core(SUBJECT_CORE):
            return super().__enter__()

    def wait_for_ready(self) -> tuple[float, float]:
        """Wait for the first 200 of /ready; return its time, and how long before the last other answer was."""
        before = time.monotonic()
        while True:
            with contextlib.suppress(ConnectionError), Client(self.port) as client:
                while True:
                    asked = time.monotonic()
                    status, _ = client.get("/ready")
                    now = time.monotonic()
                    if status == 200:
                        return now, now - before
                    before = asked
                    time.sleep(POLL_SECONDS)
            if self.process.poll() is not None:
                raise RuntimeError(f"the operator has ended:\n{self.log}")
            before = time.monotonic()
            time.sleep(POLL_SECONDS)

    def wait_for_change(self, uid: str, version: int, *, every: float = 0.0) -> float:
        """Look a pod up until it shows the change of this version; return when it did."""
        deadline = time.monotonic() + CHANGE_SECONDS
        with Client(self.port) as client:
            while time.monotonic() < deadline:
                _, body = client.get(f"/api/v1/pod?uid={uid}")
                if marker_of(body) >= version:
                    return time.monotonic()
                time.sleep(every)
        raise RuntimeError(f"the operator does not show the change {version} of the pod {uid}:\n{self.log}")

    def lookup_seconds(self, uid: str, count: int) -> list[float]:
        """How long lookups take, one after the other."""
        times = []
        with Client(self.port) as client:
            for _ in range(count):
                begin = time.monotonic()
                client.get(f"/api/v1/pod?uid={uid}")
                times.append(time.monotonic() - begin)
        return times

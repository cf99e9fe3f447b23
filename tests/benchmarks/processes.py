"""The processes of a benchmark: their cores, their CPU time, and the commands that they take."""

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
from tests.hostile.crowd import trusting
from tests.support.operator_process import MAIN, OperatorProcess

ROOT = Path(__file__).parents[2]
RESPONSE_SECONDS = 300.0
"""How long to wait for a helper."""
CHANGE_SECONDS = 120.0
"""How long to wait until a change is served."""
POLL_SECONDS = 0.002
"""The pause between two requests for ``/ready``."""

_CORES = sorted(os.sched_getaffinity(0))
OUR_CORE = _CORES[0]
"""The core of the API server, the clients and the benchmark itself."""
SUBJECT_CORE = _CORES[1] if len(_CORES) > 1 else _CORES[0]
"""The core of the measured process and its baseline, which they do not share if there is more than one core."""


@contextlib.contextmanager
def core(number: int) -> Iterator[None]:
    """Let processes that are started within the context run on this core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, in steps of 10 ms: see stat in proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Helper:
    """A Python module in a process of its own, which reads and prints lines of JSON, and ends when stdin ends."""

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
        """The process ID."""
        return self._process.pid

    def read(self) -> dict[str, Any]:
        """Wait for the next line; raise RuntimeError if there is none."""
        assert self._process.stdout is not None
        timer = threading.Timer(RESPONSE_SECONDS, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError(f"{self._name} has ended or does not respond")
        content: dict[str, Any] = json.loads(line)
        return content

    def tell(self, command: str, **arguments: object) -> None:
        """Send a command, whose result is read later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, arguments]) + "\n")
        self._process.stdin.flush()

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Send a command; return its result."""
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
    """The API server of the benchmarks, with ``pods`` pods of so many ``workloads`` in an encoding."""

    def __init__(self, pods: int, workloads: int = 200, media_type: str = "application/json") -> None:
        super().__init__("feeder", str(pods), str(workloads), media_type, on=OUR_CORE)
        described = self.read()
        self.pods = pods
        self.port: int = described["port"]
        self.record_bytes: int = described["record_bytes"]
        self._watches = 0

    @property
    def kubeconfig(self) -> str:
        """A kubeconfig for it."""
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
        """Return the UIDs of the first pods."""
        uids: list[str] = self.ask("uids", count=count)["uids"]
        return uids

    def await_watch(self) -> None:
        """Wait for the next watch since the last call, which follows a listing."""
        result = self.ask("await_watch", beyond=self._watches)
        if not result["done"]:
            raise RuntimeError("there is no watch")
        self._watches = result["watches"]

    def prepare(self, count: int, sample: int) -> list[tuple[int, str, int]]:
        """Prepare changes; return samples and the last of them: position, UID and version."""
        return [(at, uid, version) for at, uid, version in self.ask("prepare", count=count, sample=sample)["changes"]]


class Client:
    """A minimal HTTP client with one connection. With ``tls``, it accepts any certificate."""

    def __init__(self, port: int, *, tls: bool = False, token: str = "") -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._sock = trusting().wrap_socket(self._sock, server_hostname="localhost")
        self._fields = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n" if token else "Host: localhost\r\n"

    def get(self, path: str) -> tuple[int, bytes]:
        """Send a GET request; return the status and the body."""
        self._sock.sendall(f"GET {path} HTTP/1.1\r\n{self._fields}\r\n".encode())
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
    """Return the Content-Length in the head of a response."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


class Subject(OperatorProcess):
    """The measured operator, on a core of its own. With ``background``, another one on ours, with a low priority."""

    def __init__(
        self,
        folder: Path,
        kubeconfig: str,
        *,
        main: Path = MAIN,
        streaming: bool = True,
        environ: Mapping[str, str] | None = None,
        background: bool = False,
    ) -> None:
        environ = {"STREAMING_LIST": str(streaming).lower(), **(environ or {})}
        wrapper = ("nice", "-n", "19") if background else ()
        super().__init__(folder, kubeconfig, environ=environ, wrapper=wrapper, main=main)
        self._core = OUR_CORE if background else SUBJECT_CORE
        self._tls = "TLS_CERT_FILE" in environ
        self.started = 0.0

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        with core(self._core):
            return super().__enter__()

    def wait_for_ready(self, *, every: float = POLL_SECONDS) -> tuple[float, float]:
        """Wait for the first 200 of ``/ready``; return its time, and the time since the last other response."""
        before = time.monotonic()
        while True:
            with contextlib.suppress(OSError), Client(self.port, tls=self._tls) as client:
                while True:
                    asked = time.monotonic()
                    status, _ = client.get("/ready")
                    now = time.monotonic()
                    if status == 200:
                        return now, now - before
                    before = asked
                    time.sleep(every)
            if self.process.poll() is not None:
                raise RuntimeError(f"the operator has ended:\n{self.log}")
            before = time.monotonic()
            time.sleep(POLL_SECONDS)

    def wait_for_change(self, uid: str, version: int, *, every: float = 0.0) -> float:
        """Look a pod up until its record has the change of this version; return the time."""
        deadline = time.monotonic() + CHANGE_SECONDS
        with Client(self.port) as client:
            while time.monotonic() < deadline:
                _, body = client.get(f"/api/v1/pod?uid={uid}")
                if marker_of(body) >= version:
                    return time.monotonic()
                time.sleep(every)
        raise RuntimeError(f"the operator does not serve the change {version} of the pod {uid}:\n{self.log}")

    def lookup_seconds(self, uid: str, count: int) -> list[float]:
        """Return the latencies of lookups, one after the other."""
        times = []
        with Client(self.port) as client:
            for _ in range(count):
                begin = time.monotonic()
                client.get(f"/api/v1/pod?uid={uid}")
                times.append(time.monotonic() - begin)
        return times

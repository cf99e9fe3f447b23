"""The latency of lookups beside lookups in several clusters, of which one is down and one is slow."""

import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.lookups import lookup
from tests.benchmarks.processes import Client, FeederProcess, Subject
from tests.benchmarks.tail import probed
from tests.support.operator_process import free_port
from tests.support.peers import write_peers

SECTION = "clusters"
BASELINE = "the same without them"
LOOKUPS_A_SECOND = 500
ASKERS = 16
"""How many clients look up unknown pods in all clusters, one after the other."""
SLOW_SECONDS = 0.5
"""Half of the timeout."""
UIDS = 1000


class SlowPeer(BaseHTTPRequestHandler):
    """Another cluster, which knows no pods and takes its time to say so."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer 404 late."""
        time.sleep(SLOW_SECONDS)
        body = json.dumps({"error": "pod not found"}).encode()
        self.send_response(404)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Age": "0"}
        for name, value in fields.items():
            self.send_header(name, value)
        with contextlib.suppress(OSError):  # At the end, the operator is gone.
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Probe an operator without and with lookups in several clusters."""
    runs = Runs()
    with tempfile.TemporaryDirectory() as name, FeederProcess(plan.index_pods) as feeder, slow_peer() as slow:
        folder = Path(name)
        write_peers(folder / "peers", {"dead": f"http://127.0.0.1:{free_port()}", "slow": slow})
        environ = {"CLUSTER_NAME": "this", "PEERS_FILE": str(folder / "peers")}
        with Subject(folder, feeder.kubeconfig, main=main, environ=environ) as operator:
            feeder.await_watch()
            operator.wait_for_ready()
            paths = [lookup(uid) for uid in feeder.uids(UIDS)]

            def probe(subject: str, askers: int) -> None:
                with asking(operator.port, askers) as answered:
                    result = probed(operator.port, LOOKUPS_A_SECOND, paths, lambda: time.sleep(plan.seconds))
                if result["failed"] or bool(answered) != bool(askers):
                    raise RuntimeError(f"lookups have failed: {result}")
                runs.add(subject, **{name: result[name] * 1000 for name in ("p50", "p99", "max")})

            interleaved(plan.runs, lambda: probe("alone", 0), lambda: probe("beside", ASKERS))
    note = f"clusters: {ASKERS} clients ask all clusters, one is down, and one answers after {SLOW_SECONDS} s"
    return [
        Figure(
            section=SECTION,
            name=f"lookups beside them: {name}",
            pods=plan.index_pods,
            unit="ms",
            values=runs.of("beside", name),
            baseline=BASELINE,
            baseline_values=runs.of("alone", name),
        )
        for name in ("p50", "p99", "max")
    ], [note]


@contextmanager
def slow_peer() -> Iterator[str]:
    """Serve a slow peer; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowPeer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def asking(port: int, askers: int) -> Iterator[list[int]]:
    """Look up unknown pods in all clusters from so many clients; the list has the statuses so far."""
    statuses: list[int] = []
    done = threading.Event()

    def ask(number: int) -> None:
        with Client(port) as client:
            while not done.is_set():
                status, _ = client.get(f"{lookup(f'00000000-0000-0000-0000-{number:012}')}&clusters=all")
                statuses.append(status)

    with ThreadPoolExecutor(max(1, askers)) as pool:
        for number in range(askers):
            pool.submit(ask, number)
        try:
            yield statuses
        finally:
            done.set()

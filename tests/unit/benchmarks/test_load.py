"""The load generators accept no failed lookup as a measurement."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.benchmarks.load import RESULT, Load, parse_wrk
from tests.benchmarks.probe import probe
from tests.benchmarks.processes import Client
from tests.support.operator_process import free_port


class Handler(BaseHTTPRequestHandler):
    """Responds with 200 to one path and with 404 to all others."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/found" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "output",
    [
        "unable to connect to 127.0.0.1:1 Connection refused",
        RESULT + '{"requests": 300, "seconds": 2.0, "errors": 1}',
        RESULT + '{"requests": 0, "seconds": 2.0, "errors": 0}',
    ],
)
def test_missing_responses_are_an_error(output: str) -> None:
    with pytest.raises(RuntimeError):
        parse_wrk(output)


@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_generator_in_python_counts_the_responses(port: int, keep_alive: bool) -> None:
    load = Load(wrk=False)
    assert "Python" in load.generator
    done = load.run(port, ["/found", "/lost"], connections=3, seconds=0.3, keep_alive=keep_alive)
    assert done["requests"] > 3
    assert 0 < done["p50"] <= done["p99"] <= done["p99.9"]


def test_a_probe_counts_everything_but_a_hit_as_failed_and_goes_on(port: int) -> None:
    proceed = iter([True] * 5 + [False])
    result = probe(lambda: Client(port), 1000.0, ["/found", "/lost"], lambda: next(proceed))
    assert (result["requests"], result["failed"]) == (6, 3)


def test_a_probe_counts_a_refused_connection_as_failed() -> None:
    result = probe(lambda: Client(free_port()), 1000.0, ["/found"], lambda: False)
    assert (result["requests"], result["failed"]) == (1, 1)

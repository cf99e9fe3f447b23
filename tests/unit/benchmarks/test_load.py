"""Load on an HTTP server, and its figures."""

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.benchmarks.load import RESULT, SCRIPT, Load, parse_wrk
from tests.benchmarks.probe import probe
from tests.benchmarks.processes import Client
from tests.support.operator_process import free_port

FAKE_WRK = f"""#!/bin/sh
echo 'Running 1s test'
echo '{RESULT}{{"requests": 100, "seconds": 2.0, "p50": 0.001, "p99": 0.002, "p99.9": 0.003, "errors": 0}}'
"""


class Handler(BaseHTTPRequestHandler):
    """Answers 200 to one path and 404 to all others."""

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


def test_what_the_script_prints_at_the_end_of_wrk_is_read() -> None:
    result = '{"requests": 300, "seconds": 2.0, "p50": 0.001, "p99": 0.002, "p99.9": 0.004, "errors": 0}'
    read = parse_wrk(f"Running 2s test\n  1 threads and 32 connections\n{RESULT}{result}\n")
    assert read["rate"] == 150.0
    assert read["p99.9"] == 0.004


@pytest.mark.parametrize(
    "output",
    [
        "unable to connect to 127.0.0.1:1 Connection refused",
        RESULT + '{"requests": 300, "seconds": 2.0, "errors": 1}',
        RESULT + '{"requests": 0, "seconds": 2.0, "errors": 0}',
    ],
)
def test_answers_that_are_missing_are_an_error_and_no_figure(output: str) -> None:
    with pytest.raises(RuntimeError):
        parse_wrk(output)


def test_the_script_of_wrk_is_no_template_any_more_when_it_runs() -> None:
    script = SCRIPT % {"connection": "close", "paths": "/tmp/paths", "result": RESULT}
    assert '["Connection"] = "close"' in script
    assert "last = last % #requests + 1" in script
    assert "%(" not in script


def test_wrk_makes_the_load_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrk = tmp_path / "wrk"
    wrk.write_text(FAKE_WRK)
    wrk.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    load = Load(wrk=True)
    assert load.generator == "wrk"
    assert load.run(1, ["/"], connections=1, seconds=0.1)["rate"] == 50.0


@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_generator_in_python_counts_the_answers(port: int, keep_alive: bool) -> None:
    load = Load(wrk=False)
    assert "Python" in load.generator
    done = load.run(port, ["/found", "/lost"], connections=3, seconds=0.3, keep_alive=keep_alive)
    assert done["requests"] > 3
    assert 0 < done["p50"] <= done["p99"] <= done["p99.9"]


def test_a_probe_goes_on_until_it_is_told_to_stop(port: int) -> None:
    turns = iter([True, True, False])
    told = probe(lambda: Client(port), 1000.0, ["/found"], lambda: next(turns))
    assert 0 < told["p50"] <= told["p99"] <= told["max"]
    assert (told["asked"], told["failed"]) == (3, 0)


def test_a_probe_takes_nothing_but_a_hit_for_an_answer_and_goes_on(port: int) -> None:
    turns = iter([True] * 5 + [False])
    told = probe(lambda: Client(port), 1000.0, ["/found", "/lost"], lambda: next(turns))
    assert (told["asked"], told["failed"]) == (6, 3)


def test_a_probe_connects_again_where_its_connection_was_closed() -> None:
    answers = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        turns = iter([True, False])
        told = probe(lambda: Client(listener.getsockname()[1]), 1000.0, ["/found"], lambda: next(turns))
        thread.join()
    assert (told["asked"], told["failed"]) == (2, 1)


def test_a_probe_that_cannot_connect_has_failed() -> None:
    told = probe(lambda: Client(free_port()), 1000.0, ["/found"], lambda: False)
    assert (told["asked"], told["failed"]) == (1, 1)

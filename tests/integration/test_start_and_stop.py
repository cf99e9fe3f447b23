"""Starting, serving before the first sync, and stopping."""

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import MAIN, OperatorProcess
from tests.support.polling import DEADLINE_SECONDS, eventually


def test_before_the_first_sync_it_listens_and_can_be_stopped(server: ApiServer, start_operator: StartOperator) -> None:
    server.faults.add(Fault(kind="any", stall=True))
    operator = start_operator(server)
    operator.wait_until_listening()
    assert operator.get("/health")[::2] == (200, b'{"status":"healthy"}')
    assert operator.get("/ready")[::2] == (503, b'{"error":"cache not synced"}')
    status, headers, body = operator.get("/api/v1/pod?uid=1234")
    assert (status, headers["retry-after"], body) == (503, "1", b'{"error":"cache not synced"}')
    eventually(lambda: server.requests)
    assert operator.stop() == 0
    assert operator.warnings() == []


def test_the_file_itself_says_how_it_is_started() -> None:
    done = subprocess.run([sys.executable, str(MAIN)], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "This file is run by Kopf: kopf run -A operator/main.py\n"


def test_a_kubeconfig_that_does_not_exist_ends_the_process_with_one_line_that_names_it(tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, None, environ={"KUBECONFIG": "/no/kubeconfig"}) as operator:
        assert operator.wait_for_exit() == 1
        (line,) = operator.log.splitlines()
    assert "kubeconfig /no/kubeconfig unusable: the file does not exist; point KUBECONFIG at a working" in line


@pytest.mark.parametrize(
    "value",
    ["http", pytest.param("0", marks=pytest.mark.slow), pytest.param("70000", marks=pytest.mark.slow)],
)
def test_an_invalid_port_ends_the_process_with_one_line_that_names_it(
    value: str, server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, PORT=value)
    assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert f"PORT must be a whole number from 1 to 65535, not '{value}'" in line


def test_a_port_in_use_ends_the_process_with_one_line_that_names_it(
    server: ApiServer, start_operator: StartOperator
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        operator = start_operator(server, PORT=port)
        assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert f"PORT {port} is in use" in line


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("localhost", "must be an IPv4 or IPv6 address, not 'localhost'"),
        ("192.0.2.1", "is not an address of this machine"),
    ],
)
def test_an_address_to_listen_on_that_is_unusable_ends_the_process_with_one_line_that_names_it(
    address: str, reason: str, server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, LISTEN_ADDRESS=address)
    assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert "LISTEN_ADDRESS" in line
    assert reason in line


def test_with_an_address_to_listen_on_the_log_names_it_and_it_answers_there(
    server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, LISTEN_ADDRESS="127.0.0.1")
    operator.wait_until_ready()
    assert f"Listening on port {operator.port} of 127.0.0.1" in operator.log


def test_a_liveness_port_in_use_ends_the_process_with_one_line_that_names_it(
    server: ApiServer, start_operator: StartOperator
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        option = f"--liveness=http://127.0.0.1:{taken.getsockname()[1]}/healthz"
        operator = start_operator(server, "-A", option)
        assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert f"{option} cannot be opened (Address already in use)" in line


def test_a_pattern_of_namespaces_ends_the_process_with_one_line(
    server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, "-n", "team-*")
    assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert "-n team-* is not the name of a namespace: patterns are not supported" in line


def test_an_internal_error_at_the_start_ends_the_process_with_one_line(
    server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, "-A", "tests/integration/saboteur.py", SABOTAGE="start")
    assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert "the start failed by an internal error (RuntimeError('sabotage'))" in line
    with socket.create_server(("127.0.0.1", operator.port)):
        pass


def test_when_the_http_server_fails_the_operator_ends_with_an_error(
    server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, "-A", "tests/integration/saboteur.py", SABOTAGE="server")
    assert operator.wait_for_exit() == 1
    assert "the HTTP server has ended unexpectedly" in operator.log
    assert "Traceback" not in operator.log


def test_ctrl_c_ends_it_with_exit_code_0_and_a_quiet_log(server: ApiServer, operator: OperatorProcess) -> None:
    server.pods.create(make_pod("web"))
    eventually(lambda: operator.pod_count() == 1)
    assert operator.stop(signal.SIGINT) == 0
    assert operator.warnings() == []


def test_requests_are_answered_during_the_drain_and_none_is_lost(
    server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, SHUTDOWN_DRAIN_SECONDS="3")
    uid = server.pods.create(make_pod("web"))["metadata"]["uid"]
    eventually(lambda: operator.pod_count() == 1)
    operator.process.send_signal(signal.SIGTERM)
    eventually(lambda: operator.get("/ready")[0] == 503)
    assert operator.get("/ready")[2] == b'{"error":"shutting down"}'
    assert operator.get("/health")[0] == 200
    assert operator.lookup(uid) is not None

    def request_health(_: int) -> bytes:
        with socket.create_connection(("127.0.0.1", operator.port), timeout=30) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(4096), b""))

    with ThreadPoolExecutor(4) as threads:
        responses = list(threads.map(request_health, range(50)))
    assert all(response.endswith(b'{"status":"healthy"}') for response in responses)
    assert operator.wait_for_exit() == 0
    assert operator.warnings() == []


def test_it_stops_during_an_outage_of_the_api_server(server: ApiServer, operator: OperatorProcess) -> None:
    server.stop()
    operator.wait_until_log_says("cannot connect")
    assert operator.stop() == 0
    assert "Traceback" not in operator.log

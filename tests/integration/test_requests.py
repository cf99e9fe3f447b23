"""Aborted requests, endless requests and long responses on real connections."""

import json
import socket
from contextlib import ExitStack

import pytest

from tests.apiserver import ApiServer, make_pod
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.kubernetes import TcpProxy
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually

LOOKUP = b"POST /api/v1/pods/lookup HTTP/1.1\r\nHost: x\r\n"


def connect(operator: OperatorProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", operator.port), timeout=30)


ABORTED = (
    b"GET /api/v1/pod?uid=U&wait=10s HTTP/1.1\r\nHost: x\r\n\r\n",
    LOOKUP + b"Content-Length: 100\r\n\r\n" + b'{"ids": [',
    LOOKUP + b"Transfer-Encoding: chunked\r\n\r\n" + b"3\r\n{id",
    LOOKUP + b"Content-Length: 100\r\n",
)
"""Requests whose clients disconnect before the response."""

ENDLESS = (
    (b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 0x1000 + b"\r\n"),
    (b"Content-Length: 99999999999\r\n\r\n", b"x" * 0x1000),
)
"""The ends of heads whose bodies are too long, and the pieces of these bodies."""


def test_aborted_and_endless_requests_take_no_memory_and_leave_no_warning(operator: OperatorProcess) -> None:
    for sent in ABORTED:
        with connect(operator) as connection:
            connection.sendall(sent)
            assert operator.get("/health")[0] == 200
        assert operator.get("/health")[0] == 200
    for head, chunk in ENDLESS:
        with connect(operator) as connection:
            connection.sendall(LOOKUP + head)
            for _ in range(256 * 1024 // 0x1000 + 1):
                connection.sendall(chunk)
            status_line = connection.makefile("rb").readline()
            assert status_line.startswith(b"HTTP/1.1 413 ")
            # The rest is discarded, and the connection is closed after some time.
            before = operator.resident_bytes
            much = chunk * (32 * 1024 * 1024 // len(chunk))
            with pytest.raises(ConnectionError):
                connection.sendall(much)
            eventually(lambda: operator.get("/health")[0] == 200)
            assert operator.resident_bytes < before + 4 * 1024 * 1024
    assert operator.stop() == 0
    assert operator.warnings() == []


def test_a_connection_goes_on_after_a_body_that_was_too_long(shared_operator: OperatorProcess) -> None:
    with connect(shared_operator) as connection:
        body = b"x" * 300_000
        connection.sendall(LOOKUP + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.sendall(LOOKUP + b"Content-Length: 11\r\nConnection: close\r\n\r\n" + b'{"ids": []}')
        responses = connection.makefile("rb").read()
    first, _, second = responses.partition(b"}")
    assert first.startswith(b"HTTP/1.1 413 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert json.loads(second.partition(b"\r\n\r\n")[2]) == {"results": []}


def test_a_long_response_takes_little_memory(server: ApiServer, operator: OperatorProcess) -> None:
    server.pods.create(make_pod("web", annotations={"a": "x" * 200_000}))
    eventually(lambda: operator.pod_count() == 1)
    body = json.dumps({"ids": ["default/web"] * 1_000}).encode()
    with connect(operator) as connection:
        connection.sendall(LOOKUP + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        response = connection.makefile("rb")
        assert response.readline().startswith(b"HTTP/1.1 200 ")
        eventually(lambda: operator.get("/health")[0] == 200)
        received = sum(map(len, iter(lambda: response.read(1 << 20), b"")))
    assert received > 200_000_000
    assert operator.peak_bytes < 150 * 1024 * 1024


@pytest.mark.slow
def test_reset_handshakes_close_no_connection_of_a_client(start_operator: StartOperator) -> None:
    # uvloop closes the descriptor of such a connection twice, the second time when it may be a client's.
    with ApiServer(tls=True) as server, TcpProxy(server.port) as network, ExitStack() as clients:
        server.pods.create(make_pod("web"))
        operator = start_operator(Cluster(server, network), RETRY_MAX_SECONDS="0.01")
        assert_equal(operator, server.pods.pods())
        server.stop()
        # The network goes on accepting connections, and resets them, as no server is behind it.
        before = network.connections
        kept: list[socket.socket] = []
        while network.connections - before < 300:
            client = socket.create_connection(("127.0.0.1", operator.port), timeout=30)
            kept.append(clients.enter_context(client))
            for client in kept[-3:]:
                assert is_healthy(client)
            if len(kept) > 10:
                kept.pop(0).close()
        server.start()
        server.pods.create(make_pod("new"))
        assert_equal(operator, server.pods.pods())


def is_healthy(client: socket.socket) -> bool:
    """Request ``/health`` on a connection that is kept."""
    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    response = b""
    while received := client.recv(1000):
        response += received
        if response.endswith(b'{"status":"healthy"}'):
            return True
    return False

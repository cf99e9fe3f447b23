"""Requests that break off, or never end, on real connections."""

import json
import socket

import pytest

from tests.apiserver import ApiServer, make_pod
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

LOOKUP = b"POST /api/v1/pods/lookup HTTP/1.1\r\nHost: x\r\n"


def connect(operator: OperatorProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", operator.port), timeout=10)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /api/v1/pod?uid=U&wait=10s HTTP/1.1\r\nHost: x\r\n\r\n",
        LOOKUP + b"Content-Length: 100\r\n\r\n" + b'{"ids": [',
        LOOKUP + b"Transfer-Encoding: chunked\r\n\r\n" + b"3\r\n{id",
        LOOKUP + b"Content-Length: 100\r\n",
    ],
)
def test_a_client_that_breaks_off_is_no_matter_for_the_log(sent: bytes, operator: OperatorProcess) -> None:
    with connect(operator) as connection:
        connection.sendall(sent)
        assert operator.get("/health")[0] == 200
    assert operator.get("/health")[0] == 200
    assert operator.stop() == 0
    assert operator.warnings() == []


@pytest.mark.parametrize(
    ("head", "chunk"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 0x1000 + b"\r\n"),
        (b"Content-Length: 99999999999\r\n\r\n", b"x" * 0x1000),
    ],
)
def test_a_body_without_end_is_answered_as_soon_as_it_is_too_long_and_then_hung_up_on(
    head: bytes, chunk: bytes, operator: OperatorProcess
) -> None:
    with connect(operator) as connection:
        connection.sendall(LOOKUP + head)
        for _ in range(256 * 1024 // 0x1000 + 1):
            connection.sendall(chunk)
        answer = connection.makefile("rb").readline()
        assert answer.startswith(b"HTTP/1.1 413 ")
        # What is not read any more must not be kept, and has an end.
        before = operator.resident_bytes
        much = chunk * (32 * 1024 * 1024 // len(chunk))
        with pytest.raises(ConnectionError):
            connection.sendall(much)
        eventually(lambda: operator.get("/health")[0] == 200)
        assert operator.resident_bytes < before + 4 * 1024 * 1024
    assert operator.stop() == 0
    assert operator.warnings() == []


def test_the_next_request_of_a_connection_is_answered_after_a_body_that_was_too_long(operator: OperatorProcess) -> None:
    with connect(operator) as connection:
        body = b"x" * 300_000
        connection.sendall(LOOKUP + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.sendall(LOOKUP + b"Content-Length: 11\r\nConnection: close\r\n\r\n" + b'{"ids": []}')
        answer = connection.makefile("rb").read()
    first, _, second = answer.partition(b"}")
    assert first.startswith(b"HTTP/1.1 413 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert json.loads(second.partition(b"\r\n\r\n")[2]) == {"results": []}


def test_a_long_answer_takes_little_memory(server: ApiServer, operator: OperatorProcess) -> None:
    server.pods.create(make_pod("web", annotations={"a": "x" * 200_000}))
    eventually(lambda: operator.pod_count() == 1)
    body = json.dumps({"ids": ["default/web"] * 1_000}).encode()
    with connect(operator) as connection:
        connection.sendall(LOOKUP + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = connection.makefile("rb")
        assert answer.readline().startswith(b"HTTP/1.1 200 ")
        eventually(lambda: operator.get("/health")[0] == 200)
        received = sum(map(len, iter(lambda: answer.read(1 << 20), b"")))
    assert received > 200_000_000
    assert operator.peak_bytes < 150 * 1024 * 1024

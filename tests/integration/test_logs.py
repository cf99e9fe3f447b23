"""The log of an operator reports what happened, in few lines, all of one format."""

import json
import re
import socket
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

FORMATS = {"full": (), "json": ("--log-format=json",)}
LEVELS = {"INFO": "info", "WARNING": "warn", "ERROR": "error", "CRITICAL": "fatal"}

SUMMARY = (
    r"pod-index \d+\.\d+\.\d+\S*; API server: http://127\.0\.0\.1:\d+; encoding: protobuf, else JSON;"
    r" namespaces: {namespaces}; lookup keys: uid,config\.hash,containerID,ip,name,node,workload;"
    r" authentication: {authentication}; TLS: {tls}"
)

Line = tuple[str, str]
"""A level, as it is called in JSON, and a message."""


def lines(operator: OperatorProcess, log_format: str) -> list[Line]:
    """Return the log, every line of which must have the format."""
    found = []
    for line in operator.log.splitlines():
        if log_format == "json":
            read = json.loads(line)
            assert read["logger"], line
            found.append((read["severity"], read["message"]))
        else:
            parts = re.fullmatch(r"\[\d{4}-\d\d-\d\d [\d:,]+\] \S+ *\[([A-Z]+) *\] (.+)", line)
            assert parts is not None, line
            found.append((LEVELS[parts[1]], parts[2]))
    return found


def assert_logged(operator: OperatorProcess, log_format: str, *expected: Line) -> None:
    """Compare the log with levels and patterns of messages, line by line."""
    logged = lines(operator, log_format)
    assert len(logged) == len(expected), operator.log
    for (level, message), (expected_level, pattern) in zip(logged, expected, strict=True):
        assert level == expected_level
        assert re.fullmatch(pattern, message), message


@pytest.mark.parametrize("log_format", ["full", pytest.param("json", marks=pytest.mark.slow)])
def test_each_event_of_the_process_is_one_line_and_pods_and_requests_are_none(
    log_format: str, server: ApiServer, start_operator: StartOperator
) -> None:
    server.pods.load(make_pod(f"web-{number}") for number in range(120))
    operator = start_operator(server, "-A", *FORMATS[log_format], RETRY_MAX_SECONDS="1")
    eventually(lambda: operator.pod_count() == 120)
    for number in range(50):
        server.pods.delete("default", f"web-{number}")
    eventually(lambda: operator.pod_count() == 70)
    server.pods.create(make_pod("new"))
    eventually(lambda: operator.pod_count() == 71)
    server.faults.garbage_line(b"{}")
    operator.wait_until_log_says("Listed 71 pods")
    eventually(lambda: server.open_watches == 1)
    server.stop()
    operator.wait_until_log_says("attempt 2 failed")
    server.start()
    operator.wait_until_log_says("is back")
    assert operator.get("/health")[0] == 200
    assert operator.get("/api/v1/pod?uid=unknown")[0] == 404
    with socket.create_connection(("127.0.0.1", operator.port), timeout=30) as connection:
        connection.sendall(b"this is no HTTP\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert operator.stop() == 0
    seconds = r"\d+\.\d"
    assert_logged(
        operator,
        log_format,
        ("info", SUMMARY.format(namespaces="all", authentication="none", tls="off")),
        ("info", r"Listening on port \d+"),
        ("info", rf"Listed 120 pods in {seconds}\d s, by a streaming list \(protobuf\)"),
        ("warn", r"Requesting JSON for 300 s, since the API server's protobuf is invalid"),
        ("warn", r"Relisting the pods: the API server sent an invalid watch event \(.*\)"),
        ("info", rf"Listed 71 pods in {seconds}\d s, by a streaming list \(JSON\)"),
        ("warn", rf"the connection to \S+ was lost \(.*\); attempt 1 failed, the next is in {seconds} s"),
        ("warn", rf"cannot connect to \S+ \(.*\); .*; attempt 2 failed, the next is in {seconds} s"),
        ("info", rf"The API server is back: recovered after {seconds} s"),
        ("info", r"Signal SIGTERM is received\. Operator is stopping\."),
        ("info", rf"Stopped in {seconds} s"),
    )


def test_listings_in_pages_and_of_namespaces_are_logged_as_such(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        server.pods.load(make_pod(f"web-{number}", "team-a") for number in range(120))
        operator = start_operator(server, "-n", "team-a", "-n", "team-b", STREAMING_LIST="false")
        eventually(lambda: operator.pod_count() == 120)
        listed = {message for _, message in lines(operator, "full") if message.startswith("Listed ")}
        assert {re.sub(r"in [\d.]+ s", "in S s", message) for message in listed} == {
            "Listed 120 pods of namespace team-a in S s, in pages (protobuf)",
            "Listed 0 pods of namespace team-b in S s, in pages (protobuf)",
        }
        (level, first), *_ = lines(operator, "full")
        assert level == "info"
        assert re.fullmatch(SUMMARY.format(namespaces="team-a,team-b", authentication="none", tls="off"), first)


def test_the_first_line_names_the_selectors(server: ApiServer, start_operator: StartOperator) -> None:
    operator = start_operator(server, WATCH_LABEL_SELECTOR="app in (a, b)", WATCH_NODE="n1", EXCLUDE_NAMESPACES="ci")
    operator.wait_until_ready()
    assert (
        " namespaces: all; labelSelector: app in (a, b); fieldSelector: spec.nodeName=n1,metadata.namespace!=ci;"
        " lookup keys: uid,"
    ) in operator.log.splitlines()[0]


def test_warnings_and_messages_of_libraries_are_json_too(server: ApiServer, tmp_path: Path) -> None:
    # Without -A, Kopf warns that it will become an error.
    arguments = ("--log-format=json", "tests/integration/saboteur.py")
    with OperatorProcess(tmp_path, server.kubeconfig(), *arguments, environ={"SABOTAGE": "warning"}) as operator:
        operator.wait_until_ready()
        assert operator.stop() == 0
    assert ("error", "sabotage of uvicorn") in lines(operator, "json")
    warnings = [message for level, message in lines(operator, "json") if level == "warn"]
    assert len(warnings) == 4
    assert "UserWarning: sabotage before the start" in warnings[0]
    assert "FutureWarning: Absence of either namespaces or cluster-wide flag" in warnings[1]
    assert "saboteur.py" in warnings[2]
    assert "UserWarning: sabotage" in warnings[2]
    assert warnings[3] == "sabotage of aiohttp"


@pytest.mark.parametrize("log_format", ["json", pytest.param("full", marks=pytest.mark.slow)])
def test_an_access_log_has_a_line_for_every_request(
    log_format: str, server: ApiServer, start_operator: StartOperator
) -> None:
    login = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret"}
    operator = start_operator(server, "-A", *FORMATS[log_format], ACCESS_LOG="true", **login)
    operator.wait_until_ready()
    with socket.create_connection(("127.0.0.1", operator.port), timeout=30) as connection:
        head = b"GET /health%0aforged?x=%1b[2J HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YW5uOnMzY3JldA==\r\n\r\n"
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 404 ")
    operator.get("/api/v1/pod?uid=unknown")
    ready = operator.log.count("GET /ready ")
    operator.get("/ready")
    # The line is written after the response.
    eventually(lambda: operator.log.count("GET /ready ") > ready)
    access = [message for _, message in lines(operator, log_format) if " ms for " in message]
    assert "s3cret" not in operator.log
    assert "YW5uOnMzY3JldA" not in operator.log
    (forged,) = (message for message in access if "forged" in message)
    assert re.fullmatch(r"GET /health%0aforged\?x=%1b\[2J 404 in \d+\.\d ms for 127\.0\.0\.1", forged)
    (rejected,) = (message for message in access if "uid=unknown" in message)
    assert rejected.startswith("GET /api/v1/pod?uid=unknown 401 in ")
    if log_format == "json":
        read = next(read for line in operator.log.splitlines() if "forged" in (read := json.loads(line))["message"])
        assert (read["method"], read["status"], read["client"]) == ("GET", 404, "127.0.0.1")
        assert read["target"] == "/health%0aforged?x=%1b[2J"
        assert 0 <= read["milliseconds"] < 1000
    assert operator.stop() == 0

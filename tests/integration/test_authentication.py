"""Authentication on an operator as its users configure it."""

import base64
import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

LOGIN = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret:word"}
BASIC = f"Basic {base64.b64encode(b'ann:s3cret:word').decode()}"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("# of a node agent\nfirst-t0ken\n")
    return path


@contextlib.contextmanager
def connected(operator: OperatorProcess) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", operator.port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def status(operator: OperatorProcess, path: str, authorization: str = "") -> int:
    with connected(operator) as connection:
        connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
        return connection.getresponse().status


def test_a_broken_token_file_is_logged_within_seconds_without_a_request(
    server: ApiServer, tokens: Path, start_operator: StartOperator
) -> None:
    operator = start_operator(server, AUTH_TOKEN_FILE=str(tokens))
    operator.wait_until_log_says("Listed 0 pods")
    tokens.unlink()
    operator.wait_until_log_says(f"AUTH_TOKEN_FILE {tokens} cannot be read (No such file or directory); the previous")


def test_a_login_and_tokens_that_change_are_accepted_and_no_secret_is_logged(
    server: ApiServer, tokens: Path, start_operator: StartOperator
) -> None:
    uid = server.pods.create(make_pod("web"))["metadata"]["uid"]
    operator = start_operator(server, "-A", "-v", AUTH_TOKEN_FILE=str(tokens), **LOGIN)
    operator.wait_until_ready()
    lookup = f"/api/v1/pod?uid={uid}"
    eventually(lambda: status(operator, lookup, BASIC) == 200)
    assert status(operator, lookup, "Bearer first-t0ken") == 200
    assert status(operator, lookup, "Bearer wrong-t0ken") == 401
    assert [status(operator, path) for path in (lookup, "/health", "/ready")] == [401, 200, 200]

    with connected(operator) as connection:
        connection.request("GET", lookup)
        response = connection.getresponse()
        challenges = response.headers.get_all("WWW-Authenticate")
        assert challenges == ['Basic realm="Restricted"', 'Bearer realm="Restricted"']
        assert (response.headers["Age"], response.read()) == ("0", b'{"error":"Unauthorized"}')

    # The rejected body does not reach the next request of its connection.
    with connected(operator) as connection:
        for authorization, expected in (("", 401), (BASIC, 200)):
            body = b'{"ids": []}' + b" " * 100_000
            headers = {"Authorization": authorization} if authorization else {}
            connection.request("POST", "/api/v1/pods/lookup", body, headers)
            response = connection.getresponse()
            assert (response.status, len(response.read()) > 0) == (expected, True)

    new = tokens.with_name("new")
    new.write_text("second-t0ken\n")
    new.rename(tokens)
    eventually(lambda: status(operator, lookup, "Bearer second-t0ken") == 200)
    assert status(operator, lookup, "Bearer first-t0ken") == 401
    assert "AUTH_TOKEN_FILE reloaded; tokens: 1" in operator.log

    assert "; authentication: password or token; TLS: off\n" in operator.log
    assert operator.stop() == 0
    for secret in ("s3cret", "t0ken", BASIC.split()[1]):
        assert secret not in operator.log


@pytest.mark.parametrize(
    ("environ", "error"),
    [
        ({"AUTH_TOKEN_FILE": "/no/tokens"}, "AUTH_TOKEN_FILE /no/tokens cannot be read (No such file or directory)"),
        pytest.param(
            {"BASIC_AUTH_PASSWORD": "s3cret"},
            "BASIC_AUTH_USERNAME must be set too, as BASIC_AUTH_PASSWORD is",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_unusable_settings_end_the_process_with_one_line_that_names_them(
    environ: dict[str, str], error: str, server: ApiServer, start_operator: StartOperator
) -> None:
    operator = start_operator(server, **environ)
    assert operator.wait_for_exit() == 1
    (line,) = operator.log.splitlines()
    assert line.endswith(f" {error}")

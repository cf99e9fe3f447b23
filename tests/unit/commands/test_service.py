"""What the smoke test says of services that cannot be asked."""

import socket
import threading
import time
from pathlib import Path

import pytest

from tests.commands.programs import CommandFailed
from tests.commands.service import Service, authorization_of
from tests.support.operator_process import free_port
from tests.unit.commands.answers import Answers
from tests.unit.commands.repository import Repository, failure

UNREACHABLE = "start pod-index, or forward a port to it with kubectl port-forward"


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://localhost", "http://", "http://localhost:http", "http://a b", "http://[", ""]
)
def test_what_is_no_url_of_a_service_is_told(url: str, repository: Repository) -> None:
    assert failure(repository.run("smoke", url)) == f"{url!r} is not a URL as http://localhost:8080 is"


def test_nothing_that_listens_is_told(repository: Repository) -> None:
    url = f"http://localhost:{free_port()}"
    assert failure(repository.run("smoke", url)) == f"{url} does not answer (Connection refused): {UNREACHABLE}"
    assert "does not answer (" in failure(repository.run("smoke", "http://nowhere.invalid"))


def test_something_else_that_listens_is_told(repository: Repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=(listener,), daemon=True).start()
        line = failure(repository.run("smoke", f"http://127.0.0.1:{listener.getsockname()[1]}"))
    assert "does not answer (SSH-2.0-server): " in line


def greet(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(b"SSH-2.0-server\r\n")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_service_that_hangs_or_does_not_end_is_not_waited_for(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.commands.service.TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, answer))
        thread.start()
        service = Service(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(CommandFailed, match=r"does not answer \((timed out|the answer does not end)\)"):
            service.ask("/health")
        thread.join()


def drip(listener: socket.socket, answer: bytes) -> None:
    """Send the answer, if there is one without an end; else nothing, until the client leaves."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(1024)
        try:
            connection.sendall(answer)
            while answer:
                connection.sendall(b".")
                time.sleep(0.05)
            connection.recv(1)
        except OSError:
            return


def test_a_proxy_is_not_asked_about_this_machine(
    service: Answers, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    assert repository.run("smoke", service.url, http_proxy=proxy).returncode == 0
    monkeypatch.setenv("http_proxy", service.url)
    assert Service("http://elsewhere.invalid").ask("/health").status == 200, "the proxy has answered"


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({}, None),
        ({"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3:cret"}, "Basic YW5uOnMzOmNyZXQ="),
        ({"BASIC_AUTH_USERNAME": "ann"}, None),
        ({"AUTH_TOKEN_FILE": "tokens"}, "Bearer t0ken"),
        ({"AUTH_TOKEN_FILE": "tokens", "BASIC_AUTH_USERNAME": "a", "BASIC_AUTH_PASSWORD": "b"}, "Basic YTpi"),
    ],
)
def test_the_settings_tell_what_lets_in(
    environ: dict[str, str], header: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokens").write_text("# mine\n\n t0ken\nother\n")
    assert authorization_of(environ) == header


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read (No such file or directory)"), ("# none\n", "has no token"), ("t\x07", "has no token")],
)
def test_a_token_file_without_a_token_is_told(content: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CommandFailed) as caught:
        authorization_of({"AUTH_TOKEN_FILE": str(path)})
    assert str(caught.value) == f"AUTH_TOKEN_FILE {path} {says}"


def test_a_long_answer_is_shown_in_part(service: Answers) -> None:
    service.wrong["GET /health"] = (200, "long\n" * 1000, {})
    told = str(Service(service.url).ask("/health"))
    assert told.endswith("...")
    assert len(told) < 400
    assert "\n" not in told

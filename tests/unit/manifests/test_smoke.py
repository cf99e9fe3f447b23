"""The smoke test on a service that gives wrong answers; ``tests/integration`` has the real one."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.operator_process import free_port
from tests.unit.manifests.sandbox import Sandbox

POD = {"uid": "1", "name": "web", "namespace": "shop", "nodeName": "node-1", "phase": "Running"}
RECORD = json.dumps(POD, separators=(",", ":"))
LISTED = {"metadata": {"uid": "1", "name": "web", "namespace": "shop"}, "spec": {"nodeName": "node-1"}}


class Service(ThreadingHTTPServer):
    """Answers as pod-index with one pod does, except for the requests in ``wrong``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.wrong: dict[str, tuple[int, str, dict[str, str]]] = {}

    def answer(self, method: str, path: str) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers."""
        path, _, query = path.partition("?")
        if wrong := self.wrong.get(f"{method} {path}"):
            return wrong
        if method == "POST":
            return 405, '{"error":"Method not allowed"}', {"Allow": "GET, HEAD"}
        if path in ("/health", "/ready"):
            return 200, {"/health": '{"status":"healthy"}', "/ready": '{"status":"ready","podCount":1}'}[path], {}
        if path != "/api/v1/pod":
            return 404, '{"error":"not found"}', {}
        if not query:
            return 400, '{"error":"uid parameter is required"}', {}
        if len(query) > len("uid=1") and query.startswith("uid="):
            return 404, f'{{"error":"pod with UID {query.removeprefix("uid=")} not found"}}', {}
        return 200, RECORD, {"Age": "0"}


class Handler(BaseHTTPRequestHandler):
    """Passes requests to the service."""

    server: Service

    def do_GET(self) -> None:
        """Answer."""
        status, body, headers = self.server.answer(self.command, self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        """Answer too."""
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def install_kubectl(sandbox: Sandbox, *listed: Any, uid_now: str = "1") -> None:
    """A kubectl that lists pods, and that finds a pod with this UID when it is asked for one."""
    (sandbox.folder / "listed").write_text(json.dumps({"items": listed}))
    sandbox.install("kubectl", f'[ "$2" = pod ] && printf %s "{uid_now}" || cat listed')


def test_a_service_that_answers_right_passes(service: Service, sandbox: Sandbox) -> None:
    install_kubectl(sandbox, LISTED)
    *checks, summary = sandbox.succeed("smoke.py", service.url).splitlines()
    assert checks[:2] == [
        'ok   GET /health: 200 {"status":"healthy"}',
        'ok   GET /ready: 200 {"status":"ready","podCount":1}',
    ]
    queries = ("uid=1", "namespace=shop&name=web", "id=shop/web")
    assert checks[-3:] == [f"ok   GET /api/v1/pod?{query}: 200 {RECORD}" for query in queries]
    assert summary == f"All 11 checks of {service.url} passed."


@pytest.mark.parametrize(
    ("request_line", "answer", "failures"),
    [
        ("GET /health", (200, '{"status":"ok"}', {}), 1),
        ("GET /health", (302, "", {"Location": "/ready"}), 1),
        ("GET /ready", (200, '{"status":"ready","podCount":-1}', {}), 1),
        ("GET /no/such/path", (404, "<h1>Not Found</h1>", {}), 1),
        ("POST /ready", (405, '{"error":"Method not allowed"}', {}), 1),
        ("GET /api/v1/pod", (200, RECORD, {}), 5),
        ("GET /api/v1/pod", (200, RECORD.replace("node-1", "node-2"), {"Age": "0"}), 5),
    ],
)
def test_a_wrong_answer_fails(
    request_line: str, answer: tuple[int, str, dict[str, str]], failures: int, service: Service, sandbox: Sandbox
) -> None:
    install_kubectl(sandbox, LISTED)
    service.wrong[request_line] = answer
    done = sandbox.run("smoke.py", service.url)
    assert (done.returncode, done.stderr) == (1, f"{failures} of 11 checks of {service.url} failed\n")
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert len(lines) == failures
    for line in lines:
        assert line.startswith(f"FAIL {request_line}")
        assert ": expected " in line
        assert line.endswith(f", got {answer[0]} {answer[1]}")


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        (None, "cannot run kubectl"),
        ([], "kubectl finds no running pod in a b"),
        ([LISTED | {"metadata": {"uid": "gone", "name": "web", "namespace": "shop"}}], "kubectl finds no running pod"),
        ([LISTED | {"metadata": {"deletionTimestamp": "2025-06-01T08:00:00Z"}}], "kubectl finds no running pod"),
    ],
)
def test_a_lookup_that_proves_nothing_is_skipped(
    listed: list[Any] | None, reason: str, service: Service, sandbox: Sandbox
) -> None:
    if listed is not None:
        install_kubectl(sandbox, *listed, uid_now="")
    output = sandbox.succeed("smoke.py", service.url, "--namespace=a b")
    assert f"skip lookups: {reason}" in output
    assert "All 8 checks" in output
    if listed is not None:
        assert sandbox.calls()[0][3].startswith("/api/v1/namespaces/a%20b/pods?")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://", "http://localhost:http", "http://["])
def test_a_url_that_is_not_valid_is_one_line(url: str, sandbox: Sandbox) -> None:
    assert sandbox.fail("smoke.py", url) == f"{url!r} is not a URL such as http://localhost:8080"


def test_a_service_that_does_not_answer_is_one_line(sandbox: Sandbox) -> None:
    url = f"http://localhost:{free_port()}"
    line = sandbox.fail("smoke.py", url)
    assert line.startswith(f"{url} does not answer (Connection refused): start pod-index, or run kubectl port-forward")


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot read AUTH_TOKEN_FILE"), ("# none\n", "has no token")])
def test_a_token_file_without_a_token_is_one_line(content: str | None, reason: str, sandbox: Sandbox) -> None:
    if content is not None:
        (sandbox.folder / "tokens").write_text(content)
    assert reason in sandbox.fail("smoke.py", AUTH_TOKEN_FILE="tokens")

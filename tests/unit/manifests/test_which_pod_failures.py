"""What the kubectl plugin says about failures, with kubectl on a stand-in for the API server."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.apiserver import ApiServer
from tests.apiserver.kubeconfig import kubeconfig
from tests.unit.manifests.sandbox import ROOT

PLUGIN = ROOT / "manifests/scripts/kubectl-which_pod"
pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

SERVICE_PATH = "/api/v1/namespaces/default/services/pod-index"
PROXY = "/api/v1/namespaces/default/services/http:pod-index:http/proxy"
SERVICE = "service pod-index in the namespace default"
FORWARD = (
    "run kubectl port-forward -n default service/pod-index 8080:80, and curl 'http://localhost:8080/api/v1/pod?id=U'"
)

Answer = tuple[int, str, str]
"""A status, a media type and a body."""


@pytest.fixture
def answers() -> dict[str, Answer]:
    """The answers of the stand-in for the API server, by path; any other request gets the one for the empty path."""
    return {}


@pytest.fixture
def hints() -> list[str]:
    """The hint of pod-index, if there is one."""
    return []


@pytest.fixture
def api_server(answers: dict[str, Answer], hints: list[str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A stand-in for the API server; the environment of kubectl for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, media_type, body = answers.get(self.path.partition("?")[0], answers[""])
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            if hints:
                self.send_header("Warning", f'299 - "{hints[-1]}"')
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = tmp_path / "kubeconfig"
        config.write_text(kubeconfig(f"http://127.0.0.1:{server.server_port}", b"", {"token": "t"}))
        (tmp_path / "kubectl-which_pod").symlink_to(PLUGIN)
        path = f"{tmp_path}:{os.environ['PATH']}"
        yield {"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": str(config)}
        server.shutdown()


def status(code: int, reason: str, message: str) -> Answer:
    """An error of the API server."""
    content = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return code, "application/json", json.dumps(content | {"message": message, "reason": reason, "code": code})


def error(code: int, message: str) -> Answer:
    """An error of pod-index."""
    return code, "application/json", json.dumps({"error": message})


HTTPS_ONLY = (400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n")
OK = (200, "application/json", '{"status":"healthy"}')


UNAUTHORIZED = status(401, "Unauthorized", "Unauthorized")
NO_RIGHTS = (
    'services "http:pod-index:http" is forbidden: User "ann" cannot get resource "services/proxy" in API group ""'
    ' in the namespace "default"'
)
UNUSABLE = (
    f"the API server cannot use the {SERVICE}; a network policy, TLS or a proxy is in its way: {FORWARD} (with https,"
    " if that is what it speaks)"
)
LOG_IN = (
    "pod-index needs a token or password, which the API server does not pass on:"
    f" {FORWARD} -H 'Authorization: Bearer TOKEN'"
)
UNKNOWN_CAUSE = (
    f"there is no {SERVICE}, it has no pod that is ready, or it has a port for HTTPS only: give another namespace with"
    " -n, or ask those who run pod-index"
)
NOT_FOUND = "Error from server (NotFound): the server could not find the requested resource"
SPELLINGS = "a UID, a cgroup or log path, a container ID, an IP, or NAMESPACE/NAME"

FAILURES: list[tuple[Answer, Answer, str]] = [
    (
        status(503, "ServiceUnavailable", 'no endpoints available for service "pod-index"'),
        status(404, "NotFound", 'services "pod-index" not found'),
        f"there is no {SERVICE}: give another namespace with -n, or deploy pod-index",
    ),
    (
        status(503, "ServiceUnavailable", 'no endpoints available for service "pod-index"'),
        status(403, "Forbidden", 'services "pod-index" is forbidden: User "ann" cannot get resource "services"'),
        UNKNOWN_CAUSE,
    ),
    (
        status(403, "Forbidden", NO_RIGHTS),
        OK,
        f"you may not get services/proxy in the namespace default: ask for this right, or {FORWARD}",
    ),
    (
        status(404, "NotFound", 'endpoints "pod-index" not found'),
        OK,
        f"the {SERVICE} has no pod that is ready: see kubectl get pods -n default -l app=pod-index",
    ),
    (
        status(503, "ServiceUnavailable", 'no endpoints available for service "http:pod-index:http"'),
        (200, "application/json", '{"kind":"Service","spec":{"ports":[{"name":"https","port":443}]}}'),
        f"the {SERVICE} has a port for HTTPS only, which the API server cannot use: {FORWARD}".replace(
            "service/pod-index 8080:80", "deployment/pod-index 8080:8080"
        ),
    ),
    (
        status(503, "ServiceUnavailable", "error trying to reach service: dial tcp 10.0.0.1:8080: i/o timeout"),
        OK,
        UNUSABLE,
    ),
    (HTTPS_ONLY, HTTPS_ONLY, UNUSABLE),
    (
        error(404, "pod with UID U not found"),
        OK,
        "pod-index does not know the pod; add --deleted if it may have been deleted some minutes ago",
    ),
    (
        error(404, "not found"),
        error(404, "not found"),
        f"the answer is not that of pod-index: {NOT_FOUND}",
    ),
    (error(409, "UID U is that of 3 pods"), OK, "several pods match: give a whole container ID, or NAMESPACE/NAME"),
    (error(400, "id 'U' is not an identifier of a pod"), OK, f"this is no identifier of a pod: give {SPELLINGS}"),
    (error(503, "cache not synced"), OK, "pod-index has not synced yet: try again in some seconds"),
    (error(401, "Unauthorized"), OK, LOG_IN),
    ((401, "text/plain", "Unauthorized\n"), OK, LOG_IN),
    (UNAUTHORIZED, UNAUTHORIZED, "error: You must be logged in to the server (Unauthorized)"),
]
"""The answer to the lookup, the answer to the probe or to a request for the service, and the message of the plugin."""


def which_pod(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["kubectl", "which-pod", *arguments], env=environ, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("answer", "probe", "message"), FAILURES)
def test_the_plugin_names_the_cause_and_the_remedy(
    answer: Answer, probe: Answer, message: str, answers: dict[str, Answer], api_server: dict[str, str]
) -> None:
    answers |= {"": answer, f"{PROXY}/health": probe, SERVICE_PATH: probe}
    done = which_pod(api_server, "U")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"kubectl which-pod: {message}\n")


def test_a_hint_of_pod_index_is_printed(
    answers: dict[str, Answer], hints: list[str], api_server: dict[str, str]
) -> None:
    answers |= {"": error(400, "id 'web-1' is not an identifier of a pod"), f"{PROXY}/health": OK}
    hints.append("a name needs its namespace, for example shop/web-1")
    done = which_pod(api_server, "web-1")
    hint, message = done.stderr.splitlines()
    assert (done.returncode, done.stdout, hint) == (1, "", f"Warning: {hints[0]}")
    assert message == f"kubectl which-pod: this is no identifier of a pod: give {SPELLINGS}"


def test_kubectl_runs_the_plugin(answers: dict[str, Answer], api_server: dict[str, str]) -> None:
    answers |= {"": error(404, "not found"), f"{PROXY}/api/v1/pod": (200, "application/json", '{"uid":"a"}\n')}
    done = which_pod(api_server, "-o", "json", "--", "-x")
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"uid":"a"}\n', "")


def test_the_small_api_server_gets_the_request_for_the_service(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    with ApiServer(tls=True) as server:
        config.write_text(server.kubeconfig())
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(config)}
        done = subprocess.run(
            [str(PLUGIN), "-n", "tools", "a/b"], env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1
        assert done.stderr.startswith("kubectl which-pod: the answer is not that of pod-index: ")
        path = "/api/v1/namespaces/tools/services/http:pod-index:http/proxy/api/v1/pod"
        assert [request.query for request in server.requests if request.path == path] == [{"id": "a/b"}]

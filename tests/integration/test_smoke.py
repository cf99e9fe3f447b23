"""The smoke test, as its users run it, on the operator and the API server that it watches."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, free_port
from tests.support.polling import eventually

ROOT = Path(__file__).parents[2]
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(tls=True) as server:  # kubectl sends no token without TLS
        yield server


def smoke(
    url: str | OperatorProcess,
    *arguments: str,
    server: ApiServer | None = None,
    folder: Path = ROOT,
    variables: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run it; with a kubeconfig for ``server``, written to ``folder``, if there is one."""
    environ = {**os.environ, "KUBECONFIG": "/no/kubeconfig", **(variables or {})}
    if server is not None:
        (folder / "smoke.kubeconfig").write_text(server.kubeconfig())
        environ["KUBECONFIG"] = str(folder / "smoke.kubeconfig")
    if isinstance(url, OperatorProcess):
        url = f"http://127.0.0.1:{url.port}"
    command = [sys.executable, "-m", "tests.commands", "smoke", url, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=90)


def running(server: ApiServer, name: str, namespace: str = "default") -> str:
    """Make a pod that runs; return its UID."""
    server.pods.load([make_pod(name, namespace, node="node-1", ip="10.244.0.7", phase="Running")])
    uid: str = server.pods.get(namespace, name)["metadata"]["uid"]
    return uid


@needs_kubectl
def test_a_running_operator_passes(server: ApiServer, start_operator: StartOperator, tmp_path: Path) -> None:
    server.pods.create(make_pod("pending"))
    uid = running(server, "web", "shop")
    done = smoke(start_and_listen(server, start_operator), server=server, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    *checks, summary = done.stdout.splitlines()
    assert all(check.startswith("ok   ") for check in checks)
    assert 'ok   GET /ready is 200 {"status":"ready","podCount":2}' in checks
    by_uid, age, by_name, by_id = checks[-4:]
    pod = f'is 200 {{"uid":"{uid}","name":"web"'
    assert by_uid.startswith(f"ok   GET /api/v1/pod?uid={uid} {pod}")
    assert re.fullmatch(rf"ok   the Age of GET /api/v1/pod\?uid={uid} is [0-9]+", age)
    assert by_name.startswith(f"ok   GET /api/v1/pod?namespace=shop&name=web {pod}")
    assert by_id.startswith(f"ok   GET /api/v1/pod?id=shop/web {pod}")
    assert summary.startswith("All 12 checks of ")


@needs_kubectl
def test_an_operator_without_lookups_by_name_passes(
    server: ApiServer, start_operator: StartOperator, tmp_path: Path
) -> None:
    running(server, "web", "shop")
    operator = start_operator(server, LOOKUP_KEYS="uid")
    operator.wait_until_ready()
    done = smoke(operator, server=server, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    refusal = '400 {"error":"lookups by name are switched off by LOOKUP_KEYS"}'
    assert f"skip the lookups by name: {refusal}\nAll 10 checks of " in done.stdout


def start_and_listen(server: ApiServer, start_operator: StartOperator, *arguments: str) -> OperatorProcess:
    operator = start_operator(server, *arguments)
    operator.wait_until_listening()
    return operator


def test_it_waits_for_the_first_sync(server: ApiServer, start_operator: StartOperator) -> None:
    server.faults.add(Fault(status=503, times=3))
    done = smoke(start_and_listen(server, start_operator), server=None)
    assert done.returncode == 0, done.stdout
    assert "skip a lookup: " in done.stdout


@needs_kubectl
def test_an_operator_of_one_namespace_passes_with_a_pod_of_it(
    server: ApiServer, start_operator: StartOperator, tmp_path: Path
) -> None:
    uid = running(server, "seen", "team-a")
    running(server, "unseen", "default")
    operator = start_and_listen(server, start_operator, "-n", "team-a")
    done = smoke(operator, "--namespace=team-a", server=server, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"GET /api/v1/pod?uid={uid} is 200" in done.stdout
    done = smoke(operator, server=server, folder=tmp_path)
    assert done.returncode == 1
    assert "Is default watched? --namespace names another." in done.stdout
    assert done.stderr.startswith("1 of 9 checks of ")


@needs_kubectl
def test_a_pod_can_be_named_by_hand(server: ApiServer, operator: OperatorProcess, tmp_path: Path) -> None:
    uid = running(server, "web")
    eventually(lambda: operator.lookup(uid))
    done = smoke(operator, f"--uid={uid}", server=server, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "All 13 checks of " in done.stdout, "it is compared with kubectl too"
    server.pods.delete("default", "web")
    eventually(lambda: operator.lookup(uid) is None)
    done = smoke(operator, f"--uid={uid}", server=server, folder=tmp_path)
    assert f"expected 200 and the pod {uid}, got 404 " in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("way", ["login", "token"])
def test_who_is_let_in_is_told_by_the_settings_of_the_service(
    way: str, server: ApiServer, start_operator: StartOperator, tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_text("# the first\nfirst-t0ken\nsecond\n")
    settings = {
        "login": {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret"},
        "token": {"AUTH_TOKEN_FILE": str(tmp_path / "tokens")},
    }[way]
    operator = start_operator(server, **settings)
    operator.wait_until_ready()
    done = smoke(operator, variables=settings)
    assert done.returncode == 0, done.stdout
    assert "401" not in done.stdout
    done = smoke(operator)
    assert 'got 401 {"error":"Unauthorized"}' in done.stdout
    assert done.returncode == 1


def test_nothing_that_listens_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = smoke(url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{url} does not answer (Connection refused): start pod-index")
    assert len(done.stderr.splitlines()) == 1


def test_another_service_fails_its_checks() -> None:
    with ApiServer() as other:
        done = smoke(other.url)
    assert done.returncode == 1
    assert "FAIL GET /health: expected 200 " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr

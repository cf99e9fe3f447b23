"""The smoke test, as its users run it, on the operator and the API server that it watches."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess

ROOT = Path(__file__).parents[2]
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

Smoke = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs the smoke test on an operator, with arguments and environment variables."""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(tls=True) as server:  # kubectl sends no token without TLS
        yield server


@pytest.fixture
def smoke(server: ApiServer, tmp_path: Path) -> Smoke:
    kubeconfig = tmp_path / "smoke.kubeconfig"
    kubeconfig.write_text(server.kubeconfig())

    def smoke(operator: OperatorProcess, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "manifests/scripts/smoke.py", f"http://127.0.0.1:{operator.port}", *arguments]
        environ = {**os.environ, "KUBECONFIG": str(kubeconfig), **environ}
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=90)

    return smoke


def running(server: ApiServer, name: str, namespace: str) -> str:
    """Make a pod that runs; return its UID."""
    server.pods.load([make_pod(name, namespace, node="node-1", ip="10.244.0.7", phase="Running")])
    uid: str = server.pods.get(namespace, name)["metadata"]["uid"]
    return uid


@needs_kubectl
def test_an_operator_passes_once_it_is_synced_with_either_of_its_credentials(
    server: ApiServer, start_operator: StartOperator, smoke: Smoke, tmp_path: Path
) -> None:
    server.pods.create(make_pod("pending"))
    uid = running(server, "web", "shop")
    (tmp_path / "tokens").write_text("# the first\nfirst-t0ken\nsecond\n")
    token = {"AUTH_TOKEN_FILE": str(tmp_path / "tokens")}
    login = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret"}
    server.faults.add(Fault(status=503, times=3))
    operator = start_operator(server, **token, **login)
    operator.wait_until_listening()

    for credentials in (token, login):
        done = smoke(operator, **credentials)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        *checks, summary = done.stdout.splitlines()
        assert all(check.startswith("ok   ") for check in checks)
        assert 'ok   GET /ready: 200 {"status":"ready","podCount":2}' in checks
        for check, query in zip(checks[-3:], (f"uid={uid}", "namespace=shop&name=web", "id=shop/web"), strict=True):
            assert check.startswith(f'ok   GET /api/v1/pod?{query}: 200 {{"uid":"{uid}","name":"web"')
        assert summary.startswith("All 11 checks of ")

    done = smoke(operator)
    assert done.returncode == 1
    assert 'got 401 {"error":"Unauthorized"}' in done.stdout

    done = smoke(operator, **login, KUBECONFIG="/no/kubeconfig")
    assert done.returncode == 0, done.stdout
    assert "skip lookups: kubectl get failed: " in done.stdout


@pytest.mark.slow
@needs_kubectl
def test_an_operator_of_one_namespace_without_lookups_by_name_passes_with_a_pod_of_it(
    server: ApiServer, start_operator: StartOperator, smoke: Smoke
) -> None:
    uid = running(server, "seen", "team-a")
    running(server, "unseen", "default")
    operator = start_operator(server, "-n", "team-a", LOOKUP_KEYS="uid")
    operator.wait_until_ready()

    done = smoke(operator, "--namespace=team-a")
    assert done.returncode == 0, done.stdout
    assert f"ok   GET /api/v1/pod?uid={uid}: 200 " in done.stdout
    refusal = '400 {"error":"lookups by name are switched off by LOOKUP_KEYS"}'
    assert f"skip GET /api/v1/pod?namespace=team-a&name=seen: {refusal}\n" in done.stdout

    done = smoke(operator, NAMESPACE="default")
    assert done.returncode == 1
    assert "is the namespace watched? See --namespace." in done.stdout
    assert done.stderr.startswith("1 of 9 checks of ")

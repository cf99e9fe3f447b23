"""kubectl, the client of a person who looks at the server."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, Rule, make_pod, realistic_pod
from tests.support.polling import eventually

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(tls=True) as running:
        yield running


@pytest.fixture
def environment(server: ApiServer, tmp_path: Path) -> dict[str, str]:
    """An environment for kubectl with this server only, and without the configuration of the user."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(server.kubeconfig())
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}


@pytest.fixture
def kubectl(environment: dict[str, str]) -> Kubectl:
    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_kubectl_prints_pods(server: ApiServer, kubectl: Kubectl) -> None:
    pod = realistic_pod(0)
    server.pods.create(pod)
    server.pods.create(make_pod("web", "b"))
    result = kubectl("get", "pods", "-A")
    header, first, second = result.stdout.splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert first.split()[:5] == ["b", "web", "0/1", "Pending", "0"]
    assert second.split()[:5] == ["team-0", pod["metadata"]["name"], "3/3", "Running", "0"]
    assert kubectl("get", "pod", "web", "-n", "b", "--no-headers").stdout.split()[0] == "web"


def test_kubectl_gets_json(server: ApiServer, kubectl: Kubectl) -> None:
    created = server.pods.create(make_pod("web"))
    assert json.loads(kubectl("get", "pod", "web", "-o", "json").stdout) == created
    listed = json.loads(kubectl("get", "pods", "-o", "json", "--chunk-size=1").stdout)
    assert listed["items"] == [created]


def test_kubectl_creates_and_deletes(server: ApiServer, kubectl: Kubectl) -> None:
    created = kubectl("create", "-f", "-", stdin=json.dumps(make_pod("web", node="node-1")))
    assert (created.stdout, created.stderr) == ("pod/web created\n", "")
    assert kubectl("label", "pod", "web", "app=web").stdout == "pod/web labeled\n"
    assert server.pods.get("default", "web")["metadata"]["labels"] == {"app": "web"}
    # kubectl waits for the end of the pod with a watch.
    assert kubectl("delete", "pod", "web").stdout.startswith('pod "web" deleted')
    assert len(server.pods) == 0


def test_kubectl_watches(server: ApiServer, environment: dict[str, str], tmp_path: Path) -> None:
    server.pods.create(make_pod("web"))
    printed = tmp_path / "printed"
    command = ["kubectl", "get", "pods", "-A", "-w", "--output-watch-events"]
    with printed.open("w") as stdout, subprocess.Popen(command, env=environment, stdout=stdout) as process:
        try:
            eventually(lambda: server.open_watches == 1)
            server.pods.create(make_pod("api"))
            server.pods.delete("default", "web")
            eventually(lambda: len(printed.read_text().splitlines()) == 4)
        finally:
            process.terminate()
    events = [line.split()[0:3:2] for line in printed.read_text().splitlines()]
    assert events == [["EVENT", "NAME"], ["ADDED", "web"], ["ADDED", "api"], ["DELETED", "web"]]


def test_kubectl_explains_what_is_forbidden(server: ApiServer, kubectl: Kubectl, environment: dict[str, str]) -> None:
    token = server.access.issue_token("reader", [Rule(["get"])])
    Path(environment["KUBECONFIG"]).write_text(server.kubeconfig(token))
    result = kubectl("get", "pods")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        'Error from server (Forbidden): pods is forbidden: User "reader" cannot list resource "pods" '
        'in API group "" in the namespace "default"'
    )

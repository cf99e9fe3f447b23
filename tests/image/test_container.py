"""The image as a container: with the rights and files of a pod, and with a kubeconfig."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver import ApiServer, Rule, make_pod
from tests.image.conftest import ROOT
from tests.image.engine import Container, Engine
from tests.support.operator_process import expected_record, free_port
from tests.support.polling import DEADLINE_SECONDS, eventually

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
LIVENESS = "http://127.0.0.1:8081/healthz"
DRAIN_SECONDS = 2


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(tls=True) as server:
        yield server


@pytest.fixture
def service_account(server: ApiServer, tmp_path: Path) -> dict[Path, str]:
    """The files that the kubelet mounts into a pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    token = server.access.issue_token("pod-index", [Rule(["get", "list", "watch"], ["pods"])])
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(server.ca_pem)
    (folder / "namespace").write_text("default")
    return {folder: SERVICE_ACCOUNT}


def get(url: str) -> tuple[int, Any]:
    """Return the status and the decoded body; 0 and None if nothing listens."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, None


def log_lines(container: Container) -> list[dict[str, str]]:
    """Return the log; each line must be a JSON object."""
    return [json.loads(line) for line in container.log.splitlines()]


def test_in_a_cluster_it_needs_no_right_but_pods_and_no_file_to_write(
    engine: Engine, image: str, server: ApiServer, service_account: dict[Path, str]
) -> None:
    pods = [server.pods.create(make_pod(f"web-{number}")) for number in range(3)]
    port = free_port()
    environ = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.port),
        "PORT": str(port),
        "SHUTDOWN_DRAIN_SECONDS": str(DRAIN_SECONDS),
    }
    url = f"http://127.0.0.1:{port}"
    version = engine.inspect(image)["Config"]["Labels"]["org.opencontainers.image.version"]
    begun = time.monotonic()
    with Container(engine, image, environ=environ, mounts=service_account) as container:
        eventually(lambda: get(f"{url}/ready") == (200, {"status": "ready", "podCount": 3}))
        print(f"from podman run to ready: {time.monotonic() - begun:.2f} s")  # noqa: T201 - a figure of the run, shown by pytest -rP
        for pod in pods:
            assert get(f"{url}/api/v1/pod?uid={pod['metadata']['uid']}") == (200, expected_record(pod))
        added = server.pods.create(make_pod("late"))
        eventually(lambda: get(f"{url}/api/v1/pod?uid={added['metadata']['uid']}") == (200, expected_record(added)))
        assert get(f"{url}/health") == (200, {"status": "healthy"})
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
            assert f'version="{version}"' in re.findall("^pod_index_build_info{.*}", response.read().decode(), re.M)[0]
        status, liveness = get(LIVENESS)
        assert (status, liveness["pods"], liveness["synced"]) == (200, 4, True)

        process = Path(f"/proc/{container.pid}")
        fields = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        assert fields["Uid"].split() == fields["Gid"].split() == ["65534"] * 4
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
        print(f"resident: {int(fields['VmRSS'].split()[0]) / 1000:.0f} MB")  # noqa: T201 - a figure of the run, shown by pytest -rP
        with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
            (process / "root" / "app" / "x").touch()

        container.signal(signal.SIGTERM)
        eventually(lambda: get(f"{url}/ready") == (503, {"error": "shutting down"}))
        assert get(f"{url}/api/v1/pod?uid={added['metadata']['uid']}")[0] == 200
        stopping = time.monotonic()
        assert container.wait() == 0
        deployment = yaml.safe_load((ROOT / "manifests/deployment.yaml").read_text())
        assert time.monotonic() - stopping < deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert {line["severity"] for line in log_lines(container)} == {"info"}


def kubeconfig(server: ApiServer, tmp_path: Path, owner: int) -> dict[Path, str]:
    """Write a kubeconfig that only its owner can read, as kubectl does."""
    path = tmp_path / "config"
    path.write_text(server.kubeconfig())
    path.chmod(0o600)
    os.chown(path, owner, owner)
    return {path: "/kubeconfig"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_container_command_runs_it_on_a_kubeconfig_that_only_its_owner_may_read(
    engine: Engine, image: str, server: ApiServer, tmp_path: Path
) -> None:
    server.pods.create(make_pod("web"))
    port = free_port()
    (path,) = kubeconfig(server, tmp_path, os.getuid())
    environ = {"KUBECONFIG": str(path), "PORT": str(port), "SHUTDOWN_DRAIN_SECONDS": "0", "IMAGE": image}
    # Arguments after the image go to Kopf.
    command = (sys.executable, "manifests/scripts/image.py", "run", "--log-format=plain")
    environ = {**engine.environ, **environ, "CONTAINER_ENGINE": "podman"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        eventually(lambda: get(f"http://127.0.0.1:{port}/ready") == (200, {"status": "ready", "podCount": 1}))
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=DEADLINE_SECONDS)[0].decode()
    assert process.returncode == 0, output
    assert f"Listening on port {port}\n" in output


def test_an_unreadable_kubeconfig_is_one_line_and_exit_code_1(
    engine: Engine, image: str, server: ApiServer, tmp_path: Path
) -> None:
    environ = {"KUBECONFIG": "/kubeconfig", "PORT": str(free_port())}
    with Container(engine, image, environ=environ, mounts=kubeconfig(server, tmp_path, 1000)) as container:
        assert container.wait() == 1
        (line,) = log_lines(container)
        assert "cannot read kubeconfig /kubeconfig (Permission denied)" in line["message"]


def test_a_kubeconfig_with_a_token_needs_no_folder_to_write(
    engine: Engine, image: str, server: ApiServer, tmp_path: Path
) -> None:
    port = free_port()
    environ = {"KUBECONFIG": "/kubeconfig", "PORT": str(port)}
    mounts = kubeconfig(server, tmp_path, 1000)
    with Container(engine, image, environ=environ, mounts=mounts, options=("--user=1000:1000",)):
        eventually(lambda: get(f"http://127.0.0.1:{port}/ready")[0] == 200)

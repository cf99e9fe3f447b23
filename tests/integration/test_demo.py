"""The demo, as newcomers run it."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import OPERATOR, section
from tests.support.operator_process import free_port
from tests.support.polling import DEADLINE_SECONDS, eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def demo(port: str, folder: Path, *arguments: str, wrapper: Sequence[str] = ()) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo in a process group of its own, with its temporary files in ``folder``."""
    environ = {**os.environ, "PORT": port, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [*wrapper, sys.executable, "-m", "tests.demo", *arguments],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def left_behind(port: int, folder: Path) -> list[str]:
    """Return the temporary files, and the port if a process listens on it."""
    with socket.socket() as connection:
        listens = connection.connect_ex(("127.0.0.1", port)) == 0
    return [path.name for path in folder.iterdir()] + [str(port)] * listens


def consecutive_ports(number: int) -> range:
    """Return ports that are free now, one after the other."""
    while True:
        ports = range(first := free_port(), first + number)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in ports:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return ports


def read_until(pattern: str, process: "subprocess.Popen[str]") -> str:
    """Read the output of the demo until it matches; return it."""
    assert process.stdout is not None
    output = ""
    while not re.search(pattern, output):
        line = process.stdout.readline()
        assert line, f"the demo has ended:\n{output}"
        output += line
    return output


def curl(url: str) -> Any:
    """Return the JSON that ``curl`` prints."""
    with urllib.request.urlopen(url) as answer:
        return json.loads(answer.read())


def test_its_commands_work_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    port = free_port()
    with demo(str(port), tmp_path) as process:
        output = read_until(r"created +(shop|batch)/\S+ +[0-9a-f-]{36}\n", process)
        by_uid, by_cgroup, by_ip, of_node = re.findall(r"curl '(http\S+)'", output)
        pod = curl(by_uid)
        assert pod["uid"] in by_uid
        assert pod["phase"] == "Running"
        assert f"/pod{pod['uid']}/" in by_cgroup
        assert curl(by_cgroup) == pod
        assert curl(by_ip) == pod
        assert pod in curl(of_node)["pods"]
        container = by_cgroup.rpartition("/")[2]
        assert curl(f"{by_uid.partition('?')[0]}?containerID={container}") == pod
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(ProcessLookupError):  # tox repeats what the terminal sends
            os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 0
    assert rest.endswith("The demo is stopped.\n")
    assert "Traceback" not in rest
    eventually(lambda: left_behind(port, tmp_path) == [])


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_its_cluster_is_one_for_kubectl(tmp_path: Path) -> None:
    port = free_port()
    with demo(str(port), tmp_path) as process:
        output = read_until(r"Events in the cluster", process)
        commands = re.findall(r"^ +((?:export|kubectl) .+)$", output, re.MULTILINE)
        export, watch, create, delete = commands
        assert watch == "kubectl get pods -A -w"
        script = f"{export}\n{watch.removesuffix(' -w')}\n{create}\n{delete}\n"
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        shell = subprocess.run(
            ["sh", "-ec", script], env=environ, capture_output=True, text=True, timeout=DEADLINE_SECONDS
        )
        assert shell.returncode == 0, shell.stderr
        assert re.search(r"^default +example-pod +1/1 +Running ", shell.stdout, re.MULTILINE)
        assert "pod/my-pod created\n" in shell.stdout
        assert 'pod "my-pod" deleted' in shell.stdout


def test_three_clusters_are_asked_by_one_command(tmp_path: Path) -> None:
    ports = consecutive_ports(3)
    with demo(str(ports[0]), tmp_path, "--clusters", "3") as process:
        output = read_until(r"Press Ctrl-C", process)
        assert all(f"{name}  http://localhost:{port}\n" in output for name, port in zip("abc", ports, strict=True))
        own, every, twin, of_one = re.findall(r"curl -i '(http\S+)'", output)
        for url, status in ((own, 404), (twin, 409)):
            with pytest.raises(urllib.error.HTTPError) as caught:
                curl(url)
            caught.value.close()
            assert caught.value.code == status
        assert json.dumps(curl(every), separators=(",", ":")) in output
        (example,) = re.findall(r"curl -i 'http://localhost:8080/(\S+)'", section(OPERATOR, "### Several clusters"))
        assert every == f"http://localhost:{ports[0]}/{example}"
        assert curl(every)["name"] == "web-0"
        assert curl(of_one)["name"] == "example-pod"
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=DEADLINE_SECONDS)
    eventually(lambda: [left_behind(port, tmp_path) for port in ports] == [[], [], []])


@pytest.mark.parametrize("arguments", [("--clusters", "1"), ("--clusters", "ten"), ("--clusters", "3", "--real")])
def test_a_wrong_number_of_clusters_is_a_clear_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path, *arguments) as process:
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 2
    assert "error: " in output


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_it_ends_with_its_parent(signum: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with demo(str(port), tmp_path, wrapper=("sh", "-c", '"$@"; exit $?', "sh")) as parent:
        read_until(r"Events in the cluster", parent)
        assert left_behind(port, tmp_path) != []
        parent.send_signal(signum)
        parent.wait(DEADLINE_SECONDS)
        eventually(lambda: left_behind(port, tmp_path) == [])


@pytest.mark.slow
def test_its_command_for_a_deleted_pod_works(tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path) as process:
        output = read_until(r"curl '\S+&includeDeleted=true'\n", process)
        (uid,) = re.findall(r"  deleted +\S+ +([0-9a-f-]{36})\n", output)
        *_, url = re.findall(r"curl '(http\S+)'", output)
        assert f"uid={uid}&" in url
        eventually(lambda: "deletedAt" in curl(url))


def test_a_port_in_use_is_one_clear_line_even_if_its_owner_answers(tmp_path: Path) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ("/ready", "/health") else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("", 0), Answer) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_port
        with demo(str(port), tmp_path) as process:
            output, _ = process.communicate(timeout=DEADLINE_SECONDS)
            assert process.returncode == 1
        other.shutdown()
    assert f"PORT {port} is in use; stop what listens there, or set PORT to a free one" in output
    assert "pod-index runs at" not in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_an_invalid_port_is_one_clear_line(tmp_path: Path) -> None:
    with demo("http", tmp_path) as process:
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 1
    assert "PORT must be a whole number from 1 to 65535, not 'http'" in output

"""The demo, as newcomers run it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.operator_process import free_port
from tests.support.polling import eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def demo(port: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    environ = {**os.environ, "PORT": port, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.demo"],
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
            # It ends the processes that it has started.
            process.terminate()
            process.wait(30)


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


@pytest.mark.parametrize("signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_its_commands_work_and_a_signal_ends_it_quietly(signum: signal.Signals, tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path) as process:
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
        for _ in range(3):  # tox repeats what the terminal sends
            process.send_signal(signum)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert rest.endswith("The demo has ended (exit code of pod-index: 0).\n")
        assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.slow
def test_its_command_for_a_deleted_pod_works(tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path) as process:
        output = read_until(r"curl '\S+&includeDeleted=true'\n", process)
        (uid,) = re.findall(r"  deleted +\S+ +([0-9a-f-]{36})\n", output)
        *_, url = re.findall(r"curl '(http\S+)'", output)
        assert f"uid={uid}&" in url
        eventually(lambda: "deletedAt" in curl(url))


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        with demo(port, tmp_path) as process:
            output, _ = process.communicate(timeout=30)
            assert process.returncode == 1
    assert f"PORT {port} is in use; stop what listens there, or set PORT to a free one" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_an_invalid_port_is_one_clear_line(tmp_path: Path) -> None:
    with demo("http", tmp_path) as process:
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 1
    assert "PORT must be a whole number from 1 to 65535, not 'http'" in output

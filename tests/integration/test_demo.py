"""The demo, as a newcomer meets it."""

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
            # What it has started has to end with it.
            process.terminate()
            process.wait(30)


def read_until(pattern: str, process: "subprocess.Popen[str]") -> str:
    """Read what the demo prints until something in it matches."""
    assert process.stdout is not None
    shown = ""
    while not re.search(pattern, shown):
        line = process.stdout.readline()
        assert line, f"the demo has ended:\n{shown}"
        shown += line
    return shown


def ask(url: str) -> Any:
    """What curl prints."""
    with urllib.request.urlopen(url) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_a_lookup_that_works_and_what_happens_and_ends_quietly(signum: signal.Signals, tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path) as process:
        shown = read_until(r"created +(shop|batch)/\S+ +[0-9a-f-]{36}\n", process)
        by_uid, by_cgroup, by_ip, of_node = re.findall(r"curl '(http\S+)'", shown)
        pod = ask(by_uid)
        assert pod["uid"] in by_uid
        assert pod["phase"] == "Running"
        assert f"/pod{pod['uid']}/" in by_cgroup
        assert ask(by_cgroup) == pod
        assert ask(by_ip) == pod
        assert pod in ask(of_node)["pods"]
        container = by_cgroup.rpartition("/")[2]
        assert ask(f"{by_uid.partition('?')[0]}?containerID={container}") == pod
        for _ in range(3):  # tox repeats what the terminal sends
            process.send_signal(signum)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert rest.endswith("The demo has ended (exit code of pod-index: 0).\n")
        assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_it_shows_how_to_ask_for_a_pod_that_it_has_deleted(tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path) as process:
        shown = read_until(r"curl '\S+&includeDeleted=true'\n", process)
        (uid,) = re.findall(r"  deleted +\S+ +([0-9a-f-]{36})\n", shown)
        *_, url = re.findall(r"curl '(http\S+)'", shown)
        assert f"uid={uid}&" in url
        eventually(lambda: "deletedAt" in ask(url))


def test_a_taken_port_gives_the_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        with demo(port, tmp_path) as process:
            output, _ = process.communicate(timeout=30)
            assert process.returncode == 1
    assert f"PORT {port} is in use; stop what listens there, or set PORT to a free one" in output
    assert "Traceback" not in output


def test_a_bad_port_gives_the_clear_line(tmp_path: Path) -> None:
    with demo("http", tmp_path) as process:
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 1
    assert "PORT must be a whole number from 1 to 65535, not 'http'" in output

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

import pytest

from tests.operator_process import free_port

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
            process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_a_lookup_that_works_and_what_happens_and_ends_quietly(signum: signal.Signals, tmp_path: Path) -> None:
    with demo(str(free_port()), tmp_path) as process:
        assert process.stdout is not None
        shown = ""
        while not re.search(r"created +(shop|batch)/\S+ +[0-9a-f-]{36}\n", shown):
            line = process.stdout.readline()
            assert line, f"the demo has ended:\n{shown}"
            shown += line
        (url,) = re.findall(r"curl '(http\S+uid=[0-9a-f-]{36})'", shown)
        with urllib.request.urlopen(url) as answer:
            pod = json.loads(answer.read())
        assert pod["uid"] in url
        assert pod["phase"] == "Running"
        for _ in range(3):  # tox repeats what the terminal sends
            process.send_signal(signum)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert rest.endswith("The demo has ended (exit code of pod-index: 0).\n")
        assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


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

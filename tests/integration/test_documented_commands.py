"""The curl commands of the documents work with the demo as they are pasted, and print what the documents show."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.demo.examples import UID
from tests.support.documents import INTRODUCTION, OPERATOR, ROOT, read, table
from tests.support.operator_process import free_port
from tests.support.polling import eventually

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

ADDRESS = "http://localhost:8080/"


def blocks(document: str) -> list[tuple[str, str]]:
    """Return the blocks with curl commands for the demo, and the JSON below each; it is empty if there is none."""
    found = re.findall(r"^```bash\n(.*?)\n```$(?:\n\n```json\n(.*?)\n```$)?", read(document), re.MULTILINE | re.DOTALL)
    return [(command, shown) for command, shown in found if re.search(rf"^curl .*{ADDRESS}", command, re.MULTILINE)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The demo, and the environment of a shell for it."""
    port, folder = str(free_port()), tmp_path_factory.mktemp("demo")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.demo"],
        cwd=ROOT,
        env={**os.environ, "PORT": port, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            assert demo.stdout is not None
            banner = ""
            while "Events in the cluster" not in banner:
                line = demo.stdout.readline()
                assert line, f"the demo has ended:\n{banner}"
                banner += line
            (kubeconfig,) = re.findall(r"export KUBECONFIG=(\S+)", banner)
            # The variables that the documents use. Without authentication, pod-index ignores the credentials.
            login = {"BASIC_AUTH_USERNAME": "ann", "BASIC_AUTH_PASSWORD": "s3cret", "TOKEN": "t0ken"}
            environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": kubeconfig}
            yield environ | login | {"POD_UID": UID, "PORT": port}
        finally:
            demo.terminate()


def answers(command: str, shell: dict[str, str]) -> list[Any]:
    """Run the commands in a shell; return the JSON that they print, one value after the other."""
    script = command.replace(ADDRESS, f"http://localhost:{shell['PORT']}/")
    done = subprocess.run(["sh", "-ec", script], env=shell, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found, text = [], done.stdout
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


def example_pod() -> Any:
    """Return the answer to the first example."""
    return json.loads(blocks(INTRODUCTION)[0][1])


@pytest.mark.parametrize(
    ("command", "shown"),
    [block for document in (INTRODUCTION, OPERATOR) for block in blocks(document) if "kubectl" not in block[0]],
)
def test_a_command_prints_the_answer_that_the_document_shows(command: str, shown: str, shell: dict[str, str]) -> None:
    expected = json.loads(shown) if shown else example_pod()

    def is_as_shown() -> bool:
        printed = answers(command, shell)
        assert len(printed) == command.count("curl ")
        for answer in printed:
            if "deletedAt" in expected and "deletedAt" in answer:
                deleted_at = datetime.fromisoformat(answer["deletedAt"])
                assert deleted_at > datetime.fromisoformat(expected["deletedAt"])
                answer |= {"deletedAt": expected["deletedAt"]}
        return printed == [expected] * len(printed)

    # The demo deletes a pod when it prints its first lines.
    eventually(is_as_shown) if "deletedAt" in expected else is_as_shown()
    assert is_as_shown(), answers(command, shell)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_command_for_a_pod_of_ones_own_finds_a_pod(shell: dict[str, str]) -> None:
    (command,) = (command for command, _ in blocks(INTRODUCTION) if "kubectl" in command)
    # The demo may delete the pod between the two commands.
    eventually(lambda: [set(example_pod()) - set(answer) for answer in answers(command, shell)] == [{"annotations"}])


@pytest.mark.parametrize("identifier", [row[1].strip("`") for row in table(OPERATOR, "`id`")])
def test_every_example_of_an_identifier_finds_the_pod(identifier: str, shell: dict[str, str]) -> None:
    command = f"curl -G {ADDRESS}api/v1/pod --data-urlencode {shlex.quote(f'id={identifier}')}"
    assert answers(command, shell) == [example_pod()]


def test_the_documents_have_these_commands() -> None:
    assert len(blocks(INTRODUCTION)) == 7
    assert len(blocks(OPERATOR)) == 11


def test_the_command_for_the_inside_of_a_pod_is_said_to_be_one() -> None:
    before, _, _ = read(OPERATOR).partition("\n\n```bash\ncurl -G http://pod-index.default/api/v1/pod ")
    assert "for the inside of a pod only" in before.rpartition("\n\n")[2]

"""What all commands have in common."""

import signal
import subprocess
import sys
import time

import pytest

from tests.commands.__main__ import COMMANDS
from tests.support.polling import eventually
from tests.unit.commands.repository import ROOT, Repository, failure


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, repository: Repository) -> None:
    done = repository.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: tox run -e {command} ")
    assert repository.calls() == []


def test_a_command_that_is_not_there_is_told_with_those_that_are(repository: Repository) -> None:
    done = repository.run("launch")
    assert done.returncode == 2
    assert all(command in done.stderr for command in COMMANDS)


def test_nothing_but_the_standard_library_is_needed() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tests.commands.__main__"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_a_program_that_fails_is_one_line(repository: Repository) -> None:
    repository.install_kubectl("production")
    line = failure(repository.run("undeploy", "nowhere"))
    assert line == "there is no folder nowhere: name one with a kustomization.yaml"
    repository.install("kubectl", "exit 3")
    assert failure(repository.run("undeploy")) == "kubectl config has failed: exit code 3"


def test_a_program_that_cannot_be_run_is_one_line(repository: Repository) -> None:
    repository.install("kubectl")
    (repository.bin / "kubectl").write_text("#!/no/such/interpreter\n")
    assert failure(repository.run("undeploy")) == "kubectl cannot be run: No such file or directory"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_quietly_though_tox_repeats_it(signum: signal.Signals, repository: Repository) -> None:
    repository.install_kubectl("production")
    repository.install("kubectl", "sleep 60")
    with subprocess.Popen(
        repository.command("undeploy"),
        cwd=repository.folder,
        env=repository.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        eventually(repository.calls)
        while process.poll() is None:
            process.send_signal(signum)
            time.sleep(0.005)
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, b"")


def test_a_reader_who_has_seen_enough_ends_it_quietly(repository: Repository) -> None:
    repository.install("docker")
    shell = ["/bin/sh", "-c", f"{' '.join(repository.command('image'))} | exit"]
    done = subprocess.run(shell, cwd=repository.folder, env=repository.environ, capture_output=True)
    assert done.stderr == b""

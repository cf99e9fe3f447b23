"""The programs of others which the commands run: found or told to be missing, shown, run, and their failures told."""

import dataclasses
import shlex
import shutil
import subprocess
from collections.abc import Mapping


class CommandFailed(Exception):
    """The command cannot do its work; the message is one line which says why and what to do."""


def say(text: str) -> None:
    """Print a line for the user, before what the programs print that are run next."""
    print(text, flush=True)  # noqa: T201


@dataclasses.dataclass(frozen=True)
class Programs:
    """Runs programs with the environment variables ``environ``, whose PATH says where they are."""

    environ: Mapping[str, str]

    def has(self, name: str) -> bool:
        """Whether the program is installed."""
        return shutil.which(name, path=self.environ.get("PATH")) is not None

    def require(self, name: str, advice: str) -> None:
        """Raise CommandFailed with the advice if the program is not installed."""
        if not self.has(name):
            raise CommandFailed(f"{name} is not installed: {advice}")

    def run(self, *command: str) -> None:
        """Show the command line and run it, its output being the user's; raise CommandFailed if it fails."""
        show(*command)
        code = subprocess.run(command, env=self.environ).returncode
        if code != 0:
            raise CommandFailed(f"{' '.join(command[:2])} has failed with exit code {code}")

    def ask(self, *command: str, stdin: str = "", timeout: float = 60) -> str:
        """Return what the program prints; raise CommandFailed with its own last words if it fails.

        ``timeout`` is in seconds.
        """
        try:
            done = subprocess.run(
                command,
                env=self.environ,
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"{' '.join(command[:2])} gave no answer within {timeout:g} seconds") from None
        except OSError as error:
            raise CommandFailed(f"{command[0]} cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise CommandFailed(f"{' '.join(command[:2])} has failed: {_reason(done.stderr, done.returncode)}")
        return done.stdout


def show(*command: str) -> None:
    """Print a command line as it could be typed."""
    say(f"$ {shlex.join(command)}")


def _reason(stderr: str, code: int) -> str:
    """The last line of what a program complains about, without what docker says after its reason."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and "errors pretty printing" not in line]
    return lines[-1] if lines else f"exit code {code}"

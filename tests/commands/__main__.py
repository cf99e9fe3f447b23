"""``python -m tests.commands <command> [arguments]``: what the tox environments of these names run."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from tests.commands import build_and_deploy, container, deploy, image, smoke
from tests.commands.programs import CommandFailed

COMMANDS: Mapping[str, Callable[[Sequence[str], Mapping[str, str]], int]] = {
    "image": image.main,
    "container": container.main,
    "deploy": deploy.main,
    "undeploy": deploy.undeploy,
    "build-and-deploy": build_and_deploy.main,
    "smoke": smoke.main,
}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command; return the exit code. A failure is one line on stderr, Ctrl-C is 130 without a word."""
    parser = argparse.ArgumentParser(prog="python -m tests.commands", description="Run what a tox environment runs.")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="see the command's own --help")
    command = parser.parse_args(arguments[:1]).command
    try:
        return COMMANDS[command](arguments[1:], environ)
    except CommandFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt_once(signum: int, frame: object) -> None:
    """End the command; tox repeats the Ctrl-C that the terminal has sent already, which must not disturb the ending."""
    for repeated in (signal.SIGINT, signal.SIGTERM):
        signal.signal(repeated, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for interrupting in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupting, _interrupt_once)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as any program that is piped into head
    sys.exit(main(sys.argv[1:], os.environ))

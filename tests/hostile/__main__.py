"""``python -m tests.hostile PORT``: run hostile clients in a process of their own.

The process ends after a limited time, or when stdin ends (Ctrl-D on a terminal). It prints a line of JSON when all
clients have connected once. For each line on stdin, it prints a line of JSON with the outcomes so far.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence

import uvloop

from tests.hostile.crowd import Crowd
from tests.hostile.kinds import KINDS, mixed
from tests.hostile.steps import Requests

SPARE_SECONDS = 60.0
"""How long the process still reports after the clients have stopped."""


def main(arguments: Sequence[str]) -> None:
    """Run the clients until they stop."""
    options = parse(arguments)
    os.nice(options.nice)
    uvloop.run(run(options))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("port", type=int, help="the port of a server on this machine")
    parser.add_argument("--connections", type=int, default=1000, help="concurrent connections; default: 1000")
    parser.add_argument("--only", action="append", choices=list(KINDS), help="this kind only; can be repeated")
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after this time; default: 60")
    parser.add_argument("--uid", default="", help="an existing pod, for long responses")
    parser.add_argument("--nice", type=int, default=19, help="niceness of the process; default: 19")
    parser.add_argument("--tls", action="store_true", help="the server uses TLS")
    options = parser.parse_args(arguments)
    options.counts = mixed(options.connections, tls=options.tls)
    if options.only:
        each, rest = divmod(options.connections, len(options.only))
        options.counts = {name: each + (number < rest) for number, name in enumerate(options.only)}
    return options


async def run(options: argparse.Namespace) -> None:
    """Run the clients until the time is over or stdin ends."""
    loop = asyncio.get_running_loop()
    # uvloop logs every connection that the server resets during a TLS handshake.
    loop.set_exception_handler(lambda *_: None)
    commands = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    crowd = Crowd(
        options.port, options.counts, seconds=options.seconds, requests=Requests.of(options.uid), tls=options.tls
    )
    try:
        async with crowd:
            announcing = asyncio.create_task(_announce(crowd))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.seconds + SPARE_SECONDS):
                    while await commands.readline():
                        await announcing
                        _report(crowd)
            announcing.cancel()
    finally:
        transport.close()


async def _announce(crowd: Crowd) -> None:
    await crowd.wait_until_complete()
    _report(crowd)


def _report(crowd: Crowd) -> None:
    summary = {name: vars(kind) for name, kind in crowd.summary().items()}
    sys.stdout.write(json.dumps(summary) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

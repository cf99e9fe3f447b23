"""``python -m tests.hostile PORT``: hostile clients in a process of their own.

They come when it starts, and go when a time is over or stdin ends. A line of JSON says that all have been there, and
each line on stdin is answered by one of JSON that tells what has become of them. On a terminal, Ctrl-D ends it.
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
from tests.hostile.kinds import KINDS, Requests, mixed

SPARE_SECONDS = 60.0
"""How long whoever has started them may ask what has become of them when their time is over."""


def main(arguments: Sequence[str]) -> None:
    """Send them and wait."""
    options = parse(arguments)
    os.nice(options.nice)
    uvloop.run(run(options))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("port", type=int, help="the port of a server on this machine")
    parser.add_argument("--connections", type=int, default=1000, help="how many at a time, of all kinds: 1000")
    parser.add_argument("--only", action="append", choices=list(KINDS), help="this kind instead of all; repeatable")
    parser.add_argument("--seconds", type=float, default=60.0, help="when they go at the latest: 60")
    parser.add_argument("--uid", default="", help="a pod that there is, for those that ask for long answers")
    parser.add_argument("--nice", type=int, default=19, help="how willingly they leave the processor to others: 19")
    parser.add_argument("--tls", action="store_true", help="the server is one with TLS")
    options = parser.parse_args(arguments)
    options.counts = mixed(options.connections, tls=options.tls)
    if options.only:
        each, rest = divmod(options.connections, len(options.only))
        options.counts = {name: each + (number < rest) for number, name in enumerate(options.only)}
    return options


async def run(options: argparse.Namespace) -> None:
    """Send them until the time is over or stdin ends."""
    loop = asyncio.get_running_loop()
    # uvloop tells of every connection that the server resets in the middle of TLS.
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
                        _tell(crowd)
            announcing.cancel()
    finally:
        transport.close()


async def _announce(crowd: Crowd) -> None:
    await crowd.wait_until_complete()
    _tell(crowd)


def _tell(crowd: Crowd) -> None:
    summary = {name: vars(kind) for name, kind in crowd.summary().items()}
    sys.stdout.write(json.dumps(summary) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

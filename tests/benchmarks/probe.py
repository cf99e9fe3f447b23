"""A client with a fixed rate, to which late responses make no difference: no coordinated omission.

The arguments are the port, the rate a second, and the paths; ``--tls`` and ``--token`` come before them. Latencies
count from the time when a request was due. The program ends at a line on stdin. It prints a line of JSON: p50, p99 and
the highest latency in seconds, and the numbers of all and of failed requests.
"""

import argparse
import contextlib
import itertools
import json
import select
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmarks.figures import percentile
from tests.benchmarks.processes import Client

Latencies = dict[str, float]


def probe(connect: Callable[[], Client], rate: float, paths: Sequence[str], go_on: Callable[[], bool]) -> Latencies:
    """Request the paths in turn while ``go_on()``; a request without a response of 200 has failed."""
    latencies = []
    failed = 0
    client: Client | None = None
    with contextlib.suppress(OSError):
        client = connect()
    start = time.monotonic()
    for number, path in zip(itertools.count(), itertools.cycle(paths), strict=False):
        due = start + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            client = client or connect()
            status, _ = client.get(path)
            failed += status != 200
        except OSError:
            failed += 1
            if client is not None:
                client.close()
                client = None
        latencies.append(time.monotonic() - due)
        if not go_on():
            break
    if client is not None:
        client.close()
    percentiles = {f"p{percent}": percentile(latencies, percent) for percent in (50, 99)}
    return {**percentiles, "max": max(latencies), "requests": len(latencies), "failed": failed}


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--token", default="")
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    print("{}", flush=True)
    result = probe(
        lambda: Client(options.port, tls=options.tls, token=options.token),
        options.rate,
        options.paths,
        lambda: not select.select([sys.stdin], [], [], 0)[0],
    )
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

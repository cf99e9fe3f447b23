"""One client that asks at a fixed rate, whether or not the last answer has come: no coordinated omission.

The arguments are the port, the rate a second, and the paths. Latencies count from when a request was due. It goes
on until there is a line on stdin, and tells p50, p99 and the longest latency in a line of JSON, in seconds, and how
many requests there were and how many of them failed.
"""

import itertools
import json
import select
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmarks.figures import percentile
from tests.benchmarks.processes import Client

Told = dict[str, float]


def probe(connect: Callable[[], Client], rate: float, paths: Sequence[str], go_on: Callable[[], bool]) -> Told:
    """Ask for the paths in turn while ``go_on()``; whoever has no answer, or not 200, has failed, and goes on."""
    latencies = []
    failed = 0
    client = None
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
    return {**percentiles, "max": max(latencies), "asked": len(latencies), "failed": failed}


def main() -> None:
    """Probe until stdin has a line or ends."""
    port, rate, *paths = sys.argv[1:]
    print("{}", flush=True)
    told = probe(lambda: Client(int(port)), float(rate), paths, lambda: not select.select([sys.stdin], [], [], 0)[0])
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

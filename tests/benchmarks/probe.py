"""One client that asks at a fixed rate, whether or not the last answer has come: no coordinated omission.

The arguments are the port, the rate a second, and the paths. Latencies count from when a request was due. It goes
on until there is a line on stdin, and tells p50, p99 and the longest latency in a line of JSON, in seconds.
"""

import itertools
import json
import select
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmarks.figures import percentile
from tests.benchmarks.processes import Client


def probe(client: Client, rate: float, paths: Sequence[str], go_on: Callable[[], bool]) -> dict[str, float]:
    """Ask for the paths in turn while ``go_on()``."""
    latencies = []
    start = time.monotonic()
    for number, path in zip(itertools.count(), itertools.cycle(paths), strict=False):
        due = start + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        status, _ = client.get(path)
        latencies.append(time.monotonic() - due)
        if status != 200:
            raise RuntimeError(f"the answer to {path} is {status}")
        if not go_on():
            break
    return {"p50": percentile(latencies, 50), "p99": percentile(latencies, 99), "max": max(latencies)}


def main() -> None:
    """Probe until stdin has a line or ends."""
    port, rate, *paths = sys.argv[1:]
    print("{}", flush=True)
    with Client(int(port)) as client:
        told = probe(client, float(rate), paths, lambda: not select.select([sys.stdin], [], [], 0)[0])
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

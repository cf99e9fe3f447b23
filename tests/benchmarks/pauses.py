"""The longest pause of the event loop while the index takes in a listing, as ``main.py`` hands it over.

As a program it measures the index alone. The arguments are the number of pods and how long the loop idles for the
baseline, in seconds. It prints a line of JSON: the longest pauses, in seconds.
"""

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import uvloop

from pod_index.informer.json_wire import decode_list
from pod_index.pods import Pod
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.apiserver import realistic_pod
from tests.benchmarks.figures import Figure, Plan, Runs, interleaved
from tests.benchmarks.processes import SUBJECT_CORE, Helper

SECTION = "pauses"
IDLE = "idle"
NAMES = {
    "first": "first sync",
    "same": "relist without a change",
    "half": "relist with half of the pods gone",
    "reset": "relist after a restore of etcd, with these pods back",
}
PAGE_SIZE = 500


def measure(plan: Plan, main: Path) -> tuple[list[Figure], list[str]]:
    """Measure the pauses of listings, and those of a loop with nothing else to do."""
    runs = Runs()
    environ = {"PYTHONPATH": str(main.parent)}

    def run() -> None:
        with Helper("pauses", str(plan.pause_pods), str(plan.seconds), on=SUBJECT_CORE, environ=environ) as helper:
            seconds = helper.read()
            runs.add(SECTION, **{name: value * 1000 for name, value in seconds.items()})

    interleaved(plan.runs, run)
    return [
        Figure(
            section=SECTION,
            name=f"longest pause of the event loop: {name}",
            pods=plan.pause_pods,
            unit="ms",
            values=runs.of(SECTION, key),
            baseline="an event loop with nothing else to do",
            baseline_values=runs.of(SECTION, IDLE),
        )
        for key, name in NAMES.items()
    ], []


class Pause:
    """The longest time between two turns of the event loop."""

    seconds = 0.0

    @contextlib.asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Measure as long as the context lasts."""
        ticks = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        yield
        await asyncio.sleep(0)
        ticks.cancel()

    async def _tick(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.seconds = max(self.seconds, now - before)
            before = now


async def pauses(pods: int, seconds: float) -> dict[str, float]:
    """Return the longest pauses by name, in seconds."""
    index = PodIndex()
    pages = list(_pages(pods))
    half = [page[::2] for page in pages]
    gone = [pod.metadata.uid for page in pages for pod in page[1::2]]
    gc.collect()
    gc.freeze()
    idle = Pause()
    async with idle.measured():
        await asyncio.sleep(seconds)
    longest = {IDLE: idle.seconds, "first": await _list(index, pages, 1)}
    gc.freeze()
    longest |= {"same": await _list(index, pages, 2), "half": await _list(index, half, 3)}
    if any(map(index.lookup, gone)):
        raise RuntimeError("the index has pods that are gone")
    return {**longest, "reset": await _list(index, pages, 4, history_reset=True)}


async def _list(index: PodIndex, pages: Iterable[list[Pod]], number: int, *, history_reset: bool = False) -> float:
    """Hand over a listing, and return the longest pause."""
    pause = Pause()
    version = number * 1_000_000
    async with pause.measured():
        for page in _list_pages(pages, version, history_reset=history_reset):
            for _ in index.replace_page(page):
                await asyncio.sleep(0)
            await asyncio.sleep(0)
    return pause.seconds


def _list_pages(pages: Iterable[list[Pod]], version: int, *, history_reset: bool) -> Iterator[ListPage]:
    yield ListPage(scope="", pods=[], begins=True, history_reset=history_reset)
    for pods in pages:
        yield ListPage(scope="", pods=pods)
    yield ListPage(scope="", pods=[], complete_at=version)


def _pages(pods: int) -> Iterator[list[Pod]]:
    for start in range(0, pods, PAGE_SIZE):
        items = [realistic_pod(number) for number in range(start, min(start + PAGE_SIZE, pods))]
        for item in items:
            item["metadata"]["resourceVersion"] = "1"
        page = {"metadata": {"resourceVersion": "1"}, "items": items}
        yield decode_list(json.dumps(page).encode()).items or []


if __name__ == "__main__":
    print(json.dumps(uvloop.run(pauses(int(sys.argv[1]), float(sys.argv[2])))), flush=True)

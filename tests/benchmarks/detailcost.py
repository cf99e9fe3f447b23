"""Measure the details of pods in an index alone: their memory, and the CPU time to make them and their JSON.

The arguments are the number of pods, the number of workloads that they belong to, and whether the index keeps details.
The program prints one line of JSON and ends. The pods have two containers each.
"""

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable

import msgspec

from pod_index.informer.json_wire import PodList, decode_list
from pod_index.pods import Pod, encode_record
from pod_index.store.deltas import ListPage
from pod_index.store.detailed_records import with_details
from pod_index.store.details import DetailsStore
from pod_index.store.index import PodIndex
from tests.apiserver import realistic_pod
from tests.support.operator_process import resident_bytes
from tests.support.served import replace_page

CHUNK = 500
ROUNDS = 20


def fill(pods: int, workloads: int, *, details: bool) -> dict[str, float]:
    """Fill an index; return the resident memory of the process in bytes."""
    index = PodIndex(details=details)
    for start in range(0, pods, CHUNK):
        page = decoded(start, min(start + CHUNK, pods), workloads)
        replace_page(index, ListPage(scope="", pods=page, begins=start == 0))
    page = []
    gc.collect()
    return {"resident": resident_bytes(os.getpid()), "pods": len(index)}


def time_details() -> dict[str, float]:
    """Return the CPU time to make the details of a pod, and the JSON of them, in microseconds."""
    pods = msgspec.json.decode(encoded(0, CHUNK, CHUNK), type=PodList, strict=False).items or []
    store = DetailsStore()
    kept = [(encode_record(pod), details) for pod in pods if (details := store.details_of(pod))]
    return {
        "make": _microseconds(lambda: [store.details_of(pod) for pod in pods]),
        "record": _microseconds(lambda: [encode_record(pod) for pod in pods]),
        "json": _microseconds(lambda: [with_details(record, details) for record, details in kept]),
    }


def decoded(start: int, end: int, workloads: int) -> list[Pod]:
    """Return pods with two containers, and with packed details."""
    return decode_list(encoded(start, end, workloads)).items or []


def encoded(start: int, end: int, workloads: int) -> bytes:
    """Return a list of pods with two containers."""
    items = []
    for number in range(start, end):
        pod = realistic_pod(number, workloads)
        pod["metadata"]["resourceVersion"] = "1"
        del pod["spec"]["initContainers"], pod["status"]["initContainerStatuses"]
        del pod["spec"]["containers"][2:], pod["status"]["containerStatuses"][2:]
        items.append(pod)
    return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()


def _microseconds(work: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        rounds.append((time.process_time() - begin) / CHUNK * 1e6)
    return statistics.median(rounds)


if __name__ == "__main__":
    pods, workloads, details = (json.loads(argument) for argument in sys.argv[1:])
    print(json.dumps(fill(pods, workloads, details=details) | time_details()), flush=True)

"""Ten thousand pods of realistic size, and two hundred changes each second."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.apiserver import realistic_pod
from tests.conftest import StartOperator
from tests.kubernetes import Binaries, KubernetesApiServer
from tests.support.operator_process import assert_equal, expected_record

PODS = 10_000
CHURN_SECONDS = 15.0
CHANGES_A_SECOND = 200
WRITERS = 8


def churn(server: KubernetesApiServer) -> int:
    """Change random pods for a while, and replace one in ten; return the number of changes."""
    names = [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in server.pods.pods().values()]
    begin = time.monotonic()

    def change(number: int) -> None:
        time.sleep(max(0.0, begin + number / CHANGES_A_SECOND - time.monotonic()))
        # Every writer has pods of its own, since two writers of one pod would conflict.
        namespace, name = names[random.randrange(number % WRITERS, len(names), WRITERS)]
        if number % 10 == 0:
            server.pods.delete(namespace, name)
            replaced = realistic_pod(number)
            replaced["metadata"].update(namespace=namespace, name=name)
            server.pods.create(replaced)
        else:
            server.pods.update(namespace, name, lambda pod: mark(pod, number))

    def mark(pod: dict[str, Any], number: int) -> None:
        pod["metadata"].setdefault("labels", {})["change"] = str(number)

    def write(writer: int) -> None:
        for number in range(writer, total, WRITERS):
            change(number)

    total = int(CHURN_SECONDS * CHANGES_A_SECOND)
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))
    return total


@pytest.mark.timeout(900)
def test_ten_thousand_pods_are_synced_and_followed_through_a_churn(
    breakable: KubernetesApiServer, start_operator: StartOperator
) -> None:
    breakable.pods.load(realistic_pod(number) for number in range(PODS))
    begin = time.monotonic()
    operator = start_operator(breakable)
    operator.wait_until_ready()
    synced = time.monotonic() - begin
    assert operator.pod_count() == PODS
    peak = operator.peak_bytes
    changes = churn(breakable)
    lasted = time.monotonic() - begin - synced
    pods = breakable.pods.pods()
    assert_equal(operator, pods, within=60)
    assert {uid: operator.lookup(uid) for uid in pods} == {uid: expected_record(pod) for uid, pod in pods.items()}
    assert operator.warnings() == []
    print(  # noqa: T201 - pytest -rP shows the figures
        f"\n{PODS} pods: ready {synced:.1f} s after the process's start, peak RSS {peak / 2**20:.0f} MiB;"
        f" {changes} changes in {lasted:.1f} s; RSS after them {operator.resident_bytes / 2**20:.0f} MiB"
    )


@pytest.mark.parametrize("streaming_list", [True, False])
def test_a_server_with_and_without_streaming_lists(
    streaming_list: bool, binaries: Binaries, start_operator: StartOperator
) -> None:
    with KubernetesApiServer(binaries, feature_gates={"WatchList": streaming_list}) as server:
        server.pods.load(realistic_pod(number) for number in range(700))
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())
        assert ("Listing the pods by a whole list" in operator.log) is not streaming_list
        assert operator.warnings() == []

"""Lookups with ``wait`` wait until their pod exists."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.apiserver import make_pod
from tests.conformance.asking import address, catch_up, container_id, create, found, held_lookup, running
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess


@pytest.mark.parametrize(
    ("parameters", "by"),
    [
        ({"namespace": "default", "name": "awaited"}, "name"),
        ({"id": "default/awaited"}, "name"),
        ({"ip": "2001:DB8:0::77"}, "ip"),
        ({"containerID": container_id("awaited")}, "containerID"),
        ({"id": f"0::/kubepods/pod{container_id('static')[:32]}/{container_id('unknown')}"}, "config.hash"),
    ],
)
def test_a_lookup_before_the_creation_of_its_pod_returns_it(
    parameters: dict[str, str], by: str, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    hash_of_static = container_id("static")[:32]
    pod = running(
        "awaited",
        node="node-1",
        ip="2001:db8::77",
        container_id=f"cri-o://{container_id('awaited')}",
        annotations={"kubernetes.io/config.hash": hash_of_static, "kubernetes.io/config.mirror": hash_of_static},
    )
    assert found(shared_operator, **parameters) is None
    with held_lookup(shared_operator, wait="10s", **parameters) as lookup:
        uid = shared_cluster.pods.create(pod)["metadata"]["uid"]
        assert lookup.found() == (uid, by)
    shared_cluster.pods.delete("default", "awaited")
    catch_up(shared_cluster, shared_operator)


def test_a_lookup_by_ip_returns_when_a_pod_gets_the_ip(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip = address()
    uid = create(shared_cluster, shared_operator, make_pod("starting"))
    steps: list[Callable[[dict[str, Any]], None]] = [
        lambda pod: pod["metadata"].update(labels={"still": "without"}),
        lambda pod: pod["spec"].update(nodeName="node-1"),
        lambda pod: pod["status"].update(phase="Running", podIP=ip, podIPs=[{"ip": ip}]),
    ]
    with held_lookup(shared_operator, wait="10s", ip=ip) as lookup:
        for step in steps:
            shared_cluster.pods.update("default", "starting", step)
        assert lookup.found() == (uid, "ip")


def test_a_lookup_whose_pod_is_not_created_ends_as_a_miss(shared_operator: OperatorProcess) -> None:
    with held_lookup(shared_operator, wait="500ms", namespace="default", name="never") as lookup:
        assert lookup.found() is None


def test_a_lookup_of_an_existing_pod_does_not_wait(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    uid = create(shared_cluster, shared_operator, make_pod("there"))
    assert found(shared_operator, wait="10s", uid=uid) == (uid, "uid")


@pytest.mark.parametrize("history", ["whole", "forgotten"])
def test_a_lookup_waits_for_a_pod_created_in_an_outage(
    history: str, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    with shared_cluster.cut_off():
        uid = shared_cluster.pods.create(make_pod(f"in-a-gap-{history}"))["metadata"]["uid"]
        if history == "forgotten":
            shared_cluster.forget_history()
        with held_lookup(shared_operator, wait="10s", id=f"default/in-a-gap-{history}") as lookup:
            shared_cluster.network.accept()
            assert lookup.found() == (uid, "name")


def test_waiting_lookups_end_when_the_operator_stops(
    shared_cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    operator = start_operator(shared_cluster, token=token)
    operator.wait_until_ready()
    with held_lookup(operator, wait="10s", namespace="default", name="never") as lookup:
        assert operator.stop() == 0
        status, headers, content = lookup.answer()
    assert (status, content) == (503, {"error": "shutting down"})
    assert headers["retry-after"] == "1"

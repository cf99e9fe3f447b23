"""Outages that only a real kube-apiserver with its etcd has."""

import time
from http.client import HTTPException

from tests.apiserver import AlreadyExists, ApiError, make_pod
from tests.kubernetes import KubernetesApiServer, TcpProxy
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually

OUTAGE_SECONDS = 10.0


def create_some(server: KubernetesApiServer, number: int = 20) -> None:
    server.pods.load(make_pod(f"web-{n}") for n in range(number))


def change_some(server: KubernetesApiServer) -> None:
    """Delete a pod, recreate another under its name, and create a new one."""
    server.pods.delete("default", "web-0")
    server.pods.delete("default", "web-1")
    server.pods.create(make_pod("web-1"))
    server.pods.create(make_pod("new"))


def takes_writes(server: KubernetesApiServer) -> bool:
    """Whether kube-apiserver is connected to etcd again."""
    try:
        server.pods.create(make_pod("probe"))
    except AlreadyExists:
        return True
    except (ApiError, OSError, HTTPException):
        return False
    return True


def test_pods_deleted_in_a_gap_that_etcd_has_compacted_are_gone(
    breakable: KubernetesApiServer, network: TcpProxy, operator: OperatorProcess
) -> None:
    create_some(breakable)
    assert_equal(operator, breakable.pods.pods())
    network.refuse()
    network.cut()
    change_some(breakable)
    breakable.compact()
    # The watch cache of kube-apiserver still has what etcd has compacted, until a restart.
    breakable.stop()
    breakable.start()
    network.accept()
    assert_equal(operator, breakable.pods.pods())
    assert "410" in operator.log


def test_a_kube_apiserver_that_is_killed_and_starts_again_later(
    breakable: KubernetesApiServer, network: TcpProxy, operator: OperatorProcess
) -> None:
    create_some(breakable)
    before = breakable.pods.pods()
    assert_equal(operator, before)
    breakable.stop()
    end = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < end:
        assert_equal(operator, before)
    network.refuse()
    breakable.start()
    change_some(breakable)
    network.accept()
    assert_equal(operator, breakable.pods.pods())
    breakable.pods.create(make_pod("later"))
    assert_equal(operator, breakable.pods.pods())


def test_an_etcd_that_is_killed_and_starts_again(breakable: KubernetesApiServer, operator: OperatorProcess) -> None:
    create_some(breakable)
    before = breakable.pods.pods()
    assert_equal(operator, before)
    breakable.etcd.stop()
    end = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < end:
        assert_equal(operator, before)
    breakable.etcd.start()
    eventually(lambda: takes_writes(breakable), within=90, every=1)
    change_some(breakable)
    assert_equal(operator, breakable.pods.pods())


def test_a_kube_apiserver_that_shuts_down_gracefully_and_is_replaced(
    breakable: KubernetesApiServer, operator: OperatorProcess
) -> None:
    create_some(breakable)
    assert_equal(operator, breakable.pods.pods())
    breakable.stop(abrupt=False)
    breakable.start()
    change_some(breakable)
    assert_equal(operator, breakable.pods.pods())
    assert operator.stop() == 0
    assert "Traceback" not in operator.log

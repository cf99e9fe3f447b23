"""Listings that fail: they restart, pause between attempts, or are replaced by listings of another kind."""

import pytest

from tests.apiserver import END, ApiServer, Fault, RecordedRequest, make_pod
from tests.apiserver.kubeconfig import kubeconfig
from tests.conftest import StartOperator
from tests.kubernetes import TcpProxy
from tests.support.churn import Churn
from tests.support.operator_process import assert_equal
from tests.support.polling import eventually


def is_streaming_list(request: RecordedRequest) -> bool:
    return "sendInitialEvents" in request.query


def test_a_listing_in_pages_restarts_after_garbage_truncation_and_an_expired_continue_token(
    start_operator: StartOperator,
) -> None:
    with ApiServer() as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(1200))
        server.faults.add(Fault(expire_continue=True, times=1))
        garbage = server.faults.add(Fault(kind="list", times=2, body=b"<html>welcome to the hotel</html>"))
        truncated = server.faults.add(Fault(kind="list", times=2, truncate=True))
        operator = start_operator(server, STREAMING_LIST="false")
        assert_equal(operator, server.pods.pods())
        assert sum(request.status == 410 for request in server.requests) == 1
        assert (garbage.applied, truncated.applied) == (2, 2)
        assert "in pages (protobuf)" in operator.log


def test_a_stalled_streaming_list_is_replaced_by_a_whole_list_and_a_stalled_watch_by_another(
    start_operator: StartOperator,
) -> None:
    with ApiServer() as server:
        server.pods.create(make_pod("web"))
        server.faults.add(Fault(kind="watch", stall=True, when=is_streaming_list))
        operator = start_operator(server, WATCH_IDLE_SECONDS="0.5")
        assert_equal(operator, server.pods.pods())
        eventually(lambda: server.open_watches == 1)
        server.faults.stall_watches()
        server.pods.create(make_pod("new"))
        assert_equal(operator, server.pods.pods())


def test_a_streaming_list_whose_connection_breaks_restarts(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(1200))
        broken = Fault(kind="watch", times=3, after_events=700)
        broken.watch = END
        server.faults.add(broken)
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())


@pytest.mark.parametrize("ends_at_once", [True, False])
def test_a_streaming_list_without_its_end_is_not_flooded_and_is_replaced_by_a_whole_list(
    ends_at_once: bool, start_operator: StartOperator
) -> None:
    with ApiServer() as server, Churn(server.pods):
        endless = Fault(kind="watch", when=is_streaming_list, withhold_end=True)
        if ends_at_once:
            endless.watch = END
        server.faults.add(endless)
        operator = start_operator(server, STREAMING_LIST_SECONDS="1")
        operator.wait_until_ready()
        assert endless.applied == 2
    assert operator.log.count("Listing the pods by a whole list, since streaming lists are unavailable") == 1


def test_if_the_second_page_is_always_expired_a_whole_list_follows(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(60))
        server.faults.add(Fault(expire_continue=True))
        operator = start_operator(server, STREAMING_LIST="false")
        assert_equal(operator, server.pods.pods())
        assert "page 2 of the list is not available" in operator.log
        assert "Listing the pods by a whole list, since pages are unavailable" in operator.log


def test_invalid_protobuf_is_followed_by_json(start_operator: StartOperator) -> None:
    with ApiServer(bookmark_interval=0.2) as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(20))
        server.faults.add(
            Fault(
                body=b"k8s\0\xff\xff",
                media_type="application/vnd.kubernetes.protobuf",
                when=lambda request: "protobuf" in request.accept,
            )
        )
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())
        with Churn(server.pods):
            eventually(lambda: server.open_watches == 1)
            server.faults.cut_watches()
        assert_equal(operator, server.pods.pods())
        assert operator.log.count("Requesting JSON for 300 s") == 1


def test_a_whole_list_whose_connection_breaks_restarts(start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=False) as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(1200))
        server.faults.add(Fault(truncate=True, times=1, when=lambda request: "limit" not in request.query))
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())
        assert "by a whole list (protobuf)" in operator.log


def test_a_whole_list_of_a_replica_that_is_behind_brings_no_pod_back(start_operator: StartOperator) -> None:
    with (
        ApiServer(anonymous=True, streaming_list=False) as fresh,
        ApiServer(anonymous=True, streaming_list=False, bookmark_interval=0.2) as stale,
        TcpProxy(fresh.port, stale.port) as balancer,
    ):
        fresh.pods.load(make_pod(f"web-{number}") for number in range(20))
        stale.pods.replace_all(list(fresh.pods.pods().values()), resource_version=fresh.pods.resource_version)
        dead = fresh.pods.get("default", "web-0")["metadata"]["uid"]
        fresh.pods.delete("default", "web-0")
        operator = start_operator(Anonymous(balancer.port), WATCH_IDLE_SECONDS="0.5")
        assert_equal(operator, fresh.pods.pods())
        for number in range(4):
            fresh.pods.create(make_pod(f"new-{number}"))
            fresh.pods.compact()
            balancer.cut()
            assert operator.lookup(dead) is None
            assert_equal(operator, fresh.pods.pods())
        assert "history was reset" not in operator.log


def test_a_replica_that_is_behind_brings_no_pod_back(start_operator: StartOperator) -> None:
    with (
        ApiServer(anonymous=True) as fresh,
        ApiServer(anonymous=True, bookmark_interval=0.2) as stale,
        TcpProxy(fresh.port, stale.port) as balancer,
    ):
        fresh.pods.load(make_pod(f"web-{number}") for number in range(20))
        old = list(fresh.pods.pods().values())
        stale.pods.replace_all(old, resource_version=fresh.pods.resource_version)
        dead = fresh.pods.get("default", "web-0")["metadata"]["uid"]
        fresh.pods.delete("default", "web-0")
        operator = start_operator(Anonymous(balancer.port), WATCH_IDLE_SECONDS="0.5")
        assert_equal(operator, fresh.pods.pods())
        for number in range(5):
            fresh.pods.create(make_pod(f"new-{number}"))
            if number % 3 == 0:
                fresh.pods.compact()
            balancer.cut()
            assert operator.lookup(dead) is None
            assert_equal(operator, fresh.pods.pods())
        assert "history was reset" not in operator.log
        assert "a replica of the API server is behind" in operator.log


class Anonymous:
    """A kubeconfig without credentials."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def kubeconfig(self, token: str | None = None) -> str:
        return kubeconfig(self._url, b"", {})

"""Whatever the API server does after the first sync, the operator goes on and finds its way back.

Each test disturbs, changes pods meanwhile, and ends in "the index equals the server's pods".
"""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.apiserver import END, ApiServer, Fault, RecordedRequest, Rule, make_pod, watch_error
from tests.apiserver.kubeconfig import kubeconfig
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.kubernetes import TcpProxy
from tests.support.churn import Churn
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(bookmark_interval=0.2) as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(20))
        yield server


def wait_for_watch(server: ApiServer) -> None:
    eventually(lambda: server.open_watches == 1)


def test_a_watch_that_is_cut_fifty_times_in_a_row_loses_nothing(server: ApiServer, operator: OperatorProcess) -> None:
    with Churn(server.pods):
        for _ in range(50):
            wait_for_watch(server)
            server.faults.cut_watches()
            eventually(lambda: server.open_watches == 0)
    assert_equal(operator, server.pods.pods())
    lists = [request for request in server.requests if request.kind == "list" and request.query.get("limit") != "1"]
    assert not lists, "a cut watch is resumed, not replaced by a listing"


def test_a_watch_that_ends_in_good_order_is_resumed_without_a_warning(
    server: ApiServer, operator: OperatorProcess
) -> None:
    with Churn(server.pods) as churn:
        for _ in range(5):
            before = churn.rounds
            eventually(lambda before=before: churn.rounds > before + 5)  # type: ignore[misc]
            wait_for_watch(server)
            server.faults.end_watches()
    assert_equal(operator, server.pods.pods())
    assert operator.warnings() == []


def test_a_continue_token_that_expires_begins_the_listing_anew(start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=False) as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(1200))
        server.faults.add(Fault(expire_continue=True, times=2))
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())
        assert sum(request.status == 410 for request in server.requests) == 2


@pytest.mark.parametrize("code", [500, 504, 429, 403])
def test_an_error_event_is_survived(code: int, server: ApiServer, operator: OperatorProcess) -> None:
    for _ in range(3):
        wait_for_watch(server)
        server.faults.watch_error(code, "InternalError", "etcdserver: leader changed")
        server.pods.create(make_pod(f"after-{time.monotonic_ns()}"))
    assert_equal(operator, server.pods.pods())


def test_an_error_event_that_does_not_pass_leads_to_a_new_listing(server: ApiServer, operator: OperatorProcess) -> None:
    wait_for_watch(server)
    version = str(server.pods.resource_version)
    stuck = Fault(kind="watch", when=lambda request: request.query.get("resourceVersion") == version)
    stuck.watch = watch_error(500, "InternalError", "unable to transform key")
    server.faults.add(stuck)
    server.faults.cut_watches()
    eventually(lambda: stuck.applied >= 3)
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


def test_half_a_line_is_not_an_event(server: ApiServer, operator: OperatorProcess) -> None:
    wait_for_watch(server)
    server.faults.half_line()
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


@pytest.mark.parametrize("line", [b"<html>502 Bad Gateway</html>", b"{}", b'{"type":"ADDED","object":{}}', b"\xff\x00"])
def test_garbage_leads_to_a_new_listing(line: bytes, server: ApiServer, operator: OperatorProcess) -> None:
    wait_for_watch(server)
    server.faults.garbage_line(line)
    server.pods.delete("default", "web-0")
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())
    assert "Relisting the pods" in operator.log


def test_garbage_instead_of_a_listing_is_asked_for_again(start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=False) as server:
        server.pods.create(make_pod("web"))
        server.faults.add(Fault(kind="list", times=2, body=b"<html>welcome to the hotel</html>"))
        server.faults.add(Fault(kind="list", times=2, truncate=True))
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())


def test_a_watch_that_says_nothing_any_more_is_replaced(server: ApiServer, start_operator: StartOperator) -> None:
    operator = start_operator(server, WATCH_IDLE_SECONDS="1")
    operator.wait_until_ready()
    wait_for_watch(server)
    server.faults.stall_watches()
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


def test_a_streaming_list_that_never_ends_is_replaced_by_pages(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        server.pods.create(make_pod("web"))
        server.faults.add(Fault(kind="watch", stall=True, when=lambda request: "sendInitialEvents" in request.query))
        operator = start_operator(server, WATCH_IDLE_SECONDS="1")
        assert_equal(operator, server.pods.pods())


def test_a_streaming_list_that_breaks_off_begins_anew(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(1200))
        broken = Fault(kind="watch", times=3, after_events=700)
        broken.watch = END
        server.faults.add(broken)
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())


def is_streaming_list(request: RecordedRequest) -> bool:
    return "sendInitialEvents" in request.query


def is_resumed_watch(request: RecordedRequest) -> bool:
    return request.kind == "watch" and "resourceVersion" in request.query


@pytest.mark.parametrize("ends_at_once", [True, False])
def test_a_streaming_list_without_its_end_is_not_hammered_and_is_replaced_by_pages(
    ends_at_once: bool, start_operator: StartOperator
) -> None:
    with ApiServer() as server, Churn(server.pods):
        endless = Fault(kind="watch", when=is_streaming_list, withhold_end=True)
        if ends_at_once:
            endless.watch = END
        server.faults.add(endless)
        operator = start_operator(server, STREAMING_LIST_SECONDS="0.5")
        operator.wait_until_ready()
        assert endless.applied == 2
    assert operator.log.count("Listing the pods in pages, since streaming lists are unavailable") == 1


def test_a_second_page_that_is_always_expired_is_logged_and_not_hammered(start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=False) as server:
        server.pods.load(make_pod(f"web-{number}") for number in range(60))
        server.faults.add(Fault(expire_continue=True))
        operator = start_operator(server)
        operator.wait_until_log_says("page 2 of the list is not available")
        operator.wait_until_log_says("attempt 8 failed")
        lists = [request for request in server.requests if request.kind == "list" and "continue" not in request.query]
        assert len(lists) < (lists[-1].time - lists[0].time) / 0.1 + 5
        server.faults.clear()
        assert_equal(operator, server.pods.pods())


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_watch_that_always_fails_while_lists_work_does_not_freeze_the_index(
    status: int, server: ApiServer, operator: OperatorProcess
) -> None:
    wait_for_watch(server)
    server.faults.add(Fault(kind="watch", status=status, when=is_resumed_watch))
    for number in range(3):
        server.faults.cut_watches()
        server.pods.create(make_pod(f"new-{number}"))
        server.pods.delete("default", f"web-{number}")
        assert_equal(operator, server.pods.pods())


def test_an_outage_that_a_load_balancer_answers_leads_to_no_new_listing(
    server: ApiServer, operator: OperatorProcess
) -> None:
    wait_for_watch(server)
    outage = server.faults.add(Fault(status=502))
    server.faults.cut_watches()
    eventually(lambda: outage.applied >= 12)
    server.faults.clear()
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())
    assert operator.log.count("Listed ") == 1


def test_a_watch_that_ends_in_good_order_after_each_event_is_not_hammered(
    server: ApiServer, operator: OperatorProcess
) -> None:
    wait_for_watch(server)
    ending = Fault(kind="watch", after_events=1)
    ending.watch = END
    server.faults.add(ending)
    before = len(server.requests)
    start = time.monotonic()
    server.faults.end_watches()
    with Churn(server.pods):
        eventually(lambda: ending.applied >= 10)
        elapsed = time.monotonic() - start
        assert len(server.requests) - before < elapsed / 0.1 + 5
        server.faults.clear()
    assert_equal(operator, server.pods.pods())
    assert operator.log.count("Listed ") == 1
    assert operator.warnings() == []


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


def test_too_many_requests_are_answered_with_the_pause_that_was_asked_for(
    server: ApiServer, operator: OperatorProcess
) -> None:
    wait_for_watch(server)
    server.faults.add(Fault(status=429, retry_after=2, times=1))
    server.faults.cut_watches()
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())
    refused = next(request for request in server.requests if request.status == 429)
    following = next(request for request in server.requests if request.time > refused.time)
    assert following.time - refused.time >= 2


def test_an_outage_is_answered_from_what_is_known_and_does_not_make_a_hot_loop(
    server: ApiServer, operator: OperatorProcess
) -> None:
    pods = server.pods.pods()
    wait_for_watch(server)
    before = len(server.requests)
    outage = server.faults.add(Fault(status=503))
    server.faults.cut_watches()
    # A minute's worth, at a 150th of the default pause between attempts (RETRY_MAX_SECONDS).
    end = time.monotonic() + 60 / 150 * 5
    while time.monotonic() < end:
        assert_equal(operator, pods)
    server.pods.delete("default", "web-0")
    server.faults.remove(outage)
    assert_equal(operator, server.pods.pods())
    # Pauses are at least half of 0.2 s.
    assert len(server.requests) - before < 2.0 / 0.1 + 20
    assert "The API server is back: recovered after" in operator.log


def test_credentials_that_are_gone_for_a_while_are_taken_when_they_are_back(
    server: ApiServer, start_operator: StartOperator
) -> None:
    token = server.access.issue_token("pod-index", [Rule(["get", "list", "watch"])])
    operator = start_operator(server, token=token)
    pods = server.pods.pods()
    assert_equal(operator, pods)
    operator.kubeconfig.unlink()
    server.access.revoke_token(token)
    server.faults.cut_watches()
    operator.wait_until_log_says("attempt 8 failed")
    # Told with the first attempts and then ever less often, as the trouble itself is.
    assert 1 <= operator.log.count("cannot log in") <= operator.log.count("refuses the credentials")
    assert_equal(operator, pods)
    operator.kubeconfig.write_text(server.kubeconfig(server.access.issue_token("pod-index")))
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


@pytest.mark.parametrize("resource_version", [5, 1_000_000])
def test_a_server_that_comes_back_with_another_state_is_believed(
    resource_version: int, server: ApiServer, operator: OperatorProcess
) -> None:
    with Churn(server.pods):
        wait_for_watch(server)
    kept = list(server.pods.pods().values())[:3]
    assert_equal(operator, server.pods.pods())
    server.stop()
    server.pods.replace_all([*kept, make_pod("restored")], resource_version=resource_version)
    server.start()
    assert_equal(operator, server.pods.pods())
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


def test_a_pod_that_comes_back_from_a_backup_under_its_uid_is_served(
    server: ApiServer, operator: OperatorProcess
) -> None:
    backup = list(server.pods.pods().values())
    version = server.pods.resource_version
    server.pods.delete("default", "web-0")
    assert_equal(operator, server.pods.pods())
    server.stop()
    server.pods.replace_all(backup, resource_version=version)
    server.start()
    assert_equal(operator, {pod["metadata"]["uid"]: pod for pod in backup})


def test_a_server_that_ends_every_watch_at_once_is_not_hammered(server: ApiServer, operator: OperatorProcess) -> None:
    wait_for_watch(server)
    before = len(server.requests)
    fault = Fault(kind="watch")
    fault.watch = END
    server.faults.add(fault)
    start = time.monotonic()
    server.faults.cut_watches()
    eventually(lambda: fault.applied >= 8)
    assert len(server.requests) - before < (time.monotonic() - start) / 0.1 * 2 + 10
    server.faults.clear()
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


def test_a_handler_that_fails_by_our_fault_loses_nothing(server: ApiServer, start_operator: StartOperator) -> None:
    operator = start_operator(server, "-A", "tests/integration/saboteur.py", SABOTAGE="index")
    operator.wait_until_ready()
    uid = server.pods.create(make_pod("sabotaged"))["metadata"]["uid"]
    eventually(lambda: "an internal error" in operator.log)
    eventually(lambda: operator.lookup(uid))
    assert_equal(operator, server.pods.pods())


def test_handshakes_that_are_reset_close_nobody_elses_connection(start_operator: StartOperator) -> None:
    # uvloop closes the descriptor of such a connection twice, the second time when it may be a client's.
    with ApiServer(tls=True) as server, TcpProxy(server.port) as network, ExitStack() as clients:
        server.pods.create(make_pod("web"))
        operator = start_operator(Cluster(server, network), RETRY_MAX_SECONDS="0.01")
        assert_equal(operator, server.pods.pods())
        server.stop()
        # The network goes on accepting connections, and resets them, as nobody is behind it.
        before = network.connections
        kept: list[socket.socket] = []
        while network.connections - before < 300:
            client = socket.create_connection(("127.0.0.1", operator.port), timeout=10)
            kept.append(clients.enter_context(client))
            for client in kept[-3:]:
                assert is_healthy(client)
            if len(kept) > 10:
                kept.pop(0).close()
        server.start()
        server.pods.create(make_pod("new"))
        assert_equal(operator, server.pods.pods())


def is_healthy(client: socket.socket) -> bool:
    """Ask for /health on a connection that is kept."""
    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b'{"status":"healthy"}'):
        received = client.recv(1000)
        if not received:
            return False
        answer += received
    return True

"""After the first sync, the operator recovers from whatever the API server does.

Each test disturbs, changes pods meanwhile, and ends when the index equals the server's pods.
"""

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.apiserver import END, ApiServer, Fault, RecordedRequest, Rule, make_pod, watch_error
from tests.conftest import StartOperator
from tests.support.churn import Churn
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually

NAMES = [f"web-{number}" for number in range(20)]

_new_names = (f"new-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ApiServer]:
    with ApiServer(bookmark_interval=0.2) as server:
        yield server


@pytest.fixture(scope="module")
def shared_operator(shared_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with OperatorProcess(tmp_path_factory.mktemp("operator"), shared_server.kubeconfig()) as operator:
        operator.wait_until_ready()
        yield operator


@pytest.fixture
def server(shared_server: ApiServer) -> ApiServer:
    """The server of the module without faults, with the pods of ``NAMES`` and no others."""
    shared_server.faults.clear()
    existing = {pod["metadata"]["name"] for pod in shared_server.pods.pods().values()}
    for name in existing - set(NAMES):
        shared_server.pods.delete("default", name)
    shared_server.pods.load(make_pod(name) for name in NAMES if name not in existing)
    return shared_server


@pytest.fixture
def operator(server: ApiServer, shared_operator: OperatorProcess) -> OperatorProcess:
    """The operator of the module, which watches, and whose index equals the server's pods."""
    assert_equal(shared_operator, server.pods.pods())
    wait_for_watch(server)
    return shared_operator


def wait_for_watch(server: ApiServer) -> None:
    eventually(lambda: server.open_watches == 1)


def create_pod(server: ApiServer) -> str:
    """Create a pod under a new name; return its UID."""
    uid: str = server.pods.create(make_pod(next(_new_names)))["metadata"]["uid"]
    return uid


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_watch_whose_connection_is_cut_is_resumed_without_a_listing(
    times: int, server: ApiServer, operator: OperatorProcess
) -> None:
    before = len(server.requests)
    with Churn(server.pods):
        for _ in range(times):
            wait_for_watch(server)
            server.faults.cut_watches()
            eventually(lambda: server.open_watches == 0)
    assert_equal(operator, server.pods.pods())
    requests = server.requests[before:]
    assert not [request for request in requests if request.kind == "list" and request.query.get("limit") != "1"]


def test_a_watch_that_ends_regularly_is_resumed_without_a_warning(server: ApiServer, operator: OperatorProcess) -> None:
    warnings = operator.warnings()
    with Churn(server.pods) as churn:
        for _ in range(5):
            before = churn.rounds
            eventually(lambda before=before: churn.rounds > before + 5)  # type: ignore[misc]
            wait_for_watch(server)
            server.faults.end_watches()
    assert_equal(operator, server.pods.pods())
    assert operator.warnings() == warnings


@pytest.mark.parametrize("code", [500, 504, 429, 403])
def test_the_operator_recovers_from_error_events(code: int, server: ApiServer, operator: OperatorProcess) -> None:
    for _ in range(3):
        wait_for_watch(server)
        server.faults.watch_error(code, "InternalError", "etcdserver: leader changed")
        create_pod(server)
    assert_equal(operator, server.pods.pods())


def test_an_error_event_that_repeats_leads_to_a_new_listing(server: ApiServer, operator: OperatorProcess) -> None:
    version = str(server.pods.resource_version)
    stuck = Fault(kind="watch", when=lambda request: request.query.get("resourceVersion") == version)
    stuck.watch = watch_error(500, "InternalError", "unable to transform key")
    server.faults.add(stuck)
    server.faults.cut_watches()
    eventually(lambda: stuck.applied >= 3)
    create_pod(server)
    assert_equal(operator, server.pods.pods())


def test_half_a_line_is_not_an_event(server: ApiServer, operator: OperatorProcess) -> None:
    server.faults.half_line()
    create_pod(server)
    assert_equal(operator, server.pods.pods())


@pytest.mark.parametrize("line", [b"<html>502 Bad Gateway</html>", b"{}", b'{"type":"ADDED","object":{}}', b"\xff\x00"])
def test_garbage_leads_to_a_new_listing(line: bytes, server: ApiServer, operator: OperatorProcess) -> None:
    listings = operator.log.count("Relisting the pods")
    server.faults.garbage_line(line)
    server.pods.delete("default", "web-0")
    create_pod(server)
    assert_equal(operator, server.pods.pods())
    assert operator.log.count("Relisting the pods") > listings


def is_resumed_watch(request: RecordedRequest) -> bool:
    return request.kind == "watch" and "resourceVersion" in request.query


@pytest.mark.parametrize("status", [500, *(pytest.param(status, marks=pytest.mark.slow) for status in (502, 504))])
def test_if_watches_always_fail_while_lists_work_the_index_is_current(
    status: int, server: ApiServer, operator: OperatorProcess
) -> None:
    server.faults.add(Fault(kind="watch", status=status, when=is_resumed_watch))
    for name in NAMES[:3]:
        server.faults.cut_watches()
        create_pod(server)
        server.pods.delete("default", name)
        assert_equal(operator, server.pods.pods())


def test_an_outage_behind_a_load_balancer_leads_to_no_new_listing(server: ApiServer, operator: OperatorProcess) -> None:
    listings = operator.log.count("Listed ")
    outage = server.faults.add(Fault(status=502))
    server.faults.cut_watches()
    eventually(lambda: outage.applied >= 12)
    server.faults.clear()
    create_pod(server)
    assert_equal(operator, server.pods.pods())
    assert operator.log.count("Listed ") == listings


def test_a_watch_that_ends_regularly_after_each_event_is_not_flooded(
    server: ApiServer, operator: OperatorProcess
) -> None:
    listings, warnings = operator.log.count("Listed "), operator.warnings()
    ending = Fault(kind="watch", after_events=1)
    ending.watch = END
    server.faults.add(ending)
    before = len(server.requests)
    start = time.monotonic()
    server.faults.end_watches()
    with Churn(server.pods):
        eventually(lambda: ending.applied >= 10)
        # The requests are counted before the time is taken: a pause of this process between the two is harmless.
        assert len(server.requests) - before < (time.monotonic() - start) / 0.1 + 5
        server.faults.clear()
    assert_equal(operator, server.pods.pods())
    assert operator.log.count("Listed ") == listings
    assert operator.warnings() == warnings


def test_the_retry_after_of_a_429_is_respected(server: ApiServer, operator: OperatorProcess) -> None:
    server.faults.add(Fault(status=429, retry_after=2, times=1))
    server.faults.cut_watches()
    create_pod(server)
    assert_equal(operator, server.pods.pods())
    rejected = next(request for request in server.requests if request.status == 429)
    following = next(request for request in server.requests if request.time > rejected.time)
    assert following.time - rejected.time >= 2


def test_in_an_outage_requests_are_answered_from_the_index_and_attempts_pause(
    server: ApiServer, operator: OperatorProcess
) -> None:
    pods = server.pods.pods()
    before = len(server.requests)
    outage = server.faults.add(Fault(status=503))
    server.faults.cut_watches()
    start = time.monotonic()
    while time.monotonic() < start + 2:
        assert_equal(operator, pods)
    # Pauses are at least half of 0.2 s.
    assert len(server.requests) - before < (time.monotonic() - start) / 0.1 + 10
    server.pods.delete("default", "web-0")
    server.faults.remove(outage)
    assert_equal(operator, server.pods.pods())
    assert "The API server is back: recovered after" in operator.log


def test_credentials_that_disappear_are_used_again_when_they_are_back(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        server.pods.load(make_pod(name) for name in NAMES)
        token = server.access.issue_token("pod-index", [Rule(["get", "list", "watch"])])
        operator = start_operator(server, token=token)
        pods = server.pods.pods()
        assert_equal(operator, pods)
        operator.kubeconfig.unlink()
        server.access.revoke_token(token)
        server.faults.cut_watches()
        operator.wait_until_log_says("attempt 8 failed")
        # Logged with the first attempts and then ever less often, as the failed requests are.
        assert 1 <= operator.log.count("cannot log in") <= operator.log.count("refuses the credentials")
        assert_equal(operator, pods)
        operator.kubeconfig.write_text(server.kubeconfig(server.access.issue_token("pod-index")))
        create_pod(server)
        assert_equal(operator, server.pods.pods())


@pytest.mark.parametrize("resource_version", [5, 1_000_000])
def test_after_a_restore_the_index_equals_the_restored_state(
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
    create_pod(server)
    assert_equal(operator, server.pods.pods())


def test_a_deleted_pod_that_a_backup_brings_back_under_its_uid_is_served(
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


@pytest.mark.parametrize("streaming_list", ["true", "false"])
def test_after_a_restore_of_etcd_with_a_bumped_revision_the_index_equals_the_restored_state(
    streaming_list: str, start_operator: StartOperator
) -> None:
    with ApiServer(bookmark_interval=0.2) as server:
        server.pods.load(make_pod(name) for name in NAMES)
        operator = start_operator(server, STREAMING_LIST=streaming_list)
        backup = server.pods.pods()
        assert_equal(operator, backup)
        server.pods.delete("default", "web-0")
        server.pods.update("default", "web-1", lambda pod: pod["metadata"].update(labels={"lost": "yes"}))
        server.pods.create(make_pod("lost"))
        assert_equal(operator, server.pods.pods())
        server.stop()
        server.pods.replace_all(backup.values(), resource_version=server.pods.resource_version + 1_000_000)
        server.start()
        assert_equal(operator, backup)
        assert "The API server's history was reset" in operator.log
        assert b"pod_index_history_resets_total 1.0" in operator.get("/metrics")[2]
        server.pods.create(make_pod("new"))
        assert_equal(operator, server.pods.pods())


def test_a_server_that_ends_every_watch_at_once_is_not_flooded(server: ApiServer, operator: OperatorProcess) -> None:
    before = len(server.requests)
    fault = Fault(kind="watch")
    fault.watch = END
    server.faults.add(fault)
    start = time.monotonic()
    server.faults.cut_watches()
    eventually(lambda: fault.applied >= 8)
    assert len(server.requests) - before < (time.monotonic() - start) / 0.1 * 2 + 10
    server.faults.clear()
    create_pod(server)
    assert_equal(operator, server.pods.pods())


def test_a_handler_that_raises_loses_nothing(start_operator: StartOperator) -> None:
    with ApiServer() as server:
        operator = start_operator(server, "-A", "tests/integration/saboteur.py", SABOTAGE="index")
        operator.wait_until_ready()
        uid = server.pods.create(make_pod("sabotaged"))["metadata"]["uid"]
        eventually(lambda: "an internal error" in operator.log)
        eventually(lambda: operator.lookup(uid))
        assert_equal(operator, server.pods.pods())

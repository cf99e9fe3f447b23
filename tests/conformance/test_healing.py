"""The operator recovers from failures of the network, of its credentials and of its rights."""

import base64
import re
import time

import pytest
import trustme
import yaml

from tests.apiserver import make_pod
from tests.conformance.cluster import READER, Cluster
from tests.conftest import StartOperator
from tests.support.churn import Churn, relabel
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually


@pytest.fixture(autouse=True)
def five_pods(shared_cluster: Cluster) -> None:
    """Let five pods exist and no others of the tests."""
    shared_cluster.pods.delete_all()
    for number in range(5):
        shared_cluster.pods.create(make_pod(f"web-{number}"))


@pytest.mark.slow
@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_is_cut_fifty_times_in_a_row_loses_nothing(
    reset: bool, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    with Churn(shared_cluster.pods):
        for _ in range(50):
            before = shared_cluster.network.connections
            eventually(lambda: shared_cluster.network.cut(reset=reset) > 0)
            eventually(lambda before=before: shared_cluster.network.connections > before)  # type: ignore[misc]
    assert_equal(shared_operator, shared_cluster.pods.pods())


def test_a_silent_network_is_noticed(shared_cluster: Cluster, token: str, start_operator: StartOperator) -> None:
    operator = start_operator(shared_cluster, token=token, WATCH_IDLE_SECONDS="1")
    assert_equal(operator, shared_cluster.pods.pods())
    for name, failure in (("stalled", shared_cluster.network.stall), ("lost", shared_cluster.network.blackhole)):
        noticed = operator.log.count("has sent nothing for 1 s")
        failure()
        shared_cluster.pods.delete("default", f"web-{int(name == 'lost')}")
        shared_cluster.pods.create(make_pod(name))
        eventually(lambda noticed=noticed: operator.log.count("has sent nothing for 1 s") > noticed)  # type: ignore[misc]
        shared_cluster.network.resume()
        assert_equal(operator, shared_cluster.pods.pods())


def test_in_an_outage_requests_are_answered_from_the_index(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    before = shared_cluster.pods.pods()
    assert_equal(shared_operator, before)
    failures = shared_operator.log.count("cannot connect")
    with shared_cluster.cut_off():
        eventually(lambda: shared_operator.log.count("cannot connect") > failures)
        shared_cluster.pods.delete("default", "web-0")
        shared_cluster.pods.delete("default", "web-1")
        shared_cluster.pods.create(make_pod("web-1"))
        assert_equal(shared_operator, before)
    assert_equal(shared_operator, shared_cluster.pods.pods())


def test_the_age_of_the_responses_grows_in_an_outage(shared_cluster: Cluster, shared_operator: OperatorProcess) -> None:
    def age(path: str = "/api/v1/pods?namespace=default") -> int:
        seconds = shared_operator.get(path)[1]["age"]
        assert re.fullmatch("[0-9]+", seconds)
        return int(seconds)

    def is_current() -> bool:
        shared_cluster.pods.update("default", "web-0", relabel(time.monotonic_ns()))
        return age() == 0

    eventually(is_current)
    with shared_cluster.cut_off():
        eventually(lambda: age() >= 2)
        for path in ("/api/v1/pod", "/api/v1/pod?uid=unknown", "/api/v1/pods/lookup", "/api/v1/nothing"):
            assert age(path) >= 2, "error responses have an age too"
    eventually(is_current)


@pytest.mark.parametrize("streaming_list", ["true", "false"])
def test_pods_deleted_while_the_watch_was_down_are_gone_after_the_relist(
    streaming_list: str, shared_cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    operator = start_operator(shared_cluster, token=token, STREAMING_LIST=streaming_list)
    before = shared_cluster.pods.pods()
    assert_equal(operator, before)
    with shared_cluster.cut_off():
        shared_cluster.pods.delete("default", "web-0")
        shared_cluster.pods.delete("default", "web-1")
        shared_cluster.pods.create(make_pod("web-1"))
        shared_cluster.forget_history()
    after = shared_cluster.pods.pods()
    assert_equal(operator, after)
    for uid in before.keys() - after.keys():
        assert operator.lookup(uid) is None
    assert "Relisting the pods: the API server no longer has the resourceVersion to watch from (410" in operator.log


def test_a_revoked_token_is_replaced_by_the_one_in_the_kubeconfig(
    shared_cluster: Cluster, start_operator: StartOperator
) -> None:
    token = shared_cluster.access.issue_token("rotated", READER)
    operator = start_operator(shared_cluster, token=token)
    assert_equal(operator, shared_cluster.pods.pods())
    shared_cluster.access.revoke_token(token)

    def rejected() -> bool:
        shared_cluster.network.cut()
        return "401 Unauthorized" in operator.log

    eventually(rejected, every=0.2)
    operator.kubeconfig.write_text(shared_cluster.kubeconfig(shared_cluster.access.issue_token("rotated")))
    shared_cluster.pods.create(make_pod("new"))
    assert_equal(operator, shared_cluster.pods.pods())


def test_rights_may_come_after_the_start_and_the_index_survives_their_loss(
    shared_cluster: Cluster, start_operator: StartOperator
) -> None:
    operator = start_operator(shared_cluster, token=shared_cluster.access.issue_token("promoted", []))
    forbidden = "forbids reading pods (403 Forbidden"
    operator.wait_until_log_says(forbidden)
    assert operator.get("/ready")[0] == 503
    shared_cluster.access.set_rules("promoted", READER)
    before = shared_cluster.pods.pods()
    assert_equal(operator, before)
    failures = operator.log.count(forbidden)
    shared_cluster.access.set_rules("promoted", [])

    def rejected() -> bool:
        shared_cluster.network.cut()
        return operator.log.count(forbidden) > failures

    eventually(rejected, every=0.2)
    assert_equal(operator, before)
    shared_cluster.pods.delete("default", "web-0")
    shared_cluster.access.set_rules("promoted", READER)
    assert_equal(operator, shared_cluster.pods.pods())


def test_a_server_of_another_authority_is_not_trusted(shared_cluster: Cluster, start_operator: StartOperator) -> None:
    other, config = trustme.CA().cert_pem.bytes(), yaml.safe_load(shared_cluster.kubeconfig())
    config["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(other).decode()
    operator = start_operator(Kubeconfig(yaml.safe_dump(config)))
    operator.wait_until_log_says("attempt 2 failed")
    line = next(iter(operator.warnings()))
    assert f"the certificate of https://127.0.0.1:{shared_cluster.network.port} is not trusted" in line
    assert "check the CA" in line
    assert "Traceback" not in operator.log
    assert operator.get("/ready")[0] == 503


class Kubeconfig:
    """A fixed kubeconfig."""

    def __init__(self, text: str) -> None:
        self._text = text

    def kubeconfig(self, token: str | None = None) -> str:
        return self._text

"""Whatever happens to the network, the credentials and the rights, the operator finds its way back."""

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
def some_pods(cluster: Cluster) -> None:
    for number in range(5):
        cluster.pods.create(make_pod(f"web-{number}"))


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_is_cut_fifty_times_in_a_row_loses_nothing(
    reset: bool, cluster: Cluster, operator: OperatorProcess
) -> None:
    with Churn(cluster.pods):
        for _ in range(50):
            before = cluster.network.connections
            eventually(lambda: cluster.network.cut(reset=reset) > 0)
            eventually(lambda before=before: cluster.network.connections > before)  # type: ignore[misc]
    assert_equal(operator, cluster.pods.pods())


@pytest.mark.parametrize("trouble", ["stall", "blackhole"])
def test_a_network_that_swallows_everything_is_noticed(
    trouble: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    operator = start_operator(cluster, token=token, WATCH_IDLE_SECONDS="1")
    assert_equal(operator, cluster.pods.pods())
    getattr(cluster.network, trouble)()
    cluster.pods.delete("default", "web-0")
    cluster.pods.create(make_pod("new"))
    operator.wait_until_log_says("has sent nothing for 1 s")
    cluster.network.resume()
    assert_equal(operator, cluster.pods.pods())


def test_an_outage_is_answered_from_what_is_known(cluster: Cluster, operator: OperatorProcess) -> None:
    before = cluster.pods.pods()
    assert_equal(operator, before)
    cluster.network.refuse()
    cluster.network.cut()
    operator.wait_until_log_says("cannot connect")
    cluster.pods.delete("default", "web-0")
    cluster.pods.delete("default", "web-1")
    cluster.pods.create(make_pod("web-1"))
    assert_equal(operator, before)
    cluster.network.accept()
    assert_equal(operator, cluster.pods.pods())


def test_the_age_of_the_answers_grows_while_the_api_server_is_away(cluster: Cluster, operator: OperatorProcess) -> None:
    def age(path: str = "/api/v1/pods?namespace=default") -> int:
        told = operator.get(path)[1]["age"]
        assert re.fullmatch("[0-9]+", told)
        return int(told)

    def is_young() -> bool:
        cluster.pods.update("default", "web-0", relabel(time.monotonic_ns()))
        return age() == 0

    eventually(is_young)
    with cluster.cut_off():
        eventually(lambda: age() >= 2)
        for path in ("/api/v1/pod", "/api/v1/pod?uid=unknown", "/api/v1/pods/lookup", "/api/v1/nothing"):
            assert age(path) >= 2, "errors tell it too"
    eventually(is_young)


@pytest.mark.parametrize("streaming_list", ["true", "false"])
def test_pods_that_went_in_a_gap_without_a_history_are_gone_after_the_relist(
    streaming_list: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    operator = start_operator(cluster, token=token, STREAMING_LIST=streaming_list)
    before = cluster.pods.pods()
    assert_equal(operator, before)
    cluster.network.refuse()
    cluster.network.cut()
    cluster.pods.delete("default", "web-0")
    cluster.pods.delete("default", "web-1")
    cluster.pods.create(make_pod("web-1"))
    cluster.forget_history()
    cluster.network.accept()
    after = cluster.pods.pods()
    assert_equal(operator, after)
    for uid in before.keys() - after.keys():
        assert operator.lookup(uid) is None
    assert "Relisting the pods: the API server no longer has the resourceVersion to watch from (410" in operator.log


def test_a_token_that_is_revoked_is_replaced_by_the_one_in_the_kubeconfig(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    token = cluster.access.issue_token("rotated", READER)
    operator = start_operator(cluster, token=token)
    assert_equal(operator, cluster.pods.pods())
    cluster.access.revoke_token(token)

    def refused() -> bool:
        cluster.network.cut()
        return "401 Unauthorized" in operator.log

    eventually(refused, every=0.2)
    operator.kubeconfig.write_text(cluster.kubeconfig(cluster.access.issue_token("rotated")))
    cluster.pods.create(make_pod("new"))
    assert_equal(operator, cluster.pods.pods())


def test_rights_that_are_taken_and_given_back_leave_the_index_whole(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    operator = start_operator(cluster, token=cluster.access.issue_token("demoted", READER))
    before = cluster.pods.pods()
    assert_equal(operator, before)
    cluster.access.set_rules("demoted", [])

    def refused() -> bool:
        cluster.network.cut()
        return "forbids reading pods (403 Forbidden" in operator.log

    eventually(refused, every=0.2)
    assert_equal(operator, before)
    cluster.pods.delete("default", "web-0")
    cluster.access.set_rules("demoted", READER)
    assert_equal(operator, cluster.pods.pods())


def test_rights_that_come_after_the_start_are_enough(cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator(cluster, token=cluster.access.issue_token("promoted", []))
    operator.wait_until_log_says("forbids reading pods (403 Forbidden")
    assert operator.get("/ready")[0] == 503
    cluster.access.set_rules("promoted", READER)
    assert_equal(operator, cluster.pods.pods())


def test_a_server_of_another_authority_is_not_trusted(cluster: Cluster, start_operator: StartOperator) -> None:
    other, config = trustme.CA().cert_pem.bytes(), yaml.safe_load(cluster.kubeconfig())
    config["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(other).decode()
    operator = start_operator(Kubeconfig(yaml.safe_dump(config)))
    operator.wait_until_log_says(f"the certificate of https://127.0.0.1:{cluster.network.port} is not trusted")
    assert operator.get("/ready")[0] == 503


class Kubeconfig:
    """A kubeconfig that is a text already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def kubeconfig(self, token: str | None = None) -> str:
        return self._text

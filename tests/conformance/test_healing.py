"""Whatever happens to the network, the credentials and the rights, the operator finds its way back."""

import base64
from threading import Event, Thread
from types import TracebackType
from typing import Self

import pytest
import trustme
import yaml

from tests.apiserver import make_pod
from tests.conformance.cluster import READER, Cluster
from tests.conformance.test_sync import relabel
from tests.conftest import StartOperator
from tests.operator_process import OperatorProcess, assert_equal
from tests.polling import eventually


class Churn:
    """Creates, changes and deletes pods in a thread, as fast as the server takes it."""

    def __init__(self, cluster: Cluster) -> None:
        self._pods = cluster.pods
        self._stopped = Event()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(0.005):
            number += 1
            self._pods.create(make_pod(f"churn-{number}"))
            if number % 2 == 0:
                self._pods.update("default", f"churn-{number}", relabel(number))
            if number > 10:
                self._pods.delete("default", f"churn-{number - 10}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.fixture(autouse=True)
def some_pods(cluster: Cluster) -> None:
    for number in range(5):
        cluster.pods.create(make_pod(f"web-{number}"))


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_is_cut_fifty_times_in_a_row_loses_nothing(
    reset: bool, cluster: Cluster, operator: OperatorProcess
) -> None:
    with Churn(cluster):
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

"""An operator without a connection to its API server, and with a limit on the age of its data."""

import json
import re
import time
from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer, make_pod
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.kubernetes import TcpProxy
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(bookmark_interval=0.2, tls=True) as server:
        server.pods.create(make_pod("web"))
        yield server


@pytest.fixture
def network(server: ApiServer) -> Iterator[TcpProxy]:
    with TcpProxy(server.port) as network:
        yield network


def is_stale(operator: OperatorProcess) -> bool:
    status, _, body = operator.get("/ready")
    assert (status == 200) or b"stale: the API server confirmed the data " in body
    return status == 503


def test_without_a_network_it_is_unready_once_the_data_is_too_old_until_the_network_is_back(
    server: ApiServer, network: TcpProxy, start_operator: StartOperator
) -> None:
    operator = start_operator(Cluster(server, network), MAX_STALENESS_SECONDS="1.5")
    pods = server.pods.pods()
    assert_equal(operator, pods)
    network.blackhole()
    eventually(lambda: is_stale(operator))
    (uid,) = pods
    status, headers, body = operator.get("/ready")
    assert (status, headers["content-type"]) == (503, "application/json")
    reported = re.fullmatch(
        r".*confirmed the data (\d+) s ago, and MAX_STALENESS_SECONDS is 1\.5", json.loads(body)["error"]
    )
    # Rounded up.
    assert reported is not None
    assert int(reported[1]) >= 2
    assert operator.get("/health")[0] == 200
    status, headers, _ = operator.get(f"/api/v1/pod?uid={uid}")
    assert (status, int(headers["age"]) >= 1) == (200, True)
    assert operator.get("/api/v1/pod?uid=unknown")[0] == 404
    network.resume()
    eventually(lambda: not is_stale(operator))
    server.pods.create(make_pod("new"))
    assert_equal(operator, server.pods.pods())


def test_before_the_first_sync_it_is_not_synced_rather_than_stale(
    server: ApiServer, network: TcpProxy, start_operator: StartOperator
) -> None:
    network.blackhole()
    operator = start_operator(Cluster(server, network), MAX_STALENESS_SECONDS="0.1")
    operator.wait_until_listening()
    time.sleep(0.3)
    assert operator.get("/ready")[::2] == (503, b'{"error":"cache not synced"}')

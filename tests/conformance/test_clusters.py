"""Two clusters, each with a pod-index that knows the other."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.apiserver import ApiServer as SmallApiServer
from tests.apiserver import make_pod
from tests.conformance.cluster import READER, ApiServer
from tests.kubernetes import KubernetesApiServer
from tests.support.operator_process import OperatorProcess, expected_record
from tests.support.peers import write_peers
from tests.support.polling import eventually


@pytest.fixture
def other_server(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    """Another API server of the same kind."""
    if request.config.getoption("--context"):
        pytest.skip("there is one existing cluster")
    if request.config.getoption("--backend") == "real":
        with KubernetesApiServer(request.getfixturevalue("binaries")) as real:
            yield real
    else:
        with SmallApiServer(tls=True) as small:
            yield small


@pytest.fixture
def operators(api_server: ApiServer, other_server: ApiServer, tmp_path: Path) -> Iterator[list[OperatorProcess]]:
    """The pod-indexes of the clusters ``a`` and ``b``."""
    with ExitStack() as stack:
        started = []
        for name, server in (("a", api_server), ("b", other_server)):
            server.pods.delete_all()
            folder = tmp_path / name
            folder.mkdir()
            token = server.access.issue_token("reader", READER)
            environ = {"CLUSTER_NAME": name, "PEERS_FILE": str(tmp_path / "peers"), "PEER_TIMEOUT_SECONDS": "20"}
            started.append(OperatorProcess(folder, server.kubeconfig(token), environ=environ))
        write_peers(
            tmp_path / "peers",
            {name: f"http://127.0.0.1:{operator.port}" for name, operator in zip("ab", started, strict=True)},
        )
        for operator in started:
            stack.enter_context(operator)
        for operator in started:
            operator.wait_until_ready()
        yield started


def test_each_finds_the_pods_of_the_other(
    operators: list[OperatorProcess], api_server: ApiServer, other_server: ApiServer
) -> None:
    a, b = operators
    ours = api_server.pods.create(make_pod("ours"))
    theirs = other_server.pods.create(make_pod("theirs"))
    twins = [server.pods.create(make_pod("twin"))["metadata"]["uid"] for server in (api_server, other_server)]

    def ask(operator: OperatorProcess, identifier: str, options: str = "") -> tuple[int, str, Any]:
        status, headers, body = operator.get(f"/api/v1/pod?id={quote(identifier, safe='')}&clusters=all{options}")
        return status, headers.get("cluster", ""), json.loads(body)

    def wait_for(status: int, operator: OperatorProcess, identifier: str) -> None:
        eventually(lambda: ask(operator, identifier)[0] == status)

    for operator in operators:
        for name, pod in (("a", ours), ("b", theirs)):
            uid = pod["metadata"]["uid"]
            wait_for(200, operator, uid)
            assert ask(operator, uid) == (200, name, expected_record(pod))
        wait_for(409, operator, "default/twin")
        ids = json.dumps({"ids": [*twins, "default/none"]}).encode()
        _, _, body = operator.get("/api/v1/pods/lookup?clusters=all", "POST", ids)
        assert [result.get("cluster") for result in json.loads(body)["results"]] == ["a", "b", None]

    # It lives on in one cluster only: the living one comes before the deleted one.
    api_server.pods.delete("default", "twin")
    eventually(lambda: ask(a, "default/twin", "&includeDeleted=true")[1] == "b")
    status, cluster, record = ask(b, twins[0], "&includeDeleted=true")
    assert (status, cluster, "deletedAt" in record) == (200, "a", True)
    a.stop()
    assert ask(b, "default/none")[2] == {"error": "no answer from cluster a; not found in the others"}

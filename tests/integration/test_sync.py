"""Syncing on the small API server: what tests/conformance cannot ask of a real one."""

import json
import random
from pathlib import Path

import httpx
import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, assert_equal, expected_record
from tests.support.polling import eventually


@pytest.mark.parametrize("streaming_list", [True, False])
def test_five_thousand_pods_are_served(streaming_list: bool, start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=streaming_list) as server:
        server.pods.load(make_pod(f"web-{number}", labels={"app": "web"}) for number in range(5000))
        operator = start_operator(server)
        operator.wait_until_ready()
        assert operator.pod_count() == 5000
        pods = server.pods.pods()
        for uid in random.sample(sorted(pods), 500):
            assert operator.lookup(uid) == expected_record(pods[uid])


def test_a_relist_of_one_namespace_leaves_the_other_alone(server: ApiServer, start_operator: StartOperator) -> None:
    for namespace in ("one", "two", "three"):
        server.pods.create(make_pod("web", namespace))
    operator = start_operator(server, "-n", "one", "-n", "two")
    operator.wait_until_ready()

    def watched() -> dict[str, dict[str, object]]:
        return {uid: pod for uid, pod in server.pods.pods().items() if pod["metadata"]["namespace"] in ("one", "two")}

    assert_equal(operator, watched())
    # A relist of one must not remove the other's pods.
    server.pods.compact()
    server.faults.watch_error(410, "Expired")
    server.pods.delete("one", "web")
    server.pods.create(make_pod("new", "two"))
    assert_equal(operator, watched())
    paths = {request.path for request in server.requests}
    assert paths == {"/api/v1/namespaces/one/pods", "/api/v1/namespaces/two/pods"}


def test_ready_waits_for_all_namespaces(server: ApiServer, start_operator: StartOperator) -> None:
    blocked = server.faults.add(Fault(status=503, when=lambda request: "/two/" in request.path))
    pod = server.pods.create(make_pod("web", "one"))
    operator = start_operator(server, "-n", "one", "-n", "two")
    operator.wait_until_listening()
    eventually(lambda: operator.get(f"/api/v1/pod?uid={pod['metadata']['uid']}")[0] == 200)
    status, headers, body = operator.get("/api/v1/pod?uid=unknown")
    assert (status, headers["retry-after"], body) == (503, "1", b'{"error":"cache not synced"}')
    assert operator.get("/ready")[0] == 503
    server.faults.remove(blocked)
    operator.wait_until_ready()


def test_the_liveness_endpoint_tells_pods_sync_and_age(server: ApiServer, operator: OperatorProcess) -> None:
    server.pods.create(make_pod("web"))
    eventually(lambda: operator.pod_count() == 1)
    answer = json.loads(httpx.get(f"http://127.0.0.1:{operator.liveness_port}/healthz").raise_for_status().content)
    assert answer["pods"] == 1
    assert answer["synced"] is True
    assert answer["age"] >= 0


def test_the_readme_command_without_namespaces_works_too(server: ApiServer, tmp_path: Path) -> None:
    pod = server.pods.create(make_pod("web"))
    with OperatorProcess(tmp_path, server.kubeconfig(), "--standalone") as operator:
        eventually(lambda: operator.pod_count() == 1)
        assert operator.lookup(pod["metadata"]["uid"]) == expected_record(pod)

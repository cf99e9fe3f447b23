"""Syncing on the small API server, in ways that a real one does not allow."""

import json
import random
from pathlib import Path

import httpx
import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, assert_equal, expected_record
from tests.support.polling import eventually


@pytest.mark.parametrize(
    ("server_options", "setting", "how"),
    [
        pytest.param({}, "true", "by a streaming list (protobuf)", marks=pytest.mark.slow),
        pytest.param({"protobuf": False}, "true", "by a streaming list (JSON)", marks=pytest.mark.slow),
        ({"streaming_list": False}, "true", "by a whole list (protobuf)"),
        pytest.param({}, "false", "in pages (protobuf)", marks=pytest.mark.slow),
        pytest.param({"streaming_list": False, "protobuf": False}, "true", "in pages (JSON)", marks=pytest.mark.slow),
    ],
)
def test_five_thousand_pods_are_served(
    server_options: dict[str, bool], setting: str, how: str, start_operator: StartOperator
) -> None:
    with ApiServer(**server_options) as server:
        server.pods.load(make_pod(f"web-{number}", labels={"app": "web"}) for number in range(5000))
        operator = start_operator(server, STREAMING_LIST=setting)
        operator.wait_until_ready()
        assert how in operator.log
        assert operator.pod_count() == 5000
        pods = server.pods.pods()
        for uid in random.sample(sorted(pods), 500):
            assert operator.lookup(uid) == expected_record(pods[uid])


def test_ready_waits_for_all_namespaces_and_a_relist_of_one_keeps_the_pods_of_the_others(
    server: ApiServer, start_operator: StartOperator
) -> None:
    blocked = server.faults.add(Fault(status=503, when=lambda request: "/two/" in request.path))
    for namespace in ("one", "two", "three"):
        server.pods.create(make_pod("web", namespace))
    uid = server.pods.get("one", "web")["metadata"]["uid"]
    operator = start_operator(server, "-n", "one", "-n", "two")
    operator.wait_until_listening()
    eventually(lambda: operator.get(f"/api/v1/pod?uid={uid}")[0] == 200)
    status, headers, body = operator.get("/api/v1/pod?uid=unknown")
    assert (status, headers["retry-after"], body) == (503, "1", b'{"error":"cache not synced"}')
    assert operator.get("/ready")[0] == 503
    server.faults.remove(blocked)
    operator.wait_until_ready()
    assert operator.get("/api/v1/pod?uid=unknown")[0] == 404

    def watched() -> dict[str, dict[str, object]]:
        return {uid: pod for uid, pod in server.pods.pods().items() if pod["metadata"]["namespace"] in ("one", "two")}

    assert_equal(operator, watched())
    server.pods.compact()
    server.faults.watch_error(410, "Expired")
    server.pods.delete("one", "web")
    server.pods.create(make_pod("new", "two"))
    assert_equal(operator, watched())
    paths = {request.path for request in server.requests}
    assert paths == {"/api/v1/namespaces/one/pods", "/api/v1/namespaces/two/pods"}


def test_the_liveness_endpoint_reports_pods_sync_and_age(
    shared_server: ApiServer, shared_operator: OperatorProcess
) -> None:
    shared_server.pods.create(make_pod("liveness"))
    expected = len(shared_server.pods)
    assert expected > 0
    eventually(lambda: shared_operator.pod_count() == expected)
    url = f"http://127.0.0.1:{shared_operator.liveness_port}/healthz"
    reported = json.loads(httpx.get(url).raise_for_status().content)
    assert reported["pods"] == expected
    assert reported["synced"] is True
    assert reported["age"] >= 0


def test_the_readme_command_without_namespaces_works(server: ApiServer, tmp_path: Path) -> None:
    pod = server.pods.create(make_pod("web"))
    with OperatorProcess(tmp_path, server.kubeconfig(), "--standalone") as operator:
        eventually(lambda: operator.pod_count() == 1)
        assert operator.lookup(pod["metadata"]["uid"]) == expected_record(pod)

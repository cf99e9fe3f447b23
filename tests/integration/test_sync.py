"""The index equals the API server's pods: at the start, and while they come, change and go."""

import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.operator_process import OperatorProcess, assert_equal, expected_record
from tests.polling import eventually


@pytest.mark.parametrize("streaming_list", [True, False])
def test_what_exists_at_the_start_is_served(streaming_list: bool, start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=streaming_list) as server:
        for number in range(30):
            server.pods.create(make_pod(f"web-{number}", f"team-{number % 3}", node="node-1", ip="10.0.0.7"))
        operator = start_operator(server)
        assert_equal(operator, server.pods.pods())


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


@pytest.mark.parametrize("streaming_list", [True, False])
def test_an_empty_cluster_is_ready_with_no_pods(streaming_list: bool, start_operator: StartOperator) -> None:
    with ApiServer(streaming_list=streaming_list) as server:
        operator = start_operator(server)
        operator.wait_until_ready()
        assert operator.get("/ready")[2] == b'{"status":"ready","podCount":0}'
        assert operator.lookup("1234abcd") is None


def test_pods_that_come_change_and_go_are_followed(server: ApiServer, operator: OperatorProcess) -> None:
    names: list[str] = []
    numbers = iter(range(10_000))

    def relabel(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = {"change": str(next(numbers))}

    for number in range(300):
        match random.choice(["create", "create", "update", "delete"]):
            case "update" if names:
                server.pods.update("default", random.choice(names), relabel)
            case "delete" if names:
                server.pods.delete("default", names.pop(random.randrange(len(names))))
            case _:
                names.append(f"web-{number}")
                server.pods.create(make_pod(names[-1], labels={"app": "web"}))
    assert_equal(operator, server.pods.pods())


def test_a_pod_that_is_scheduled_started_and_finished_is_served_as_it_is(
    server: ApiServer, operator: OperatorProcess
) -> None:
    uid = server.pods.create(make_pod("web"))["metadata"]["uid"]
    for changes in (
        {"spec": {"nodeName": "node-7"}},
        {"status": {"phase": "Running", "podIP": "10.244.1.5"}},
        {"status": {"phase": "Running", "podIP": "10.244.1.6"}},
        {"status": {"phase": "Succeeded"}},
    ):
        pod = server.pods.update("default", "web", lambda pod, changes=changes: pod.update(changes))  # type: ignore[misc]
        eventually(lambda pod=pod: operator.lookup(uid) == expected_record(pod))  # type: ignore[misc]


def test_a_pod_that_is_recreated_under_its_name_is_another_pod(server: ApiServer, operator: OperatorProcess) -> None:
    old = server.pods.create(make_pod("web-0"))["metadata"]["uid"]
    eventually(lambda: operator.lookup(old))
    server.pods.delete("default", "web-0")
    new = server.pods.create(make_pod("web-0"))["metadata"]["uid"]
    eventually(lambda: operator.lookup(new))
    assert operator.lookup(old) is None


def test_a_pod_that_is_being_deleted_is_served_until_it_is_gone(start_operator: StartOperator) -> None:
    with ApiServer(termination_seconds=3600) as server:
        uid = server.pods.create(make_pod("web", node="node-1"))["metadata"]["uid"]
        operator = start_operator(server)
        operator.wait_until_ready()
        headers = {"Authorization": f"Bearer {server.access.admin_token}"}
        httpx.delete(f"{server.url}/api/v1/namespaces/default/pods/web", headers=headers).raise_for_status()
        assert server.pods.get("default", "web")["metadata"]["deletionTimestamp"]
        marker = server.pods.create(make_pod("marker"))["metadata"]["uid"]
        eventually(lambda: operator.lookup(marker))
        assert operator.lookup(uid) is not None
        server.pods.delete("default", "web")
        eventually(lambda: operator.lookup(uid) is None)


def test_unicode_and_very_large_annotations_are_served_whole(server: ApiServer, operator: OperatorProcess) -> None:
    annotations = {"größe": '日本語 🦭 \u2028 <&> \\ "', "large": "ü" * 131_072}
    pod = server.pods.create(make_pod("web", annotations=annotations))
    eventually(lambda: operator.lookup(pod["metadata"]["uid"]) == expected_record(pod))


def test_namespaces_are_scopes_of_their_own(server: ApiServer, start_operator: StartOperator) -> None:
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

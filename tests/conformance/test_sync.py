"""The index equals the API server's pods: at the start, and while they come, change and go."""

import random
from typing import Any

import pytest
import yaml
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config_dict

from pod_index.pods import LAST_APPLIED
from tests.apiserver import make_pod
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.support.churn import relabel
from tests.support.operator_process import OperatorProcess, assert_equal, expected_record
from tests.support.polling import eventually


@pytest.mark.parametrize("streaming_list", ["true", "false"])
def test_what_exists_at_the_start_is_served(
    streaming_list: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    cluster.pods.load(
        make_pod(f"web-{number}", f"team-{number % 3}", node="node-1", ip="10.0.0.7", phase="Running")
        for number in range(120)
    )
    operator = start_operator(cluster, token=token, STREAMING_LIST=streaming_list)
    assert_equal(operator, cluster.pods.pods())


@pytest.mark.parametrize("streaming_list", ["true", "false"])
def test_an_empty_cluster_is_ready_with_no_pods(
    streaming_list: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    if cluster.pods.pods():
        pytest.skip("this cluster has pods of its own")
    operator = start_operator(cluster, token=token, STREAMING_LIST=streaming_list)
    operator.wait_until_ready()
    assert operator.get("/ready")[2] == b'{"status":"ready","podCount":0}'
    assert operator.lookup("1234abcd") is None
    assert operator.warnings() == []


def test_pods_that_come_change_and_go_are_followed(cluster: Cluster, operator: OperatorProcess) -> None:
    names: list[str] = []
    for number in range(300):
        match random.choice(["create", "create", "update", "delete"]):
            case "update" if names:
                cluster.pods.update("default", random.choice(names), relabel(number))
            case "delete" if names:
                cluster.pods.delete("default", names.pop(random.randrange(len(names))))
            case _:
                names.append(f"web-{number}")
                cluster.pods.create(make_pod(names[-1], labels={"app": "web"}))
    assert_equal(operator, cluster.pods.pods())


def test_a_pod_that_is_scheduled_started_and_finished_is_served_as_it_is(
    cluster: Cluster, operator: OperatorProcess
) -> None:
    uid = cluster.pods.create(make_pod("web"))["metadata"]["uid"]

    def schedule(pod: dict[str, Any]) -> None:
        pod["spec"]["nodeName"] = "node-7"

    def run(pod: dict[str, Any]) -> None:
        pod["status"].update(phase="Running", podIP="10.244.1.5", podIPs=[{"ip": "10.244.1.5"}])

    def move(pod: dict[str, Any]) -> None:
        pod["status"].update(podIP="10.244.1.6", podIPs=[{"ip": "10.244.1.6"}])

    def finish(pod: dict[str, Any]) -> None:
        pod["status"]["phase"] = "Succeeded"

    for change in (schedule, run, move, finish):
        pod = cluster.pods.update("default", "web", change)
        eventually(lambda pod=pod: operator.lookup(uid) == expected_record(pod))  # type: ignore[misc]
    assert_equal(operator, cluster.pods.pods())


def test_the_manifest_of_a_pod_is_not_served(cluster: Cluster, operator: OperatorProcess) -> None:
    pod = make_pod("web")
    pod["metadata"]["annotations"] = {"note": "x", LAST_APPLIED: '{"env": [{"name": "PASSWORD", "value": "s3cret"}]}'}
    uid = cluster.pods.create(pod)["metadata"]["uid"]
    eventually(lambda: operator.lookup(uid))
    served = operator.lookup(uid)
    assert served is not None
    assert served["annotations"] == {"note": "x"}
    assert b"s3cret" not in operator.get("/api/v1/pods?namespace=default")[2]


def test_a_pod_that_is_recreated_under_its_name_is_another_pod(cluster: Cluster, operator: OperatorProcess) -> None:
    old = cluster.pods.create(make_pod("web-0"))["metadata"]["uid"]
    eventually(lambda: operator.lookup(old))
    cluster.pods.delete("default", "web-0")
    new = cluster.pods.create(make_pod("web-0"))["metadata"]["uid"]
    eventually(lambda: operator.lookup(new))
    assert operator.lookup(old) is None


def test_a_pod_that_is_being_deleted_is_served_until_it_is_gone(cluster: Cluster, operator: OperatorProcess) -> None:
    pod = make_pod("web")
    pod["metadata"]["finalizers"] = ["example.com/wait"]
    uid = cluster.pods.create(pod)["metadata"]["uid"]
    with new_client_from_config_dict(yaml.safe_load(cluster.kubeconfig())) as client:
        owner = CoreV1Api(client)
        owner.delete_namespaced_pod("web", "default", grace_period_seconds=0)
        assert cluster.pods.pods()[uid]["metadata"]["deletionTimestamp"]
        marker = cluster.pods.create(make_pod("marker"))["metadata"]["uid"]
        eventually(lambda: operator.lookup(marker))
        assert operator.lookup(uid) is not None
        owner.patch_namespaced_pod("web", "default", {"metadata": {"finalizers": None}})
    eventually(lambda: operator.lookup(uid) is None)
    assert_equal(operator, cluster.pods.pods())


def test_unicode_and_very_large_annotations_are_served_whole(cluster: Cluster, operator: OperatorProcess) -> None:
    annotations = {"example.com/unicode": '日本語 🦭 \u2028 <&> \\ "', "example.com/large": "ü" * 130_000}
    pod = cluster.pods.create(make_pod("web", annotations=annotations))
    eventually(lambda: operator.lookup(pod["metadata"]["uid"]) == expected_record(pod))


def test_namespaces_are_scopes_of_their_own(cluster: Cluster, start_operator: StartOperator) -> None:
    for namespace in ("one", "two", "three"):
        cluster.pods.create(make_pod("web", namespace))
    operator = start_operator(cluster, "-n", "one", "-n", "two")
    operator.wait_until_ready()

    def watched() -> dict[str, dict[str, Any]]:
        pods = cluster.pods.pods().items()
        return {uid: pod for uid, pod in pods if pod["metadata"]["namespace"] in ("one", "two")}

    assert_equal(operator, watched())
    cluster.network.cut()
    cluster.pods.delete("one", "web")
    cluster.pods.create(make_pod("new", "two"))
    cluster.pods.create(make_pod("new", "three"))
    assert_equal(operator, watched())

"""The index equals the API server's pods: at the start, and while pods are created, changed and deleted."""

import random
from typing import Any

import pytest
import yaml
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config_dict

from pod_index.keeping import LAST_APPLIED
from tests.apiserver import make_pod
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.support.churn import relabel
from tests.support.operator_process import OperatorProcess, assert_equal, expected_record
from tests.support.polling import eventually


@pytest.mark.parametrize("streaming_list", ["true", "false"])
def test_pods_that_exist_at_the_start_are_served(
    streaming_list: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    cluster.pods.load(
        make_pod(f"web-{number}", f"team-{number % 3}", node="node-1", ip="10.0.0.7", phase="Running")
        for number in range(120)
    )
    operator = start_operator(cluster, token=token, STREAMING_LIST=streaming_list)
    assert_equal(operator, cluster.pods.pods())
    assert operator.warnings() == []


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


def test_created_changed_and_deleted_pods_are_followed(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    names: list[str] = []
    for number in range(300):
        match random.choice(["create", "create", "update", "delete"]):
            case "update" if names:
                shared_cluster.pods.update("default", random.choice(names), relabel(number))
            case "delete" if names:
                shared_cluster.pods.delete("default", names.pop(random.randrange(len(names))))
            case _:
                names.append(f"followed-{number}")
                shared_cluster.pods.create(make_pod(names[-1], labels={"app": "web"}))
    assert_equal(shared_operator, shared_cluster.pods.pods())


def test_each_state_of_a_pod_is_served_from_its_binding_to_its_end(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    uid = shared_cluster.pods.create(make_pod("scheduled"))["metadata"]["uid"]

    def schedule(pod: dict[str, Any]) -> None:
        pod["spec"]["nodeName"] = "node-7"

    def run(pod: dict[str, Any]) -> None:
        pod["status"].update(phase="Running", podIP="10.244.1.5", podIPs=[{"ip": "10.244.1.5"}])

    def move(pod: dict[str, Any]) -> None:
        pod["status"].update(podIP="10.244.1.6", podIPs=[{"ip": "10.244.1.6"}])

    def finish(pod: dict[str, Any]) -> None:
        pod["status"]["phase"] = "Succeeded"

    for change in (schedule, run, move, finish):
        pod = shared_cluster.pods.update("default", "scheduled", change)
        eventually(lambda pod=pod: shared_operator.lookup(uid) == expected_record(pod))  # type: ignore[misc]
    assert_equal(shared_operator, shared_cluster.pods.pods())


def test_the_last_applied_manifest_of_a_pod_is_not_served(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    pod = make_pod("applied")
    pod["metadata"]["annotations"] = {"note": "x", LAST_APPLIED: '{"env": [{"name": "PASSWORD", "value": "s3cret"}]}'}
    uid = shared_cluster.pods.create(pod)["metadata"]["uid"]
    eventually(lambda: shared_operator.lookup(uid))
    served = shared_operator.lookup(uid)
    assert served is not None
    assert served["annotations"] == {"note": "x"}
    assert b"s3cret" not in shared_operator.get("/api/v1/pods?namespace=default")[2]


def test_a_pod_recreated_under_its_name_is_another_pod(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    old = shared_cluster.pods.create(make_pod("recreated"))["metadata"]["uid"]
    eventually(lambda: shared_operator.lookup(old))
    shared_cluster.pods.delete("default", "recreated")
    new = shared_cluster.pods.create(make_pod("recreated"))["metadata"]["uid"]
    eventually(lambda: shared_operator.lookup(new))
    assert shared_operator.lookup(old) is None


def test_a_terminating_pod_is_served_until_it_is_deleted(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    pod = make_pod("terminating")
    pod["metadata"]["finalizers"] = ["example.com/wait"]
    uid = shared_cluster.pods.create(pod)["metadata"]["uid"]
    with new_client_from_config_dict(yaml.safe_load(shared_cluster.kubeconfig())) as client:
        owner = CoreV1Api(client)
        owner.delete_namespaced_pod("terminating", "default", grace_period_seconds=0)
        assert shared_cluster.pods.pods()[uid]["metadata"]["deletionTimestamp"]
        marker = shared_cluster.pods.create(make_pod("marker"))["metadata"]["uid"]
        eventually(lambda: shared_operator.lookup(marker))
        assert shared_operator.lookup(uid) is not None
        owner.patch_namespaced_pod("terminating", "default", {"metadata": {"finalizers": None}})
    eventually(lambda: shared_operator.lookup(uid) is None)
    assert_equal(shared_operator, shared_cluster.pods.pods())


def test_unicode_and_very_large_annotations_are_served_whole(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    annotations = {"example.com/unicode": '日本語 🦭 \u2028 <&> \\ "', "example.com/large": "ü" * 130_000}
    pod = shared_cluster.pods.create(make_pod("unicode", annotations=annotations))
    eventually(lambda: shared_operator.lookup(pod["metadata"]["uid"]) == expected_record(pod))


def test_the_pods_of_selected_namespaces_are_followed(cluster: Cluster, start_operator: StartOperator) -> None:
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

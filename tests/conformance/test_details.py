"""Details of pods as API servers send them, with real ReplicaSets and Jobs as owners on a real one."""

from typing import Any

import pytest

from tests.apiserver import container_status, make_pod
from tests.conformance.asking import ask, catch_up, container_id, create, listed, pages
from tests.conformance.cluster import Cluster
from tests.kubernetes import ExistingCluster, KubernetesApiServer
from tests.support.operator_process import OperatorProcess
from tests.support.workload_cases import Case, cases

_TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "registry.example.com/app:1"}]}}


def _make_owner(cluster: Cluster, reference: dict[str, Any], namespace: str) -> None:
    """Create the object of an owner reference, if it is of a built-in kind, and refer to its UID."""
    if isinstance(cluster.server, ExistingCluster):
        pytest.skip("its controllers would create pods and delete others")
    if not isinstance(cluster.server, KubernetesApiServer):
        return
    metadata = {"name": reference["name"], "namespace": namespace}
    labels = {"app": reference["name"][:63].strip("-")}
    template = _TEMPLATE | {"metadata": {"labels": labels}}
    match reference["apiVersion"], reference["kind"]:
        case "apps/v1", "ReplicaSet":
            path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
            spec = {"selector": {"matchLabels": labels}, "template": template}
        case "batch/v1", "Job":
            path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
            spec = {"template": {**_TEMPLATE, "spec": _TEMPLATE["spec"] | {"restartPolicy": "Never"}}}
        case _:
            return
    reference["uid"] = cluster.server.create(path, {"metadata": metadata, "spec": spec})["metadata"]["uid"]


def detailed(operator: OperatorProcess, **parameters: str) -> dict[str, Any]:
    status, _, pod = ask(operator, **parameters, details="true")
    assert status == 200
    found: dict[str, Any] = pod
    return found


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.pod["metadata"]["name"][:30])
def test_the_workload_of_a_pod_follows_from_its_controller_and_finds_the_pod(
    case: Case, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    shared_cluster.pods.create(make_pod(f"first-of-{case.pod['metadata']['name'][:40]}", "workloads"))
    for reference in case.owners:
        if reference.get("controller"):
            _make_owner(shared_cluster, reference, "workloads")
    uid = create(shared_cluster, shared_operator, case.pod)
    pod = detailed(shared_operator, uid=uid)
    api_version, kind, name, source = case.workload
    assert pod["workload"] == {"apiVersion": api_version, "kind": kind, "name": name, "source": source}
    controllers = [reference for reference in case.owners if reference.get("controller")]
    fields = ("apiVersion", "kind", "name", "uid")
    assert pod.get("owner") == next(({field: owner[field] for field in fields} for owner in controllers), None)
    assert uid in listed(shared_operator, workload=case.key, namespace="workloads")
    assert listed(shared_operator, workload=case.key, namespace="default") == []


def test_containers_of_all_types_have_the_spec_and_the_status_joined_by_name(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    content = make_pod("all-types", phase="Running")
    content["spec"] |= {
        "initContainers": [
            {"name": "init", "image": "example.com/init:1"},
            {"name": "proxy", "image": "example.com/proxy:1", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "main", "image": "app:v2"}, {"name": "other", "image": "example.com/other:1"}],
    }
    ids = {name: f"containerd://{container_id(f'details {name}')}" for name in ("main", "proxy", "debug")}
    main = container_status("main", ids["main"]) | {"image": "sha256:0123", "imageID": "example.com/app@sha256:4567"}
    content["status"]["containerStatuses"] = [main]
    content["status"]["initContainerStatuses"] = [container_status("proxy", ids["proxy"])]
    uid = create(shared_cluster, shared_operator, content)

    def debug(pod: dict[str, Any]) -> None:
        pod["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "example.com/debug:1"}]
        pod["status"]["ephemeralContainerStatuses"] = [container_status("debug", ids["debug"])]

    shared_cluster.pods.update("default", "all-types", debug)
    catch_up(shared_cluster, shared_operator)
    containers = detailed(shared_operator, uid=uid)["containers"]
    assert [
        (found["name"], found["type"], found["image"], found.get("containerID"), found.get("imageID"))
        for found in containers
    ] == [
        ("init", "init", "example.com/init:1", None, None),
        ("proxy", "sidecar", "example.com/proxy:1", ids["proxy"], None),
        ("main", "container", "app:v2", ids["main"], "example.com/app@sha256:4567"),
        ("other", "container", "example.com/other:1", None, None),
        ("debug", "ephemeral", "example.com/debug:1", ids["debug"], None),
    ]
    for name, found_id in ids.items():
        assert detailed(shared_operator, id=found_id)["matchedContainer"] == {"name": name, "previous": False}
    unknown = container_id("not reported yet")
    pod = detailed(shared_operator, id=f"/kubepods/pod{uid}/{unknown}")
    assert (pod["uid"], "matchedContainer" in pod) == (uid, False)
    log = detailed(shared_operator, id=f"/var/log/pods/default_all-types_{uid}/other/0.log")
    assert log["matchedContainer"] == {"name": "other", "previous": False}
    assert [found for page in pages(shared_operator, namespace="default", details="true") for found in page]


def test_a_restart_that_only_changes_the_id_has_a_new_container_and_a_previous_one(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    before, now = container_id("details before"), container_id("details now")
    uid = create(shared_cluster, shared_operator, make_pod("restarts", container_id=f"containerd://{before}"))
    assert detailed(shared_operator, id=before)["matchedContainer"] == {"name": "main", "previous": False}

    def restart(pod: dict[str, Any]) -> None:
        (status,) = pod["status"]["containerStatuses"]
        ended = {"containerID": f"containerd://{before}", "exitCode": 0}
        status |= {"containerID": f"containerd://{now}", "lastState": {"terminated": ended}}

    shared_cluster.pods.update("default", "restarts", restart)
    catch_up(shared_cluster, shared_operator)
    for found_id, previous in ((before, True), (now, False)):
        pod = detailed(shared_operator, id=f"/kubepods/pod{uid}/{found_id}")
        assert pod["matchedContainer"] == {"name": "main", "previous": previous}
    shared_cluster.pods.delete("default", "restarts")
    catch_up(shared_cluster, shared_operator)
    pod = detailed(shared_operator, id=before, includeDeleted="true")
    assert (pod["matchedContainer"], "deletedAt" in pod) == ({"name": "main", "previous": True}, True)

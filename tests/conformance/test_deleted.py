"""Deleted pods are found with ``includeDeleted=true``."""

import datetime
from typing import Any

import pytest

from tests.apiserver import make_pod
from tests.conformance.asking import address, ask, catch_up, container_id, create, found, running
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, expected_record
from tests.support.polling import eventually


def deleted(operator: OperatorProcess, **parameters: str) -> dict[str, Any]:
    """Return the record of a deleted pod, without its ``deletedAt``, which must be a time in UTC."""
    status, _, record = ask(operator, includeDeleted="true", **parameters)
    assert status == 200, record
    assert isinstance(record, dict)
    moment = datetime.datetime.fromisoformat(record.pop("deletedAt"))
    assert moment.utcoffset() == datetime.timedelta(0)
    assert moment >= datetime.datetime.fromisoformat(record["createdAt"])
    return record


def test_a_deleted_pod_is_found_by_all_its_identifiers(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip, bare = address(), container_id("deleted")
    pod = running("gone", ip=ip, node="node-1", container_id=f"containerd://{bare}", labels={"app": "web"})
    uid = create(shared_cluster, shared_operator, pod)
    record = expected_record(shared_cluster.pods.get("default", "gone"))
    ways = {
        "uid": {"uid": uid},
        "cgroup": {"id": f"/kubepods/burstable/pod{uid}"},
        "containerID": {"containerID": f"containerd://{bare}"},
        "ip": {"ip": ip},
        "name": {"namespace": "default", "name": "gone"},
    }
    for parameters in ways.values():
        status, _, content = ask(shared_operator, includeDeleted="true", **parameters)
        assert (status, content) == (200, record), "a live pod has no time of deletion"
    shared_cluster.pods.delete("default", "gone")
    catch_up(shared_cluster, shared_operator)
    for parameters in ways.values():
        assert found(shared_operator, **parameters) is None
        assert deleted(shared_operator, **parameters) == record


def test_a_live_pod_precedes_a_deleted_pod_of_the_same_name(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    old = create(shared_cluster, shared_operator, make_pod("database-0"))
    shared_cluster.pods.delete("default", "database-0")
    new = create(shared_cluster, shared_operator, make_pod("database-0"))
    name = {"namespace": "default", "name": "database-0"}
    assert found(shared_operator, **name) == (new, "name")
    assert found(shared_operator, **name, includeDeleted="true") == (new, "name")
    assert found(shared_operator, uid=old) is None
    assert deleted(shared_operator, uid=old)["uid"] == old
    shared_cluster.pods.delete("default", "database-0")
    catch_up(shared_cluster, shared_operator)
    assert deleted(shared_operator, **name)["uid"] == new, "not the last deleted pod"


def test_a_live_pod_precedes_a_deleted_pod_of_the_same_ip(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    ip = address()
    old = create(shared_cluster, shared_operator, running("had-the-ip", ip=ip, started="2025-01-02T00:00:00Z"))
    shared_cluster.pods.delete("default", "had-the-ip")
    catch_up(shared_cluster, shared_operator)
    assert deleted(shared_operator, ip=ip)["uid"] == old
    new = create(shared_cluster, shared_operator, running("has-the-ip", ip=ip, started="2025-01-01T00:00:00Z"))
    assert found(shared_operator, ip=ip, includeDeleted="true") == (new, "ip")


def test_a_path_of_a_deleted_and_a_live_pod_finds_the_likelier_one_of_those_included(
    shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    bare = container_id("of the live one")
    gone = create(shared_cluster, shared_operator, make_pod("named-first"))
    live = create(shared_cluster, shared_operator, running("named-last", container_id=f"containerd://{bare}"))
    path = f"/kubepods/burstable/pod{gone}/{bare}"
    assert found(shared_operator, id=path, includeDeleted="true") == (gone, "uid")
    shared_cluster.pods.delete("default", "named-first")
    catch_up(shared_cluster, shared_operator)
    assert found(shared_operator, id=path) == (live, "containerID")
    assert deleted(shared_operator, id=path)["uid"] == gone


@pytest.mark.parametrize("history", ["whole", "forgotten"])
def test_pods_deleted_and_recreated_while_the_watch_was_down_are_distinguished(
    history: str, shared_cluster: Cluster, shared_operator: OperatorProcess
) -> None:
    old = create(shared_cluster, shared_operator, make_pod(f"replaced-{history}", labels={"app": "old"}))
    gone = create(shared_cluster, shared_operator, make_pod(f"gone-{history}"))
    with shared_cluster.cut_off():
        shared_cluster.pods.delete("default", f"gone-{history}")
        shared_cluster.pods.delete("default", f"replaced-{history}")
        new = shared_cluster.pods.create(make_pod(f"replaced-{history}"))["metadata"]["uid"]
        assert found(shared_operator, id=f"default/replaced-{history}") == (old, "name"), "the operator is cut off"
        if history == "forgotten":
            shared_cluster.forget_history()
    eventually(lambda: found(shared_operator, uid=new))
    eventually(lambda: found(shared_operator, uid=gone) is None)
    assert found(shared_operator, id=f"default/replaced-{history}", includeDeleted="true") == (new, "name")
    assert found(shared_operator, uid=old) is None
    assert deleted(shared_operator, uid=old)["labels"] == {"app": "old"}
    assert deleted(shared_operator, id=f"default/gone-{history}")["uid"] == gone


def test_a_retention_of_zero_forgets_deleted_pods_at_once(
    shared_cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    operator = start_operator(shared_cluster, token=token, DELETED_RETENTION_SECONDS="0")
    operator.wait_until_ready()
    uid = create(shared_cluster, operator, make_pod("forgotten"))
    shared_cluster.pods.delete("default", "forgotten")
    catch_up(shared_cluster, operator)
    assert found(operator, uid=uid, includeDeleted="true") is None
    assert found(operator, id="default/forgotten", includeDeleted="true") is None


def test_the_oldest_deleted_pods_beyond_the_maximum_are_forgotten(
    shared_cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    operator = start_operator(shared_cluster, token=token, DELETED_RETENTION_MAX="2")
    operator.wait_until_ready()
    uids = [create(shared_cluster, operator, make_pod(f"kept-{number}")) for number in range(4)]
    for number in range(4):
        shared_cluster.pods.delete("default", f"kept-{number}")
    eventually(lambda: operator.lookup(uids[-1]) is None)
    kept = [found(operator, uid=uid, includeDeleted="true") is not None for uid in uids]
    assert kept == [False, False, True, True]

"""Streams of pods on any API server: copies that clients keep, and lists of the same pods."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver import make_pod
from tests.conformance.asking import container_id, pages
from tests.conformance.cluster import Cluster
from tests.support.churn import relabel
from tests.support.follower import Follower
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

VIEWS: tuple[dict[str, str], ...] = (
    {"node": "followed-1"},
    {"node": "followed-1", "details": "true"},
    {"namespace": "followed", "workload": "StatefulSet/db"},
    {"namespace": "followed", "workload": "StatefulSet/db", "details": "true"},
    {"namespace": "followed"},
    {"all": "true", "details": "true"},
)


@pytest.fixture
def followers(shared_cluster: Cluster, shared_operator: OperatorProcess) -> Iterator[list[Follower]]:
    """Clients that follow each view."""
    shared_cluster.pods.delete_all()
    queries = ["&".join(f"{name}={value}" for name, value in view.items()) for view in VIEWS]
    started = [Follower(lambda: ("127.0.0.1", shared_operator.port), query, pause_seconds=0.1) for query in queries]
    yield started
    for follower in started:
        follower.stop()


def member(name: str) -> dict[str, Any]:
    """A pod of a StatefulSet."""
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "of-db", "controller": True}
    pod = make_pod(name, "followed", node="followed-1", container_id=f"containerd://{container_id(name)}")
    pod["metadata"]["ownerReferences"] = [owner]
    return pod


def bind(pod: dict[str, Any]) -> None:
    pod["spec"]["nodeName"] = "followed-1"


def release(pod: dict[str, Any]) -> None:
    """Take the pod from its owner."""
    pod["metadata"]["ownerReferences"] = []


def restart(pod: dict[str, Any]) -> None:
    """Change nothing but details."""
    (status,) = pod["status"]["containerStatuses"]
    status["restartCount"] += 1
    status["containerID"] = f"containerd://{container_id('followed restart')}"


def assert_followed(followers: list[Follower], cluster: Cluster, operator: OperatorProcess, counts: list[int]) -> None:
    """Assert that each copy is what a list has, and that this is what exists."""

    def listed(view: dict[str, str]) -> dict[str, Any]:
        return {pod["uid"]: pod for page in pages(operator, **view) for pod in page}

    for follower, view, count in zip(followers, VIEWS, counts, strict=True):
        eventually(lambda follower=follower, count=count: len(follower.pods) == count)  # type: ignore[misc]
        eventually(lambda follower=follower, view=view: follower.pods == listed(view))  # type: ignore[misc]
    eventually(lambda: set(cluster.pods.pods()) == followers[-1].pods.keys())


def test_copies_of_views_equal_lists_through_changes_and_a_relist(
    shared_cluster: Cluster, shared_operator: OperatorProcess, followers: list[Follower]
) -> None:
    pods = shared_cluster.pods
    for name in ("db-0", "db-1", "db-2"):
        pods.create(member(name))
    pods.create(make_pod("waiting", "followed"))
    assert_followed(followers, shared_cluster, shared_operator, [3, 3, 3, 3, 4, 4])
    pods.update("followed", "waiting", bind)
    pods.update("followed", "db-0", restart)
    pods.update("followed", "db-1", release)
    pods.delete("followed", "db-2")
    pods.create(member("db-2"))
    pods.create(member("db-3"))
    assert_followed(followers, shared_cluster, shared_operator, [5, 5, 3, 3, 5, 5])
    restarts = [pod["containers"][0]["restartCount"] for pod in followers[1].pods.values() if pod["name"] == "db-0"]
    assert restarts == [1]
    with shared_cluster.cut_off():
        pods.delete("followed", "db-0")
        pods.update("followed", "db-2", release)
        pods.update("followed", "db-3", relabel(1))
        shared_cluster.forget_history()
    assert_followed(followers, shared_cluster, shared_operator, [4, 4, 1, 1, 4, 4])
    assert all(follower.starts == [False] for follower in followers), "no stream has ended"

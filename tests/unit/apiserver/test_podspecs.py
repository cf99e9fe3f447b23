"""The generated pods."""

from __future__ import annotations

import json

import pytest

from tests.apiserver import PodStore, container_status, make_pod, realistic_pod


def test_a_minimal_pod_leaves_out_what_is_empty() -> None:
    pod = make_pod("web")
    assert pod["metadata"] == {"name": "web", "namespace": "default"}
    assert "nodeName" not in pod["spec"]
    assert pod["status"] == {"phase": "Pending"}


def test_a_minimal_pod_has_what_it_is_given() -> None:
    pod = make_pod("web", "a", node="n", ip="10.0.0.1", phase="Running", labels={"a": "b"}, annotations={"c": "d"})
    assert (pod["metadata"]["labels"], pod["metadata"]["annotations"]) == ({"a": "b"}, {"c": "d"})
    assert pod["spec"]["nodeName"] == "n"
    assert pod["status"] == {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}


def test_a_minimal_pod_with_a_container_id_has_the_status_of_its_container() -> None:
    pod = make_pod("web", phase="Running", container_id="containerd://1")
    (status,) = pod["status"]["containerStatuses"]
    assert (status["name"], status["containerID"]) == (pod["spec"]["containers"][0]["name"], "containerd://1")
    assert (status["lastState"], status["restartCount"]) == ({}, 0)


def test_a_container_that_was_restarted_has_the_id_that_it_had_before() -> None:
    status = container_status("main", "containerd://2", last_id="containerd://1")
    assert (status["containerID"], status["restartCount"]) == ("containerd://2", 1)
    assert status["lastState"]["terminated"]["containerID"] == "containerd://1"


@pytest.mark.parametrize("index", [0, 1, 99_999])
def test_a_realistic_pod_is_as_big_as_real_ones(index: int) -> None:
    size = len(json.dumps(realistic_pod(index), separators=(",", ":")))
    assert 9_000 <= size <= 12_000


def test_realistic_pods_differ_in_what_identifies_them() -> None:
    pods = [realistic_pod(index) for index in range(1000)]
    for identity in (
        {pod["metadata"]["uid"] for pod in pods},
        {pod["status"]["podIP"] for pod in pods},
        {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods},
        {pod["status"]["containerStatuses"][0]["containerID"] for pod in pods},
    ):
        assert len(identity) == 1000
    assert realistic_pod(7) == realistic_pod(7)


def test_realistic_pods_can_be_stored() -> None:
    store = PodStore()
    store.load(realistic_pod(index) for index in range(10))
    assert len(store) == 10
    assert set(store.pods()) == {realistic_pod(index)["metadata"]["uid"] for index in range(10)}

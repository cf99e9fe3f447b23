"""The generated pods."""

from __future__ import annotations

import json

import pytest

from tests.apiserver import PodStore, make_pod, realistic_pod


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

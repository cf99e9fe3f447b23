"""The generated pods."""

import json

import pytest

from tests.apiserver import realistic_pod


@pytest.mark.parametrize("index", [0, 1, 99_999])
def test_a_realistic_pod_is_as_large_as_real_ones(index: int) -> None:
    size = len(json.dumps(realistic_pod(index), separators=(",", ":")))
    assert 9_000 <= size <= 12_000


def test_realistic_pods_have_identities_of_their_own() -> None:
    pods = [realistic_pod(index) for index in range(300)]
    for identity in (
        {pod["metadata"]["uid"] for pod in pods},
        {pod["status"]["podIP"] for pod in pods},
        {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods},
        {pod["status"]["containerStatuses"][0]["containerID"] for pod in pods},
    ):
        assert len(identity) == len(pods)
    assert realistic_pod(7) == realistic_pod(7)


def test_the_pods_of_a_workload_have_their_template_in_common() -> None:
    def template(index: int) -> list[tuple[str, str]]:
        return [(container["name"], container["image"]) for container in realistic_pod(index)["spec"]["containers"]]

    assert template(0) == template(200)
    assert template(0) != template(1)

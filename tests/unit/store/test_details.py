"""The details of pods in the index: what pods have in common is kept once, and no longer than they exist."""

import gc
import json
from typing import Any

import pytest
from hypothesis import given

from pod_index.informer.json_wire import Added, decode_events
from pod_index.pods import Pod
from pod_index.store.deltas import Delta
from pod_index.store.detailed_records import with_details
from pod_index.store.details import Details, DetailsStore
from pod_index.store.index import PodIndex
from pod_index.store.indexers import container_id_value, index_values, split
from tests.apiserver import realistic_pod
from tests.support.served import listing, replace_page, synced_index
from tests.unit.informer.anypods import encoded_pods

WORKLOADS = 3


def decoded(encoded: bytes) -> Pod:
    (event,) = decode_events(b'{"type":"ADDED","object":%b}' % encoded)
    assert isinstance(event, Added)
    return event.object


def pod(index: int, version: int = 1, metadata: dict[str, Any] | None = None, **status: Any) -> Pod:
    content = realistic_pod(index, WORKLOADS)
    content["metadata"] |= {"resourceVersion": str(version)} | (metadata or {})
    content["status"] |= status
    return decoded(json.dumps(content).encode())


def kept(pod: Pod, store: DetailsStore | None = None) -> Details:
    details = (DetailsStore() if store is None else store).details_of(pod)
    assert details is not None
    return details


def test_the_pods_of_a_workload_share_what_they_have_in_common() -> None:
    store = DetailsStore()
    details = [kept(pod(index), store) for index in range(5 * WORKLOADS)]
    assert len({id(pod_details.shared) for pod_details in details}) == WORKLOADS == len(store)
    assert len({pod_details.own for pod_details in details}) == len(details)


def test_the_pods_of_many_jobs_share_the_template_that_the_jobs_have_in_common() -> None:
    store = DetailsStore()
    details = []
    for number in range(10):
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": f"job-{number}", "uid": "5678", "controller": True}
        details.append(kept(pod(0, metadata={"ownerReferences": [owner]}), store))
    assert len(store) == 1
    records = [json.loads(with_details(b'{"uid":""}', pod_details)) for pod_details in details]
    assert [record["workload"]["name"] for record in records] == [f"job-{number}" for number in range(10)]


def test_a_shared_part_is_released_with_the_last_pod_that_has_it() -> None:
    store = DetailsStore()
    first, second = store.details_of(pod(0)), store.details_of(pod(WORKLOADS))
    del first
    gc.collect()
    assert len(store) == 1
    del second
    gc.collect()
    assert len(store) == 0


def test_churn_leaves_nothing_behind() -> None:
    index = PodIndex(retention_seconds=0)
    for number in range(200):
        own_template = {"uid": f"pod-{number}", "name": f"pod-{number}"}
        content = pod(0, metadata=own_template, qosClass=f"class-{number}")
        index.update(Delta(type="ADDED", scope="", pod=content))
        index.delete(Delta(type="DELETED", scope="", pod=content))
    gc.collect()
    assert index._details is not None
    assert len(index._details) == 0


def test_the_index_has_the_details_of_the_newest_version() -> None:
    index = synced_index(pod(0, version=5, reason="Old"))
    uid = pod(0).metadata.uid
    index.update(Delta(type="MODIFIED", scope="", pod=pod(0, version=6, reason="Evicted")))
    index.update(Delta(type="MODIFIED", scope="", pod=pod(0, version=4, reason="Older")))
    details = index.details(uid)
    assert details is not None
    assert b"Evicted" in details.own


def test_a_deleted_pod_keeps_its_last_details() -> None:
    index = synced_index(pod(0), pod(1))
    index.delete(Delta(type="DELETED", scope="", pod=pod(0, version=5, reason="Evicted")))
    details = index.details(pod(0).metadata.uid)
    assert details is not None
    assert b"Evicted" in details.own
    replace_page(index, listing())
    assert index.details(pod(1).metadata.uid) is not None


def test_a_deleted_pod_that_is_not_kept_has_no_details() -> None:
    index = synced_index(pod(0), retention_seconds=0)
    replace_page(index, listing())
    assert index.details(pod(0).metadata.uid) is None


def test_the_details_of_deleted_pods_count_in_their_bound() -> None:
    with_them, without = synced_index(pod(0)), synced_index(pod(0), details=False)
    details = with_them.details(pod(0).metadata.uid)
    for index in (with_them, without):
        replace_page(index, listing())
    assert details is not None
    assert with_them.deleted_bytes() == without.deleted_bytes() + details.size


def test_the_details_are_not_kept_if_they_are_switched_off() -> None:
    index = synced_index(pod(0), details=False)
    assert index.details(pod(0).metadata.uid) is None
    index.update(Delta(type="MODIFIED", scope="", pod=pod(0, version=6)))
    assert index.details(pod(0).metadata.uid) is None


def test_the_size_counts_all_parts() -> None:
    small = pod(0)
    large = pod(0, metadata={"ownerReferences": [], "name": "y" * 2000}, reason="x" * 1000)
    assert kept(large).size > kept(small).size + 2500


ID = "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f"


@pytest.mark.parametrize(
    "container_id",
    [
        *(f"{scheme}://{ID}" for scheme in ("containerd", "cri-o", "docker", "rkt", "CONTAINERD")),
        *(f"containerd://{odd}" for odd in (ID.upper(), ID[1:], ID + "0", ID[:-1] + "x", ID[:-1] + "\u0661")),
        *(ID, "x" * 64, f"containerd://docker://{ID}", "\u00e4"),
    ],
)
def test_a_container_id_of_any_form_is_kept_as_it_is(container_id: str) -> None:
    status = {"name": "main", "containerID": container_id, "imageID": "", "restartCount": 0, "ready": True}
    of_pod = pod(0, containerStatuses=[status])
    container = next(
        container
        for container in json.loads(with_details(b'{"uid":""}', kept(of_pod)))["containers"]
        if container["name"] == "main"
    )
    assert container["containerID"] == container_id
    assert container_id_value(container_id.split("://", 1)[-1]) in split(index_values(of_pod))


def test_a_container_id_takes_half_of_its_digits() -> None:
    status = {"name": "main", "imageID": "", "restartCount": 0, "ready": True}
    without, with_id = (
        kept(pod(0, containerStatuses=[status | more])) for more in ({}, {"containerID": f"containerd://{ID}"})
    )
    assert len(with_id.own) - len(without.own) <= 34


@given(encoded_pods)
def test_any_pod_has_details_with_all_its_containers(encodings: tuple[bytes, bytes]) -> None:
    spec = json.loads(encodings[1]).get("spec", {})
    lists = (spec.get(field) for field in ("initContainers", "containers", "ephemeralContainers"))
    record = json.loads(with_details(b'{"uid":""}', kept(decoded(encodings[1]))))
    names = [container["name"] for container in record.get("containers", [])]
    assert names == [container.get("name", "") for containers in lists for container in containers or ()]
    assert "kind" in record["workload"]  # Empty if the owner has none, which a real API server rejects.

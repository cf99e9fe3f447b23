"""The details of pods in the index: what pods have in common is kept once, and no longer than they exist."""

import gc
import json
from typing import Any

from hypothesis import given

from pod_index.informer.json_wire import Added, decode_events
from pod_index.pods import OwnerReference, Pod
from pod_index.store.deltas import Delta
from pod_index.store.detailed_records import with_details
from pod_index.store.details import DetailsStore
from pod_index.store.index import PodIndex
from tests.apiserver import realistic_pod
from tests.support.served import listing, replace_page, synced_index
from tests.unit.informer.anypods import encoded_pods

WORKLOADS = 3


def decoded(encoded: bytes) -> Pod:
    (event,) = decode_events(b'{"type":"ADDED","object":%b}' % encoded)
    assert isinstance(event, Added)
    return event.object


def pod(index: int, version: int = 1, **status: Any) -> Pod:
    content = realistic_pod(index, WORKLOADS)
    content["metadata"]["resourceVersion"] = str(version)
    content["status"] |= status
    return decoded(json.dumps(content).encode())


def test_the_pods_of_a_workload_share_what_they_have_in_common() -> None:
    store = DetailsStore()
    details = [store.details_of(pod(index)) for index in range(5 * WORKLOADS)]
    assert len({id(pod_details.shared) for pod_details in details}) == WORKLOADS == len(store)
    assert len({pod_details.own for pod_details in details}) == len(details)


def test_the_pods_of_many_jobs_share_the_template_that_the_jobs_have_in_common() -> None:
    store = DetailsStore()
    details = []
    for number in range(10):
        of_job = pod(0)
        of_job.metadata.owner_references = [OwnerReference("batch/v1", "Job", f"job-{number}", "5678", controller=True)]
        details.append(store.details_of(of_job))
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
        content = pod(0)
        content.metadata.uid = content.metadata.name = f"pod-{number}"
        content.metadata.owner_references = None  # Each pod is its own workload.
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
    small, large = pod(0), pod(0, reason="x" * 1000)
    large.metadata.owner_references = []
    large.metadata.name = "y" * 2000
    store = DetailsStore()
    assert store.details_of(large).size > store.details_of(small).size + 2500


@given(encoded_pods)
def test_any_pod_has_details_with_all_its_containers(encodings: tuple[bytes, bytes]) -> None:
    any_pod = decoded(encodings[1])
    spec = any_pod.spec
    lists = (spec.init_containers, spec.containers, spec.ephemeral_containers)
    record = json.loads(with_details(b'{"uid":""}', DetailsStore().details_of(any_pod)))
    names = [container["name"] for container in record.get("containers", [])]
    assert names == [container.name for containers in lists for container in containers or ()]
    assert record["workload"]["kind"]

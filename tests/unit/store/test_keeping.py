"""Tests of ``PodIndex`` with settings that keep few labels and annotations."""

import json
from typing import Any

import pytest

from pod_index.keeping import Keeping
from pod_index.pods import OwnerReference, Pod
from pod_index.store.deltas import Delta
from pod_index.store.detailed_records import with_details
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from tests.unit.store.test_index import MIRROR, STATIC_UID, found, pod, uid

KEEP_APP = Keeping.of("app", "!checksum/*")


def labelled(version: int, labels: dict[str, str], annotations: dict[str, str]) -> Delta:
    state: Pod = pod("a", version, annotations=annotations)
    state.metadata.labels = labels
    return Delta(type="MODIFIED", scope="", pod=state)


def record(index: PodIndex) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(index.lookup("a") or b"{}")
    return record


def test_a_record_has_only_what_is_kept() -> None:
    index = PodIndex(keeping=KEEP_APP)
    index.update(labelled(1, {"app": "web", "team": "shop"}, {"checksum/config": "1", "note": "x"}))
    assert (record(index)["labels"], record(index)["annotations"]) == ({"app": "web"}, {"note": "x"})
    index.update(labelled(2, {"team": "shop"}, {"checksum/config": "1"}))
    assert {"labels", "annotations"}.isdisjoint(record(index))


@pytest.mark.parametrize("index_names", [frozenset(), frozenset({"name"})])
def test_a_change_of_dropped_keys_alone_is_no_change(index_names: Any) -> None:
    index = PodIndex(keeping=KEEP_APP, index_names=index_names)
    index.update(labelled(1, {"app": "web"}, {"checksum/config": "1"}))
    before = index.lookup("a")
    calls: list[None] = []
    index.subscribe([uid("a"), Identifier("name", "default/web")], lambda: calls.append(None))
    index.update(labelled(2, {"app": "web", "new": "label"}, {"checksum/config": "2"}))
    assert index.lookup("a") is before
    assert calls == []
    index.update(labelled(1, {"app": "older"}, {}))
    assert index.lookup("a") is before, "the version advances"


def test_keys_are_found_by_what_is_dropped() -> None:
    index = PodIndex(keeping=Keeping.of("none", "none"))
    index.update(Delta(type="MODIFIED", scope="", pod=pod("a", 1, annotations=MIRROR)))
    assert found(index, uid(STATIC_UID)) == "a"
    assert "annotations" not in record(index)


def test_the_workload_is_found_by_a_label_that_is_dropped() -> None:
    state = pod("a", 1, "web-5d9-x")
    state.metadata.labels = {"pod-template-hash": "5d9"}
    state.metadata.owner_references = [OwnerReference("apps/v1", "ReplicaSet", "web-5d9", "u", controller=True)]
    index = PodIndex(keeping=Keeping.of("none"))
    index.update(Delta(type="MODIFIED", scope="", pod=state))
    details = index.details("a")
    assert details is not None
    assert json.loads(with_details(index.lookup("a") or b"", details))["workload"]["kind"] == "Deployment"


def test_a_deleted_pod_has_only_what_is_kept() -> None:
    index = PodIndex(keeping=Keeping.of("none", "none"))
    state = labelled(1, {"app": "web"}, {"note": "secret"})
    index.update(state)
    index.delete(state)
    assert b"secret" not in getattr(index.find(uid("a"), deleted=True), "record", b"secret")


def test_nothing_kept_bounds_the_record_of_a_pod() -> None:
    index = PodIndex(keeping=Keeping.of("none", "none"))
    many = {f"example.com/{number}": "x" * 100 for number in range(10_000)}
    index.update(labelled(1, many, many))
    assert len(index.lookup("a") or b"") < 1024

"""The store: identity, versions, order, and what becomes of old states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.apiserver import AlreadyExists, NotFound, PodStore, make_pod
from tests.apiserver.history import Change
from tests.apiserver.selection import Selection
from tests.apiserver.statuses import TooLargeResourceVersion, TooOld

JSON = dict[str, Any]
EVERYTHING = Selection()


def label(value: str) -> Callable[[JSON], None]:
    def change(pod: JSON) -> None:
        pod["metadata"]["labels"] = {"is": value}

    return change


@pytest.fixture
def store() -> PodStore:
    return PodStore()


def test_a_created_pod_gets_identity_version_and_status(store: PodStore) -> None:
    pod = store.create({"metadata": {"name": "web"}, "spec": {"containers": []}})
    assert UUID(pod["metadata"]["uid"]).version == 4
    assert pod["metadata"]["namespace"] == "default"
    assert pod["metadata"]["creationTimestamp"].endswith("Z")
    assert pod["metadata"]["resourceVersion"] == str(store.resource_version)
    assert pod["status"] == {"phase": "Pending"}
    assert (pod["kind"], pod["apiVersion"]) == ("Pod", "v1")
    assert store.get("default", "web") == pod


def test_a_created_pod_keeps_the_uid_that_it_brings(store: PodStore) -> None:
    pod = make_pod("web")
    pod["metadata"]["uid"] = "u-1"
    store.create(pod)
    assert list(store.pods()) == ["u-1"]


def test_a_name_is_taken_once_in_a_namespace(store: PodStore) -> None:
    store.create(make_pod("web", "a"))
    store.create(make_pod("web", "b"))
    with pytest.raises(AlreadyExists, match='pods "web" already exists'):
        store.create(make_pod("web", "a"))
    assert store.namespaces() == {"a", "b"}


def test_what_is_passed_in_and_handed_out_are_copies(store: PodStore) -> None:
    pod = make_pod("web", labels={"is": "one"})
    created = store.create(pod)
    assert "resourceVersion" not in pod["metadata"]
    pod["metadata"]["labels"]["is"] = created["metadata"]["labels"]["is"] = "two"
    assert store.get("default", "web")["metadata"]["labels"] == {"is": "one"}
    assert store.stored("default", "web").labels == {"is": "one"}


def test_every_write_raises_the_version_by_one(store: PodStore) -> None:
    first = int(store.create(make_pod("web"))["metadata"]["resourceVersion"])
    changed = store.update("default", "web", label("new"))
    assert changed["metadata"]["resourceVersion"] == str(first + 1)
    deleted = store.delete("default", "web")
    assert deleted["metadata"]["resourceVersion"] == str(first + 2)
    assert store.resource_version == first + 2
    assert store.pods() == {}


def test_a_change_that_changes_nothing_is_no_write(store: PodStore) -> None:
    created = store.create(make_pod("web", labels={"is": "same"}))
    assert store.update("default", "web", label("same")) == created
    assert store.resource_version == int(created["metadata"]["resourceVersion"])


def test_a_change_that_raises_changes_nothing(store: PodStore) -> None:
    created = store.create(make_pod("web"))

    def fail(pod: JSON) -> None:
        pod.clear()
        raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        store.update("default", "web", fail)
    assert store.get("default", "web") == created


def test_what_does_not_exist_is_not_found(store: PodStore) -> None:
    with pytest.raises(NotFound, match='pods "web" not found'):
        store.get("default", "web")
    with pytest.raises(NotFound):
        store.update("default", "web", label("new"))
    with pytest.raises(NotFound):
        store.delete("default", "web")


def test_a_deletion_by_uid_spares_the_pod_that_has_the_name_now(store: PodStore) -> None:
    uid = store.create(make_pod("web"))["metadata"]["uid"]
    store.delete("default", "web", uid=uid)
    store.create(make_pod("web"))
    with pytest.raises(NotFound):
        store.delete("default", "web", uid=uid)
    assert len(store) == 1


def test_a_page_is_in_the_order_of_namespace_and_name(store: PodStore) -> None:
    names = [("b", "a"), ("a-b", "a"), ("a", "z"), ("a", "b")]
    store.load(make_pod(name, namespace) for namespace, name in names)
    page = store.page(EVERYTHING)
    # etcd compares bytes: "-" comes before the "/" that follows a namespace
    assert [pod.key for pod in page.pods] == ["a-b/a", "a/b", "a/z", "b/a"]
    assert [pod.key for pod in store.page(Selection("a")).pods] == ["a/b", "a/z"]


def test_an_old_state_is_rebuilt_from_the_history(store: PodStore) -> None:
    store.load(make_pod(name) for name in ("changed", "deleted", "kept", "replaced"))
    before = store.page(EVERYTHING)
    store.update("default", "changed", label("once"))
    store.update("default", "changed", label("twice"))
    store.delete("default", "deleted")
    store.delete("default", "replaced")
    store.create(make_pod("replaced"))
    store.create(make_pod("added"))
    after = store.page(EVERYTHING, version=before.version)
    assert [pod.encoded for pod in after.pods] == [pod.encoded for pod in before.pods]
    part = store.page(EVERYTHING, version=before.version, start="default/d", limit=2)
    assert [pod.name for pod in part.pods] == ["deleted", "kept"]
    assert (part.next_key, part.remaining) == ("default/replaced", 1)


def test_a_state_to_come_cannot_be_read(store: PodStore) -> None:
    with pytest.raises(TooLargeResourceVersion, match="Too large resource version: 9, current: 1"):
        store.page(EVERYTHING, version=9)


def test_the_history_holds_as_many_changes_as_it_is_told() -> None:
    store = PodStore(history_limit=2)
    store.load(make_pod(f"pod-{index}") for index in range(4))
    newest = store.resource_version
    assert store.position(newest).next is None
    kept = store.position(newest - 2)
    assert kept.next is not None
    assert kept.next.version == newest - 1
    with pytest.raises(TooOld, match=rf"too old resource version: {newest - 3} \({newest - 2}\)"):
        store.position(newest - 3)


def test_compaction_makes_every_earlier_version_too_old(store: PodStore) -> None:
    store.create(make_pod("web"))
    earlier = store.resource_version
    store.compact()
    with pytest.raises(TooOld):
        store.position(earlier)
    assert store.position(store.resource_version).next is None
    assert len(store) == 1


def test_another_world_has_its_own_pods_and_version_and_no_history(store: PodStore) -> None:
    store.load(make_pod(f"pod-{index}") for index in range(10))
    other = make_pod("web")
    other["metadata"]["resourceVersion"] = "3"
    store.replace_all([other, make_pod("api")], resource_version=5)
    assert store.resource_version == 5
    versions = {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in store.pods().values()}
    assert versions == {"web": "3", "api": "5"}
    with pytest.raises(TooOld):
        store.position(4)
    store.replace_all([])
    assert (store.resource_version, len(store)) == (6, 0)


def test_a_subscriber_is_called_for_each_write_until_it_leaves(store: PodStore) -> None:
    calls: list[int] = []

    def subscriber() -> None:
        calls.append(store.resource_version)

    store.subscribe(subscriber)
    store.create(make_pod("web"))
    store.delete("default", "web")
    store.unsubscribe(subscriber)
    store.create(make_pod("web"))
    assert calls == [2, 3]


def test_a_gap_in_the_log_has_no_last_state() -> None:
    with pytest.raises(ValueError, match="nothing was there before"):
        Change(1).removed()


def test_a_long_log_that_nobody_follows_any_more_is_freed_without_recursion() -> None:
    store = PodStore(history_limit=200_000)
    store.create(make_pod("web"))
    position = store.position(store.resource_version)
    pods = store.stored("default", "web")
    last = position
    for version in range(200_000):
        last.next = Change(version, pods, pods)
        last = last.next
    del position, last
    store.compact()
    assert len(store) == 1

"""The store: identity, versions, order and history."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.apiserver import AlreadyExists, PodStore, make_pod
from tests.apiserver.selection import Selection
from tests.apiserver.statuses import TooOld

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


def test_a_name_is_unique_in_its_namespace(store: PodStore) -> None:
    store.create(make_pod("web", "a"))
    store.create(make_pod("web", "b"))
    with pytest.raises(AlreadyExists, match='pods "web" already exists'):
        store.create(make_pod("web", "a"))


def test_every_write_raises_the_version_by_one(store: PodStore) -> None:
    first = int(store.create(make_pod("web"))["metadata"]["resourceVersion"])
    changed = store.update("default", "web", label("new"))
    assert changed["metadata"]["resourceVersion"] == str(first + 1)
    deleted = store.delete("default", "web")
    assert deleted["metadata"]["resourceVersion"] == str(first + 2)
    assert store.resource_version == first + 2
    assert store.pods() == {}


def test_an_update_without_a_difference_writes_nothing(store: PodStore) -> None:
    created = store.create(make_pod("web", labels={"is": "same"}))
    assert store.update("default", "web", label("same")) == created
    assert store.resource_version == int(created["metadata"]["resourceVersion"])


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
    assert part.next_key == "default/replaced"


def test_a_replaced_state_has_its_own_pods_and_version_and_no_history(store: PodStore) -> None:
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

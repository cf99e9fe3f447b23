"""Tests of identifiers that several pods have: the index finds the pod that is meant, or says how many there are."""

from typing import Any

import pytest

from pod_index.store.identifiers import parse
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES
from pod_index.store.matching import Ambiguity
from tests.unit.store.test_index import (
    CONTAINER,
    EARLY,
    LATE,
    MIRROR,
    OTHER_CONTAINER,
    STATIC_UID,
    container,
    delta,
    found,
    ip,
    name,
    uid,
)

UNKNOWN_CONTAINER = "77" * 32
NODES = {"a": CONTAINER, "b": OTHER_CONTAINER, "c": ""}
"""The pods of one manifest on three nodes, and their containers."""


@pytest.fixture
def index() -> PodIndex:
    return static_pods()


def static_pods(**options: Any) -> PodIndex:
    """Return an index with the mirror pods of one manifest."""
    index = PodIndex(**options)
    for version, node in enumerate(NODES, 1):
        index.update(mirror(node, version))
    return index


def mirror(node: str, version: int, **fields: Any) -> Any:
    containers = [NODES[node]] if NODES[node] else []
    return delta(node, version, name=f"proxy-{node}", containers=containers, annotations=MIRROR, **fields)


def cgroup(container_id: str) -> str:
    return f"/kubepods/burstable/pod{STATIC_UID}/{container_id}"


def log_path(name: str) -> str:
    return f"/var/log/pods/default_{name}_{STATIC_UID}/main/0.log"


def found_by(index: PodIndex, path: str, *, deleted: bool = False) -> str | None:
    """Return what the UID in the path finds, with what else the path says."""
    (identifier, *_) = parse(path)
    assert identifier[:2] == ("uid", STATIC_UID)
    return found(index, identifier, deleted=deleted)


def test_a_hash_that_several_pods_have_is_ambiguous(index: PodIndex) -> None:
    assert index.find(uid(STATIC_UID)) == Ambiguity(3)
    assert index.find(uid(STATIC_UID), deleted=True) == Ambiguity(3)


@pytest.mark.parametrize("node", ["a", "b"])
def test_a_known_container_in_the_same_path_excludes_the_other_pods(index: PodIndex, node: str) -> None:
    assert found_by(index, cgroup(NODES[node])) == node


def test_an_unknown_container_excludes_no_pod(index: PodIndex) -> None:
    assert found_by(index, cgroup(UNKNOWN_CONTAINER)) == "3 pods"
    index.delete(mirror("b", 5))
    index.delete(mirror("c", 6))
    assert found_by(index, cgroup(UNKNOWN_CONTAINER)) == "a"


@pytest.mark.parametrize("names", [INDEX_NAMES, frozenset({"config.hash"})])
@pytest.mark.parametrize("node", NODES)
def test_a_name_in_the_same_path_excludes_the_other_pods(node: str, names: frozenset[Any]) -> None:
    assert found_by(static_pods(index_names=names), log_path(f"proxy-{node}")) == node


def test_the_only_pod_with_a_hash_is_excluded_by_another_pods_container_or_another_name(index: PodIndex) -> None:
    index.update(delta("z", 9, name="other", containers=[UNKNOWN_CONTAINER]))
    index.delete(mirror("b", 10))
    index.delete(mirror("c", 11))
    assert found_by(index, cgroup(NODES["a"])) == "a"
    assert found_by(index, cgroup(UNKNOWN_CONTAINER)) is None
    assert found_by(index, cgroup(NODES["b"])) is None, "the container of a deleted pod is known, too"
    assert found_by(index, log_path("proxy-b")) is None
    assert found_by(index, log_path("proxy-a")) == "a"


def test_deleted_pods_are_excluded_by_the_same_rules(index: PodIndex) -> None:
    for version, node in enumerate(NODES, 10):
        index.delete(mirror(node, version))
    assert found_by(index, cgroup(NODES["a"]), deleted=True) == "a (deleted)"
    assert found_by(index, log_path("proxy-c"), deleted=True) == "c (deleted)"
    assert found_by(index, cgroup(UNKNOWN_CONTAINER), deleted=True) == "3 pods"
    assert found(index, uid(STATIC_UID)) is None


def test_a_living_pod_that_is_excluded_does_not_hide_the_deleted_one(index: PodIndex) -> None:
    index.delete(mirror("b", 10))
    assert found_by(index, cgroup(NODES["b"])) is None
    assert found_by(index, cgroup(NODES["b"]), deleted=True) == "b (deleted)"


def test_a_mirror_pod_that_was_created_again_has_the_containers_of_its_predecessor(index: PodIndex) -> None:
    index.delete(mirror("a", 10))
    index.update(delta("d", 11, name="proxy-a", annotations=MIRROR))
    assert found_by(index, cgroup(NODES["a"])) == "d"
    assert found_by(index, log_path("proxy-a"), deleted=True) == "d"


def test_among_pods_with_one_hash_and_one_name_the_newest_counts(index: PodIndex) -> None:
    index.update(delta("d", 11, name="proxy-a", annotations=MIRROR))
    assert found_by(index, log_path("proxy-a")) == "d"
    assert index.find(uid(STATIC_UID)) == Ambiguity(3)
    for uid_ in "adbc":
        index.delete(delta(uid_, 0))
    assert found_by(index, log_path("proxy-a"), deleted=True) == "d (deleted)"


def test_a_uid_that_the_api_server_gave_takes_precedence_over_hashes_and_is_never_excluded(index: PodIndex) -> None:
    index.update(delta(STATIC_UID, 9, name="fixed"))
    assert found_by(index, log_path("proxy-a")) == STATIC_UID
    assert found_by(index, cgroup(NODES["a"])) == STATIC_UID


def test_two_unfinished_pods_with_one_ip_and_start_time_are_ambiguous() -> None:
    index = PodIndex()
    index.update(delta("a", 1, name="a", ips=["10.0.0.1"], started=EARLY))
    index.update(delta("b", 2, name="b", ips=["10.0.0.1"], started=EARLY))
    assert index.find(ip("10.0.0.1")) == Ambiguity(2)
    index.update(delta("c", 3, name="c", ips=["10.0.0.1"], started=LATE))
    assert found(index, ip("10.0.0.1")) == "c"
    index.update(delta("c", 4, name="c", ips=["10.0.0.2"], started=LATE))
    index.delete(delta("a", 5, name="a", ips=["10.0.0.1"], started=EARLY))
    assert found(index, ip("10.0.0.1")) == "b"


def test_a_container_that_two_unfinished_pods_have_is_ambiguous() -> None:
    index = PodIndex()
    index.update(delta("a", 1, name="a", containers=["vm"], started=EARLY))
    index.update(delta("b", 2, name="b", containers=["vm"], started=LATE))
    assert index.find(container("vm")) == Ambiguity(2)
    index.update(delta("b", 3, name="b", containers=["vm"], started=LATE, phase="Failed"))
    assert found(index, container("vm")) == "a"
    index.update(delta("a", 4, name="a", containers=["vm"], phase="Succeeded"))
    assert index.find(container("vm")) == Ambiguity(2)


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_among_pods_with_one_name_the_newest_counts_as_a_deletion_was_missed(phase: str) -> None:
    index = PodIndex()
    index.update(delta("b", 9, name="web-0", phase=phase))
    index.update(delta("a", 5, name="web-0", started=LATE))
    assert found(index, name("default/web-0")) == "b"


@pytest.mark.parametrize("change", ["delete", "exclude", "finish"])
def test_subscribers_are_notified_when_an_identifier_becomes_unambiguous(change: str) -> None:
    index = static_pods()
    index.delete(mirror("c", 5))
    index.update(delta("d", 6, name="d", ips=["10.0.0.1"]))
    index.update(delta("e", 7, name="e", ips=["10.0.0.1"]))
    identifier = ip("10.0.0.1") if change == "finish" else parse(cgroup(UNKNOWN_CONTAINER))[0]
    assert index.find(identifier) == Ambiguity(2)
    calls: list[None] = []
    index.subscribe([identifier], lambda: calls.append(None))
    match change:
        case "delete":
            index.delete(mirror("b", 8))
        case "exclude":
            index.update(delta("a", 8, name="proxy-a", containers=[UNKNOWN_CONTAINER], annotations=MIRROR))
        case "finish":
            index.update(delta("d", 8, name="d", ips=["10.0.0.1"], phase="Failed"))
    assert calls
    assert found(index, identifier) == ("e" if change == "finish" else "a")

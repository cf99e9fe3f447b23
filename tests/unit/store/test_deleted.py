"""Tests of ``DeletedPods``."""

import json

import pytest

from pod_index.pods import encode_record
from pod_index.store.deleted import DeletedPods
from pod_index.store.indexers import container_id_value, index_values, ip_value, name_value
from tests.unit.store.test_index import pod

NAME = name_value("default/web-0")


class Clock:
    """Seconds since the epoch. They pass when a test changes ``now``."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deleted(clock: Clock) -> DeletedPods:
    return DeletedPods(60, 3, clock)


def add(
    deleted: DeletedPods,
    uid: str,
    *,
    name: str = "web-0",
    ip: str = "",
    started: str = "",
    phase: str = "Running",
    scope: str = "",
) -> None:
    last_state = pod(uid, 1, name, ips=[ip] if ip else [], containers=[uid], started=started or None, phase=phase)
    deleted.add(uid, encode_record(last_state), index_values(last_state), scope)


def uid_of(record: bytes | None) -> str | None:
    return None if record is None else str(json.loads(record)["uid"])


def kept(deleted: DeletedPods, candidates: str = "abcdef") -> str:
    """Return which candidates are kept. The container ID of each equals its UID, and must find the same pod."""
    by_uid = [uid for uid in candidates if uid_of(deleted.by_uid(uid)) == uid]
    assert [uid for uid in candidates if uid_of(deleted.by_index_value(container_id_value(uid))) == uid] == by_uid
    assert [uid for uid in candidates if uid in deleted] == by_uid
    assert len(deleted) == len(by_uid)
    return "".join(by_uid)


def test_a_deleted_pod_is_found_by_its_uid_and_index_values(deleted: DeletedPods) -> None:
    add(deleted, "a", ip="10.0.0.1")
    record = deleted.by_uid("a")
    assert uid_of(record) == "a"
    for value in (NAME, ip_value("10.0.0.1"), container_id_value("a")):
        assert deleted.by_index_value(value) == record


def test_an_unknown_pod_is_not_found(deleted: DeletedPods) -> None:
    add(deleted, "a")
    assert deleted.by_uid("b") is None
    assert deleted.by_index_value(name_value("default/web-1")) is None


def test_the_last_field_of_the_record_is_the_time_of_the_deletion(deleted: DeletedPods, clock: Clock) -> None:
    clock.now = 1_700_000_000.9
    add(deleted, "a")
    record = deleted.by_uid("a") or b""
    assert record.endswith(b'"createdAt":"","deletedAt":"2023-11-14T22:13:20Z"}')
    assert list(json.loads(record))[-1] == "deletedAt"


def test_the_time_of_the_deletion_does_not_change_with_the_time_of_the_lookup(
    deleted: DeletedPods, clock: Clock
) -> None:
    add(deleted, "a")
    first = deleted.by_uid("a")
    clock.now += 30
    assert deleted.by_uid("a") == first


def test_a_pod_is_removed_after_its_retention_time(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    clock.now += 30
    add(deleted, "b")
    clock.now += 29.9
    assert kept(deleted) == "ab"
    clock.now += 0.1
    assert kept(deleted) == "b"
    clock.now += 30
    assert kept(deleted) == ""


@pytest.mark.parametrize("method", ["by_uid", "by_index_value"])
def test_an_expired_pod_is_not_found_even_if_nothing_else_has_changed(
    deleted: DeletedPods, clock: Clock, method: str
) -> None:
    add(deleted, "a")
    clock.now += 60
    assert (deleted.by_uid("a") if method == "by_uid" else deleted.by_index_value(NAME)) is None
    assert len(deleted) == 0


def test_adding_a_pod_removes_expired_pods(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    clock.now += 60
    add(deleted, "b")
    assert len(deleted) == 1


def test_the_limit_removes_the_oldest_pod(deleted: DeletedPods) -> None:
    for uid in "abc":
        add(deleted, uid)
    assert kept(deleted) == "abc"
    add(deleted, "d")
    assert kept(deleted) == "bcd"


@pytest.mark.parametrize(("seconds", "limit"), [(0, 10), (10, 0), (0, 0)])
def test_no_pod_is_kept_if_the_time_or_the_limit_is_zero(clock: Clock, seconds: float, limit: int) -> None:
    deleted = DeletedPods(seconds, limit, clock)
    add(deleted, "a")
    assert kept(deleted) == ""


def test_a_repeated_deletion_changes_nothing(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    first = deleted.by_uid("a")
    clock.now += 59
    add(deleted, "a", name="web-1")
    assert deleted.by_uid("a") == deleted.by_index_value(NAME) == first
    assert deleted.by_index_value(name_value("default/web-1")) is None
    clock.now += 1
    assert kept(deleted) == ""


def test_a_pod_can_be_discarded(deleted: DeletedPods) -> None:
    add(deleted, "a")
    add(deleted, "b")
    deleted.discard("a")
    assert kept(deleted) == "b"


def test_an_unknown_pod_can_be_discarded(deleted: DeletedPods) -> None:
    deleted.discard("a")
    assert len(deleted) == 0


def test_discarding_a_scope_keeps_the_pods_of_others(deleted: DeletedPods) -> None:
    add(deleted, "a", scope="one")
    add(deleted, "b", scope="two")
    add(deleted, "c", scope="one")
    deleted.discard_scope("one")
    assert kept(deleted) == "b"


def test_among_pods_with_one_name_the_last_deletion_takes_precedence(deleted: DeletedPods) -> None:
    for uid in "abc":
        add(deleted, uid)
    assert uid_of(deleted.by_index_value(NAME)) == "c"
    deleted.discard("c")
    assert uid_of(deleted.by_index_value(NAME)) == "b"

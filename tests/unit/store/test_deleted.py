"""Tests of ``DeletedPods``."""

import json

import pytest

from pod_index.pods import encode_record
from pod_index.store.deleted import EXPIRED_AT_ONCE, DeletedPods
from pod_index.store.entries import StreamState
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
    stream: StreamState | None = None,
) -> None:
    last_state = pod(uid, 1, name, ips=[ip] if ip else [], containers=[uid], started=started or None, phase=phase)
    stream = stream or StreamState()
    deleted.add(uid, encode_record(last_state), index_values(last_state), stream, stream.listing)


def found(deleted: DeletedPods, value: bytes) -> list[str]:
    """Return the UIDs of the deleted pods with an index value, in the order of their deletions."""
    return [pod.uid for pod in deleted.by_index_value(value)]


def record_of(deleted: DeletedPods, uid: str) -> bytes | None:
    pod = deleted.by_uid(uid)
    return None if pod is None else pod.record


def kept(deleted: DeletedPods, candidates: str = "abcdef") -> str:
    """Return which candidates are kept. The container ID of each equals its UID, and must find the same pod."""
    by_uid = [uid for uid in candidates if deleted.by_uid(uid)]
    assert [uid for uid in candidates if found(deleted, container_id_value(uid)) == [uid]] == by_uid
    assert [uid for uid in candidates if uid in deleted] == by_uid
    assert len(deleted) == len(by_uid)
    return "".join(by_uid)


def test_a_deleted_pod_is_found_by_its_uid_and_index_values(deleted: DeletedPods) -> None:
    add(deleted, "a", ip="10.0.0.1")
    assert json.loads(record_of(deleted, "a") or b"")["uid"] == "a"
    for value in (NAME, ip_value("10.0.0.1"), container_id_value("a")):
        assert found(deleted, value) == ["a"]


def test_an_unknown_pod_is_not_found(deleted: DeletedPods) -> None:
    add(deleted, "a")
    assert deleted.by_uid("b") is None
    assert found(deleted, name_value("default/web-1")) == []


def test_the_last_field_of_the_record_is_the_time_of_the_deletion(deleted: DeletedPods, clock: Clock) -> None:
    clock.now = 1_700_000_000.9
    add(deleted, "a")
    record = record_of(deleted, "a") or b""
    assert record.endswith(b'"createdAt":"","deletedAt":"2023-11-14T22:13:20Z"}')
    assert list(json.loads(record))[-1] == "deletedAt"


def test_the_time_of_the_deletion_does_not_change_with_the_time_of_the_lookup(
    deleted: DeletedPods, clock: Clock
) -> None:
    add(deleted, "a")
    first = record_of(deleted, "a")
    clock.now += 30
    assert record_of(deleted, "a") == first


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
    assert not (deleted.by_uid("a") if method == "by_uid" else deleted.by_index_value(NAME))
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
    first = record_of(deleted, "a")
    clock.now += 59
    add(deleted, "a", name="web-1")
    assert record_of(deleted, "a") == first
    assert found(deleted, NAME) == ["a"]
    assert found(deleted, name_value("default/web-1")) == []
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


def test_the_pods_deleted_before_their_history_was_reset_are_ignored_and_others_are_not(deleted: DeletedPods) -> None:
    reset, other = StreamState(listing=1), StreamState(listing=1)
    add(deleted, "a", stream=reset)
    add(deleted, "b", stream=other)
    reset.listing = reset.history = 2
    add(deleted, "c", stream=reset)
    assert [uid for uid in "abc" if uid in deleted] == ["b", "c"]
    assert found(deleted, NAME) == ["b", "c"]
    add(deleted, "a", stream=reset)
    assert found(deleted, NAME) == ["b", "c", "a"]


def test_pods_with_one_name_are_found_in_the_order_of_their_deletions(deleted: DeletedPods) -> None:
    for uid in "abc":
        add(deleted, uid)
    assert found(deleted, NAME) == ["a", "b", "c"]
    deleted.discard("c")
    assert found(deleted, NAME) == ["a", "b"]


def test_pods_that_expire_at_the_same_time_are_removed_in_slices_but_not_found(clock: Clock) -> None:
    deleted = DeletedPods(60, 10_000, clock)
    for number in range(3 * EXPIRED_AT_ONCE):
        add(deleted, str(number))
    clock.now += 60
    assert deleted.by_uid(str(3 * EXPIRED_AT_ONCE - 1)) is None
    assert len(deleted) == 2 * EXPIRED_AT_ONCE
    assert deleted.by_index_value(NAME) == []
    assert len(deleted) == EXPIRED_AT_ONCE
    deleted.expire()
    assert len(deleted) == 0

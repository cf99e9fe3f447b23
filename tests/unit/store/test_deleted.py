"""Pods that are gone, and how long they are kept."""

import json

import pytest

from pod_index.pods import encode_record
from pod_index.store.deleted import DeletedPods
from pod_index.store.indexers import container_id_value, index_values, ip_value, name_value
from tests.unit.store.test_index import pod

NAME = name_value("default/web-0")


class Clock:
    """Seconds since the epoch, which pass when they are told to."""

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
    gone = pod(uid, 1, name, ips=[ip] if ip else [], containers=[uid], started=started or None, phase=phase)
    deleted.add(uid, encode_record(gone), index_values(gone), scope)


def uid_of(record: bytes | None) -> str | None:
    return None if record is None else str(json.loads(record)["uid"])


def kept(deleted: DeletedPods, candidates: str = "abcdef") -> str:
    """Which of these are kept; each can be found by its container, named like it, just if by its UID."""
    by_uid = [uid for uid in candidates if uid_of(deleted.by_uid(uid)) == uid]
    assert [uid for uid in candidates if uid_of(deleted.by_key(container_id_value(uid))) == uid] == by_uid
    assert [uid for uid in candidates if uid in deleted] == by_uid
    assert len(deleted) == len(by_uid)
    return "".join(by_uid)


def test_a_pod_that_is_gone_is_found_by_its_uid_and_its_keys(deleted: DeletedPods) -> None:
    add(deleted, "a", ip="10.0.0.1")
    record = deleted.by_uid("a")
    assert uid_of(record) == "a"
    for key in (NAME, ip_value("10.0.0.1"), container_id_value("a")):
        assert deleted.by_key(key) == record


def test_a_pod_that_is_not_gone_is_not_found(deleted: DeletedPods) -> None:
    add(deleted, "a")
    assert deleted.by_uid("b") is None
    assert deleted.by_key(name_value("default/web-1")) is None


def test_the_record_says_at_its_end_when_the_pod_was_deleted(deleted: DeletedPods, clock: Clock) -> None:
    clock.now = 1_700_000_000.9
    add(deleted, "a")
    record = deleted.by_uid("a") or b""
    assert record.endswith(b'"createdAt":"","deletedAt":"2023-11-14T22:13:20Z"}')
    assert list(json.loads(record))[-1] == "deletedAt"


def test_the_time_is_that_of_the_deletion_not_of_the_question(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    first = deleted.by_uid("a")
    clock.now += 30
    assert deleted.by_uid("a") == first


def test_a_pod_is_kept_for_some_seconds_and_then_let_go(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    clock.now += 30
    add(deleted, "b")
    clock.now += 29.9
    assert kept(deleted) == "ab"
    clock.now += 0.1
    assert kept(deleted) == "b"
    clock.now += 30
    assert kept(deleted) == ""


@pytest.mark.parametrize("ask", ["by_uid", "by_key"])
def test_a_pod_whose_time_is_over_is_not_found_even_if_nothing_else_happens(
    deleted: DeletedPods, clock: Clock, ask: str
) -> None:
    add(deleted, "a")
    clock.now += 60
    assert (deleted.by_uid("a") if ask == "by_uid" else deleted.by_key(NAME)) is None
    assert len(deleted) == 0


def test_what_is_too_old_is_let_go_when_the_next_one_comes(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    clock.now += 60
    add(deleted, "b")
    assert len(deleted) == 1


def test_no_more_are_kept_than_allowed_and_the_oldest_goes_first(deleted: DeletedPods) -> None:
    for uid in "abc":
        add(deleted, uid)
    assert kept(deleted) == "abc"
    add(deleted, "d")
    assert kept(deleted) == "bcd"


@pytest.mark.parametrize(("seconds", "limit"), [(0, 10), (10, 0), (0, 0)])
def test_with_no_time_or_no_number_nothing_is_kept(clock: Clock, seconds: float, limit: int) -> None:
    deleted = DeletedPods(seconds, limit, clock)
    add(deleted, "a")
    assert kept(deleted) == ""


def test_a_deletion_that_is_told_again_changes_nothing(deleted: DeletedPods, clock: Clock) -> None:
    add(deleted, "a")
    first = deleted.by_uid("a")
    clock.now += 59
    add(deleted, "a", name="web-1")
    assert deleted.by_uid("a") == deleted.by_key(NAME) == first
    assert deleted.by_key(name_value("default/web-1")) is None
    clock.now += 1
    assert kept(deleted) == ""


def test_a_pod_that_lives_after_all_is_forgotten(deleted: DeletedPods) -> None:
    add(deleted, "a")
    add(deleted, "b")
    deleted.discard("a")
    assert kept(deleted) == "b"


def test_a_pod_that_was_never_kept_can_be_forgotten(deleted: DeletedPods) -> None:
    deleted.discard("a")
    assert len(deleted) == 0


def test_the_pods_of_one_scope_are_forgotten_and_those_of_others_stay(deleted: DeletedPods) -> None:
    add(deleted, "a", scope="one")
    add(deleted, "b", scope="two")
    add(deleted, "c", scope="one")
    deleted.discard_scope("one")
    assert kept(deleted) == "b"


def test_of_several_with_one_name_the_one_that_was_deleted_last_is_meant(deleted: DeletedPods) -> None:
    for uid in "abc":
        add(deleted, uid)
    assert uid_of(deleted.by_key(NAME)) == "c"
    deleted.discard("c")
    assert uid_of(deleted.by_key(NAME)) == "b"

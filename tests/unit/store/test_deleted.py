"""Tests of ``DeletedPods``."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pod_index.store.deleted
from pod_index.pods import encode_record
from pod_index.store.deleted import EXPIRED_AT_ONCE, OVERHEAD_BYTES, DeletedPods
from pod_index.store.entries import StreamState
from pod_index.store.indexers import container_id_value, index_values, ip_value, name_value
from tests.unit.store.test_index import pod

NAME = name_value("default/web-0")
PLENTY = 1_000_000
DELETED_AT = b',"deletedAt":"2023-11-14T22:13:20Z"'


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
    return DeletedPods(60, 3, PLENTY, clock)


def add(
    deleted: DeletedPods,
    uid: str,
    *,
    name: str = "web-0",
    ip: str = "",
    started: str = "",
    phase: str = "Running",
    annotation: str = "",
    stream: StreamState | None = None,
) -> None:
    last_state = pod(
        uid,
        1,
        name,
        ips=[ip] if ip else [],
        containers=[uid],
        started=started or None,
        phase=phase,
        annotations={"a": annotation} if annotation else None,
    )
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


def test_a_large_pod_removes_as_many_of_the_oldest_as_it_needs_at_once(clock: Clock) -> None:
    deleted = DeletedPods(60, PLENTY, 3 * EXPIRED_AT_ONCE * 1_000, clock)
    for number in range(3 * EXPIRED_AT_ONCE):
        add(deleted, str(number), annotation="x" * 100)
    assert len(deleted) == 3 * EXPIRED_AT_ONCE
    add(deleted, "large", annotation="x" * (2 * EXPIRED_AT_ONCE * 1_000))
    assert deleted.size <= 3 * EXPIRED_AT_ONCE * 1_000
    assert 1 < len(deleted) < 2 * EXPIRED_AT_ONCE
    assert "large" in deleted
    assert str(3 * EXPIRED_AT_ONCE - 1) in deleted
    assert "0" not in deleted


def test_a_pod_that_is_larger_than_the_limit_is_not_kept_and_removes_no_other(clock: Clock) -> None:
    deleted = DeletedPods(60, 3, 10_000, clock)
    add(deleted, "a")
    add(deleted, "b", annotation="x" * 10_000)
    assert kept(deleted) == "a"
    assert deleted.by_index_value(container_id_value("b")) == []


def test_a_removed_pod_frees_its_record_at_once(deleted: DeletedPods) -> None:
    add(deleted, "a")
    pod = deleted.by_uid("a")
    deleted.discard("a")
    assert pod is not None
    assert (pod.record, deleted.size) == (b"", 0)


@pytest.mark.parametrize(("seconds", "limit", "max_bytes"), [(0, 10, PLENTY), (10, 0, PLENTY), (10, 10, 0)])
def test_no_pod_is_kept_if_the_time_or_a_limit_is_zero(
    clock: Clock, seconds: float, limit: int, max_bytes: int
) -> None:
    deleted = DeletedPods(seconds, limit, max_bytes, clock)
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
    deleted = DeletedPods(60, 10_000, 100 * PLENTY, clock)
    for number in range(3 * EXPIRED_AT_ONCE):
        add(deleted, str(number))
    clock.now += 60
    assert deleted.by_uid(str(3 * EXPIRED_AT_ONCE - 1)) is None
    assert len(deleted) == 2 * EXPIRED_AT_ONCE
    assert deleted.by_index_value(NAME) == []
    assert len(deleted) == EXPIRED_AT_ONCE
    deleted.expire()
    assert len(deleted) == 0


class Model:
    """The naive model: all pods in the order of their deletions."""

    def __init__(self, seconds: float, limit: int, max_bytes: int, clock: Clock) -> None:
        self.seconds, self.limit, self.max_bytes, self.clock = seconds, limit, max_bytes, clock
        self.pods: list[tuple[str, float, int]] = []
        """UIDs, times and sizes."""

    def uids(self) -> list[str]:
        return [uid for uid, deleted_at, _ in self.pods if deleted_at + self.seconds > self.clock.now]

    def add(self, uid: str, size: int) -> None:
        if uid in self.uids():
            return
        self.discard(uid)
        self.pods = [pod for pod in self.pods if pod[0] in self.uids()]
        if size > self.max_bytes or not self.limit or not self.seconds:
            return
        self.pods.append((uid, self.clock.now, size))
        while len(self.pods) > self.limit or sum(size for *_, size in self.pods) > self.max_bytes:
            del self.pods[0]

    def discard(self, uid: str) -> None:
        self.pods = [pod for pod in self.pods if pod[0] != uid]


MODEL_UIDS = [f"u{number}" for number in range(12)]
MODEL_STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(MODEL_UIDS), st.sampled_from([0, 100, 1_000]) | st.integers(0, 6_000)),
    st.tuples(st.just("discard"), st.sampled_from(MODEL_UIDS), st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 10, 59, 60, 1_000])),
)


@given(
    st.lists(MODEL_STEPS, max_size=60) | st.lists(MODEL_STEPS, min_size=30, max_size=60),
    st.sampled_from([60, 60, 60, 0]),
    st.sampled_from([100, 5, 1, 0]),
    st.sampled_from([PLENTY, 5_000, 1_500, 0]),
)
def test_the_newest_pods_within_the_limits_are_kept_as_in_a_naive_model(
    steps: list[tuple[str, str, int]], seconds: float, limit: int, max_bytes: int
) -> None:
    clock = Clock()
    deleted, model = DeletedPods(seconds, limit, max_bytes, clock), Model(seconds, limit, max_bytes, clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pod_index.store.deleted, "EXPIRED_AT_ONCE", 1)
        for step, uid, number in steps:
            match step:
                case "add":
                    record, values = b'{"x":"%b"}' % (b"x" * number), index_values(pod(uid, 1, "web-0"))
                    deleted.add(uid, record, values, StreamState(), 0)
                    model.add(uid, OVERHEAD_BYTES + len(record) + len(DELETED_AT) + len(values))
                case "discard":
                    deleted.discard(uid)
                    model.discard(uid)
                case "wait":
                    clock.now += number
            assert [uid for uid in MODEL_UIDS if uid in deleted] == sorted(model.uids(), key=MODEL_UIDS.index)
            assert found(deleted, NAME) == model.uids()
            assert len(deleted) <= limit
            assert deleted.size <= max_bytes
    for uid in MODEL_UIDS:
        deleted.discard(uid)
    assert len(deleted) == deleted.size == 0

"""Tests of listings that contradict what ``PodIndex`` knows: etcd was restored, with ``--bump-revision``.

https://etcd.io/docs/v3.6/op-guide/recovery/#restoring-with-revision-bump
"""

import pytest

import pod_index.store.index
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.support.served import replace_page
from tests.unit.store.test_index import delta, found, listing, name, pod, uid, uids


@pytest.fixture
def index() -> PodIndex:
    return PodIndex()


def page(*versions: tuple[str, int], at: int | None = None, begins: bool = False, scope: str = "") -> ListPage:
    """Return a page with pods, each named after its version."""
    pods = [pod(uid_, version, f"v{version}") for uid_, version in versions]
    return ListPage(scope=scope, pods=pods, begins=begins, complete_at=at)


def state(index: PodIndex, uid_: str) -> str:
    return str(index.lookup(uid_)).partition('"name":"')[2].partition('"')[0]


def test_a_pod_whose_deletion_was_observed_is_back_if_a_later_listing_shows_it(index: PodIndex) -> None:
    replace_page(index, page(("a", 1), ("b", 2), begins=True, at=3))
    index.delete(delta("a", 4))
    replace_page(index, page(("a", 1), ("b", 2), begins=True, at=1_000))
    assert uids(index) == {"a", "b"}
    assert index.history_resets == 1
    index.update(delta("a", 1_001, name="changed"))
    assert state(index, "a") == "changed"


def test_a_listing_restores_the_older_state_of_a_pod(index: PodIndex) -> None:
    replace_page(index, page(("a", 1), ("b", 2), begins=True, at=3))
    index.update(delta("a", 4, name="lost", ips=["10.0.0.1"]))
    replace_page(index, page(("a", 1), ("b", 2), begins=True, at=1_000))
    assert state(index, "a") == "v1"
    assert found(index, name("default/lost")) is None
    assert index.history_resets == 1


def test_after_a_reset_the_index_equals_the_listing_although_other_pods_do_not_contradict(index: PodIndex) -> None:
    replace_page(index, page(("a", 1), ("b", 2), ("c", 3), begins=True, at=4))
    index.delete(delta("b", 5))
    index.delete(delta("c", 6))
    replace_page(index, page(("b", 2), begins=True))
    replace_page(index, page(("d", 900), at=1_000))
    assert uids(index) == {"b", "d"}


def test_the_deleted_pods_of_the_lost_history_are_forgotten(index: PodIndex) -> None:
    replace_page(index, page(("a", 1), begins=True, at=2))
    index.delete(delta("a", 3))
    index.update(delta("b", 4))
    index.delete(delta("b", 5))
    replace_page(index, page(("a", 1), begins=True, at=1_000))
    assert found(index, uid("b"), deleted=True) is None
    assert found(index, uid("a"), deleted=True) == "a"


def test_events_after_the_reset_count_although_the_lost_history_had_deleted_the_pod(index: PodIndex) -> None:
    index.update(delta("a", 3))
    index.delete(delta("a", 4))
    index.update(delta("b", 5))
    replace_page(index, page(("b", 1), begins=True, at=1_000))
    index.update(delta("a", 1_001))
    assert uids(index) == {"a", "b"}


def test_changes_between_the_state_and_the_end_of_a_streaming_list_do_not_contradict_it(index: PodIndex) -> None:
    replace_page(index, page(("a", 1), ("b", 2), begins=True))
    index.update(delta("a", 12, name="newer"))
    index.delete(delta("b", 13))
    replace_page(index, page(("a", 1), ("b", 2), at=10))
    assert uids(index) == {"a"}
    assert state(index, "a") == "newer"
    assert index.history_resets == 0


def test_changes_after_the_state_of_a_streaming_list_that_contradicts_are_not_lost(index: PodIndex) -> None:
    for number, uid_ in enumerate("abc"):
        index.update(delta(uid_, 10 + number))
    index.delete(delta("a", 20))
    index.delete(delta("b", 21))
    replace_page(index, page(("a", 1), ("b", 2), ("c", 3), begins=True))
    index.update(delta("a", 1_001, name="changed"))
    index.delete(delta("b", 1_002))
    index.update(delta("c", 1_003, name="changed too"))
    replace_page(index, page(at=1_004))
    assert uids(index) == {"a", "c"}
    assert (state(index, "a"), state(index, "c")) == ("changed", "changed too")


def test_an_unfinished_listing_that_contradicts_changes_nothing_as_it_may_come_from_a_replica_that_is_behind(
    index: PodIndex,
) -> None:
    replace_page(index, page(("a", 1), ("b", 2), begins=True, at=3))
    index.delete(delta("a", 4))
    index.update(delta("b", 5, name="v5"))
    replace_page(index, page(("a", 1), ("b", 2), begins=True))
    assert uids(index) == {"b"}
    assert state(index, "b") == "v5"
    replace_page(index, page(("b", 5), begins=True, at=6))
    assert uids(index) == {"b"}
    assert index.history_resets == 0


def test_many_contradictions_are_not_held_until_the_end(index: PodIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_index.store.index, "CONTRADICTIONS_MAX_BYTES", 3_000)
    for version, uid_ in enumerate("abcd"):
        index.delete(delta(uid_, version))
    replace_page(index, page(("a", 1), ("b", 2), begins=True))
    assert uids(index) == set()
    replace_page(index, page(("c", 3)))
    assert uids(index) == {"a", "b", "c"}
    replace_page(index, page(("d", 4), at=1_000))
    assert uids(index) == {"a", "b", "c", "d"}
    assert index.history_resets == 1


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param({"a": "x" * 250_000}, id="long"),
        pytest.param({"a": "x" * 62_500 + "\N{GRINNING FACE}"}, id="wide"),
        pytest.param({str(number): "" for number in range(2_500)}, id="many"),
    ],
)
def test_large_contradictions_are_held_only_up_to_a_limit_in_bytes(
    index: PodIndex, annotations: dict[str, str]
) -> None:
    for number in range(80):
        index.delete(delta(f"u{number}", number + 1))
    for number in range(80):
        listed = pod(f"u{number}", number + 1, annotations=annotations)
        replace_page(index, ListPage(scope="", pods=[listed], begins=number == 0))
        if index.history_resets:
            break
    assert 20 <= number <= 60
    assert len(index) == number + 1


def test_contradictions_that_were_dropped_do_not_count(index: PodIndex) -> None:
    for _ in range(80):
        index.delete(delta("a", 100))
        listed = pod("a", 1, annotations={"a": "x" * 250_000})
        replace_page(index, ListPage(scope="", pods=[listed], begins=True))
    assert index.history_resets == 0


def test_a_pod_that_the_listing_does_not_show_is_gone_although_its_version_is_newer(index: PodIndex) -> None:
    index.update(delta("a", 50))
    index.update(delta("b", 51))
    replace_page(index, page(begins=True, at=10))
    assert uids(index) == set()
    assert index.history_resets == 1


def test_a_reset_of_one_stream_keeps_the_versions_and_deletions_of_others(index: PodIndex) -> None:
    index.update(delta("a", 9, scope="one", name="newer"))
    index.delete(delta("b", 9, scope="one"))
    index.delete(delta("c", 9, scope="two"))
    replace_page(index, page(("c", 1), begins=True, at=1_000, scope="two"))
    index.update(delta("a", 5, scope="one", name="older"))
    index.update(delta("b", 8, scope="one"))
    assert uids(index) == {"a", "c"}
    assert state(index, "a") == "newer"


def test_a_pod_that_one_listing_did_not_show_and_the_next_does_is_no_contradiction(index: PodIndex) -> None:
    replace_page(index, page(("a", 1), begins=True, at=1))
    replace_page(index, listing(at=5))
    replace_page(index, page(("a", 1), begins=True, at=6))
    assert uids(index) == {"a"}
    assert index.history_resets == 0


def test_a_reset_that_the_informer_noticed_counts_once(index: PodIndex) -> None:
    index.update(delta("a", 50))
    index.delete(delta("b", 51))
    replace_page(index, listing(pod("a", 1), pod("b", 2), at=10, history_reset=True))
    assert index.history_resets == 1

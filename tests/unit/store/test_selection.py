"""Tests of ``PodIndex`` with a selector: pods leave the selection and return to it under their UIDs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.store.deltas import Delta, ListPage
from pod_index.store.index import PodIndex
from tests.support.served import replace_page
from tests.unit.store.test_index import deleted_record, delta, listing, pod, uid, uids


@pytest.fixture
def index() -> PodIndex:
    return PodIndex(selective=True, now=lambda: 1_700_000_000.0)


def test_a_pod_that_left_is_kept_as_deleted_with_the_time_at_which_it_left(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    index.delete(delta("a", 2, name="last"))
    assert uids(index) == set()
    record = json.loads(deleted_record(index, "a"))
    assert (record["name"], record["deletedAt"]) == ("last", "2023-11-14T22:13:20Z")


def test_a_pod_that_returns_is_found_again(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    index.delete(delta("a", 2))
    index.update(delta("a", 3, name="returned"))
    assert b'"name":"returned"' in (index.lookup("a") or b"")
    assert index.count_deleted() == 0
    index.delete(delta("a", 4))
    assert uids(index) == set()
    assert index.find(uid("a"), deleted=True) is not None


def test_a_pod_that_returned_while_the_watch_was_down_is_found_after_the_relist(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    index.delete(delta("a", 2))
    replace_page(index, listing(pod("a", 3), at=9))
    assert uids(index) == {"a"}
    assert index.history_resets == 0


@pytest.mark.parametrize("version", [1, 2])
def test_a_late_event_does_not_bring_back_a_pod_that_left(index: PodIndex, version: int) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    index.delete(delta("a", 2))
    index.update(delta("a", version))
    assert uids(index) == set()


def test_a_listing_does_not_bring_back_a_pod_that_left_after_its_version(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="", pods=[pod("a", 1)], begins=True))
    index.delete(delta("a", 12))
    replace_page(index, ListPage(scope="", pods=[pod("a", 1)], complete_at=10))
    assert uids(index) == set()


def test_a_late_deletion_does_not_remove_a_pod_that_has_returned(index: PodIndex) -> None:
    index.update(delta("a", 3))
    index.delete(delta("a", 2))
    assert uids(index) == {"a"}


def test_a_late_deletion_does_not_undo_a_later_one(index: PodIndex) -> None:
    index.update(delta("a", 1))
    index.delete(delta("a", 6))
    index.delete(delta("a", 2))
    index.update(delta("a", 5))
    assert uids(index) == set()


def test_after_a_restore_a_pod_can_leave_in_an_older_version(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 90), at=100))
    replace_page(index, ListPage(scope="", pods=[], begins=True, history_reset=True))
    index.delete(Delta(type="DELETED", scope="", pod=pod("a", 40)))
    assert uids(index) == set()
    replace_page(index, ListPage(scope="", pods=[pod("a", 41)], complete_at=50))
    assert uids(index) == {"a"}


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.lists(st.integers(0, 5), min_size=1), st.integers(0, 5))
def test_in_any_order_of_events_the_newest_version_decides_whether_a_pod_is_selected(
    leaves: list[bool], order: list[int], listed: int
) -> None:
    """The index of an element of ``leaves`` is a version; ``order`` and ``listed`` have such versions."""
    index = PodIndex(selective=True)
    replace_page(index, listing(at=1))
    for version in order:
        event = delta("a", 10 + version, name=f"v{version}")
        index.delete(event) if leaves[version] else index.update(event)
    newest = max(order)
    assert uids(index) == (set() if leaves[newest] else {"a"})
    if not leaves[newest]:
        assert f'"name":"v{newest}"'.encode() in (index.lookup("a") or b"")
    if not leaves[listed] and listed >= newest:
        replace_page(index, listing(pod("a", 10 + listed), at=20))
        assert uids(index) == {"a"}
        assert index.history_resets == 0


def test_without_a_selector_a_deleted_uid_never_comes_back() -> None:
    index = PodIndex()
    index.update(delta("a", 1))
    index.delete(delta("a", 2))
    index.update(delta("a", 3))
    replace_page(index, listing(pod("a", 4), at=9))
    assert index.history_resets == 1, "only a reset history can show it"

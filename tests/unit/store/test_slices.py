"""Tests that ``PodIndex`` does a bounded amount of work between two slices, whatever a listing changes."""

from collections.abc import Callable, Iterator

import pytest

import pod_index.store.index
import pod_index.store.table
from pod_index.store.deltas import ListPage
from pod_index.store.index import PodIndex
from tests.support.served import replace_page
from tests.unit.store.test_index import delta, found, listing, name, pod, uid

SLICE = 10
SLICE_BYTES = 5_000
PODS = 95


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pod_index.store.index, pod_index.store.table):
        monkeypatch.setattr(module, "SLICE", SLICE)
    monkeypatch.setattr(pod_index.store.index, "SCANNED_SLICE", SLICE)
    monkeypatch.setattr(pod_index.store.index, "SLICE_BYTES", SLICE_BYTES)


@pytest.fixture
def index() -> PodIndex:
    index = PodIndex()
    replace_page(index, listing(*(pod(str(number), 1, f"web-{number}") for number in range(PODS)), at=1))
    return index


def steps(index: PodIndex, page: ListPage, count: Callable[[], int]) -> Iterator[int]:
    """Yield by how much the count changes in each slice."""
    before = count()
    for _ in index.replace_page(page):
        yield abs(count() - before)
        before = count()
    yield abs(count() - before)


def test_the_pods_that_a_listing_does_not_show_are_removed_in_slices(index: PodIndex) -> None:
    removed = list(steps(index, listing(at=2), lambda: len(index)))
    assert sum(removed) == PODS
    assert max(removed) == SLICE


def test_large_pods_that_a_listing_does_not_show_are_removed_in_smaller_slices() -> None:
    index = PodIndex()
    large = {"a": "x" * SLICE_BYTES}
    replace_page(index, listing(*(pod(str(number), 1, annotations=large) for number in range(PODS)), at=1))
    removed = list(steps(index, listing(at=2), lambda: len(index)))
    assert sum(removed) == PODS
    assert max(removed) == 1


def test_the_pods_of_a_page_are_stored_in_slices() -> None:
    index = PodIndex()
    stored = list(steps(index, listing(*(pod(str(number), 1) for number in range(PODS)), at=1), lambda: len(index)))
    assert sum(stored) == PODS
    assert max(stored) == SLICE


def test_the_pods_of_a_restored_history_are_stored_in_slices(index: PodIndex) -> None:
    for number in range(PODS):
        index.delete(delta(str(number), 2))
    page = listing(*(pod(str(number), 1) for number in range(PODS)), at=1_000)
    stored = list(steps(index, page, lambda: len(index)))
    assert sum(stored) == PODS
    assert max(stored) == SLICE


def test_the_pods_that_exist_are_scanned_in_slices(index: PodIndex) -> None:
    page = listing(*(pod(str(number), 1) for number in range(PODS)), at=2)
    assert len(list(index.replace_page(page))) >= 2 * (PODS // SLICE)


def test_between_two_slices_every_pod_is_found_as_a_whole_or_not_at_all(index: PodIndex) -> None:
    for _ in index.replace_page(listing(at=2)):
        for number in range(PODS):
            by_name = found(index, name(f"default/web-{number}"), deleted=True)
            assert by_name == found(index, uid(str(number)), deleted=True)
            assert by_name == (str(number) if index.lookup(str(number)) else f"{number} (deleted)")


def test_the_index_is_synced_only_after_the_last_slice() -> None:
    index = PodIndex()
    index.update(delta("gone", 1))
    slices = index.replace_page(listing(*(pod(str(number), 1) for number in range(PODS)), at=1))
    assert not any(index.synced for _ in slices)
    assert index.synced


def test_of_more_deleted_pods_than_are_kept_the_last_are_kept() -> None:
    index = PodIndex(retention_max=3)
    replace_page(index, listing(*(pod(str(number), 1) for number in range(PODS)), at=1))
    replace_page(index, listing(at=2))
    assert index.count_deleted() == 3
    assert [number for number in range(PODS) if found(index, uid(str(number)), deleted=True)] == [92, 93, 94]

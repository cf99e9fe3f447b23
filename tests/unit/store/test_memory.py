"""Tests that the memory of the index is bounded, whatever the tenants of the cluster create and delete."""

import tracemalloc
from collections.abc import Iterator

import pytest

from pod_index.store.index import PodIndex
from tests.support.served import replace_page
from tests.unit.store.test_index import delta, listing, pod

KIB = 1024
LARGE = 250 * KIB
"""The annotations of a pod have at most 256 KiB:
https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/"""

LIMIT = 2048 * KIB
SPARE = 1024 * KIB
"""Memory for a few copies of one pod, and for all other objects."""


@pytest.fixture
def index() -> Iterator[PodIndex]:
    index = PodIndex(retention_max_bytes=LIMIT)
    tracemalloc.start()
    yield index
    tracemalloc.stop()


def large(number: int) -> dict[str, str]:
    return {"a": str(number).ljust(LARGE, "x")}


def test_pods_with_large_annotations_that_are_created_and_deleted_in_a_loop_stay_within_the_limit(
    index: PodIndex,
) -> None:
    for number in range(50):
        index.update(delta(f"u{number}", number, annotations=large(number)))
        index.delete(delta(f"u{number}", number, annotations=large(number)))
        assert index.deleted_bytes() <= LIMIT
        assert tracemalloc.get_traced_memory()[0] < LIMIT + SPARE
    assert index.count_deleted() == LIMIT // LARGE


def test_pods_with_large_annotations_that_listings_no_longer_show_stay_within_the_limit(index: PodIndex) -> None:
    for version in range(10):
        pods = (pod(f"u{version}-{number}", version, annotations=large(number)) for number in range(5))
        replace_page(index, listing(*pods, at=version))
        replace_page(index, listing(at=version))
        assert index.deleted_bytes() <= LIMIT
        assert tracemalloc.get_traced_memory()[0] < LIMIT + SPARE
    assert index.count_deleted() == LIMIT // LARGE


def test_pods_with_large_annotations_that_change_in_a_loop_take_the_memory_of_one_state(index: PodIndex) -> None:
    for number in range(50):
        index.update(delta("u", number, annotations=large(number)))
        assert tracemalloc.get_traced_memory()[0] < SPARE

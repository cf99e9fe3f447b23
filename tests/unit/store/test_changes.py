"""The order of changes."""

import random

import pytest

from pod_index.containers import ContainerStatus
from pod_index.pods import Pod, PodSpec, PodStatus
from pod_index.store.change_log import READ, ChangeLog
from pod_index.store.changes import ChangeOrder
from pod_index.store.following import Follower
from pod_index.store.seen import FEW, Seen
from pod_index.store.views import View
from tests.support.served import change, simple_pod, synced_index


class Item:
    """An item without content."""

    position = 0


def contents(log: ChangeLog[Item], after: int = 0) -> list[Item]:
    found: list[Item] = []
    items, position = log.read(after)
    while items:
        assert len(items) <= READ
        found += items
        items, position = log.read(position)
    return found


def test_a_log_is_read_in_order_from_any_position_whatever_was_discarded() -> None:
    log: ChangeLog[Item] = ChangeLog(chunk_size=10)
    pick = random.Random(1)
    items: list[Item] = []
    for position in range(1, 2_001):
        items.append(Item())
        log.append(items[-1], position)
        while len(items) > 50:
            log.discard(items.pop(pick.randrange(len(items))))
        if position % 100 == 0:
            assert contents(log) == items
            assert contents(log, items[20].position) == items[21:]
    assert len(log) == len(items) == 50


def test_the_size_of_a_log_follows_that_of_its_items() -> None:
    log: ChangeLog[Item] = ChangeLog(chunk_size=10)
    rare, often = [Item() for _ in range(100)], [Item() for _ in range(10)]
    for position, item in enumerate(rare, 1):
        log.append(item, position)
    for position in range(101, 10_101):
        item = often[position % 10]
        log.discard(item)
        log.append(item, position)
    for item in rare[1::2]:
        log.discard(item)
    assert len(contents(log)) == len(log) == 60
    assert log.slots() <= 2 * 60 + 10


def test_a_change_of_what_is_not_served_has_no_place() -> None:
    index = synced_index(simple_pod("a", 1))
    head = index.changes.head
    index.update(change(simple_pod("a", 2)))
    assert index.changes.head == head
    index.update(change(simple_pod("a", 3, annotations={"a": "b"})))
    assert index.changes.head == head + 1


def test_changes_of_details_have_no_place_without_a_stream_that_sends_them() -> None:
    def restarted(version: int) -> Pod:
        statuses = [ContainerStatus(name="main", restart_count=version)]
        return Pod(simple_pod("a", version).metadata, PodSpec("n"), PodStatus(container_statuses=statuses))

    index = synced_index(restarted(1))
    head, follower = index.changes.head, Follower(index, View(details=True), None, lambda: None)
    index.update(change(restarted(2)))
    assert (index.changes.head, len(index.changes.details)) == (head + 1, 1)
    follower.close()
    index.update(change(restarted(3)))
    assert (index.changes.head, len(index.changes.details)) == (head + 1, 0)


def test_slots_are_used_again() -> None:
    index = synced_index()
    for version in range(1, 1_000):
        index.update(change(simple_pod(f"u{version}", version)))
        index.delete(change(simple_pod(f"u{version}", version)))
    assert index.changes.slots == 1


@pytest.mark.parametrize("options", [{"deletions_max": 100}, {"deletions_max_bytes": 50_000}])
def test_deletions_are_kept_within_their_bounds(options: dict[str, int]) -> None:
    order = ChangeOrder(chunk_size=10, **options)
    index = synced_index(changes=order)
    for version in range(1_001, 2_001):
        index.update(change(simple_pod(f"u{version}", version)))
        index.delete(change(simple_pod(f"u{version}", version)))
    assert 80 < len(order.deletions) <= 125
    assert order.knows_deletion("u2000")
    assert not order.knows_deletion("u1001")


@pytest.mark.parametrize("others", [range(0), range(10_000, 10_000 + FEW)])
def test_a_slot_is_new_until_it_was_added(others: range) -> None:
    seen = Seen()
    assert all(seen.add(slot) for slot in others)
    assert [seen.add(slot) for slot in (3, 11, 3, 800, 0)] == [True, True, False, True, True]
    for slot in (3, 5, 90_000):
        seen.discard(slot)
    assert [seen.add(slot) for slot in (3, 5, 11, *others)] == [True, True, *[False] * (1 + len(others))]

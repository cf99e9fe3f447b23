"""Tests of indices: they find the same entries as a dictionary, while the table grows and shrinks in small steps."""

import itertools
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pod_index.store.indexers import container_id_value, ip_value, name_value, node_value, split
from pod_index.store.indices import Indices

HEAD = b"1" + b" " * 20 + b"shop"
POPULAR = [node_value("node-1"), ip_value("10.0.0.1")]
"""Values that many entries have."""


class Item(Struct, eq=False):
    """An entry of indices."""

    index_values: bytes


def pack(number: int, *, popular: bool = False) -> bytes:
    """Return packed index values that belong to a number: a name, two container IDs, and maybe two popular ones."""
    texts = [name_value(f"shop/web-{number}"), *(POPULAR if popular else [])]
    ids = [container_id_value(sha256(f"{number}{last}".encode()).hexdigest()) for last in "ab"]
    return b"\n".join([HEAD, *texts, b"\0" + b"".join(ids)])


def small(load: int = 4) -> Indices[Item]:
    """Return indices that grow after each few values."""
    return Indices(buckets=1, load=load)


def buckets(indices: Indices[Item]) -> int:
    return len(indices._buckets)


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "replace", "remove"]), st.integers(0, 40), st.booleans()),
    max_size=200,
)


@given(STEPS, st.sampled_from([1, 2, 8]), st.sampled_from([1, 4, 32]))
def test_indices_find_the_same_entries_in_the_same_order_as_a_dictionary_however_often_the_table_grows_and_shrinks(
    steps: list[tuple[str, int, bool]], least: int, load: int
) -> None:
    indices: Indices[Item] = Indices(least, load)
    naive: dict[bytes, list[Item]] = {}
    items: dict[int, Item] = {}
    for step, number, popular in [*steps, *(("remove", number, False) for number in range(41))]:
        packed = pack(number if step == "add" else number + 100, popular=popular)
        if step == "add" and number not in items:
            item = items[number] = Item(packed)
            indices.add(item, *([split(packed)] if popular else []))
            for value in split(packed):
                naive.setdefault(value, []).append(item)
        elif step == "replace" and number in items:
            item = items[number]
            before, after = set(split(item.index_values)), set(split(packed))
            indices.replace(item, packed)
            for value in before - after:
                naive[value].remove(item)
            for value in after - before:
                naive.setdefault(value, []).append(item)
        elif step == "remove" and number in items:
            item = items.pop(number)
            for value in split(item.index_values):
                naive[value].remove(item)
            indices.remove(item)
        for value, expected in naive.items():
            assert indices.find(value) == expected


def test_the_table_grows_by_at_most_one_bucket_with_each_entry_and_keeps_up_with_them() -> None:
    indices = small()
    sizes = [1]
    for number in range(1000):
        indices.add(Item(pack(number)))
        sizes.append(buckets(indices))
    assert {after - before for before, after in itertools.pairwise(sizes)} == {0, 1}
    assert sizes[-1] == pytest.approx(3 * 1000 / 4, abs=2)


def test_values_spread_over_all_buckets() -> None:
    indices = small(load=64)
    for number in range(2000):
        indices.add(Item(pack(number)))
    assert max(map(len, indices._buckets)) < 4 * 64


@pytest.mark.parametrize("order", [iter, reversed])
def test_the_table_shrinks_by_at_most_one_bucket_with_each_removal_and_is_small_again_at_the_end(
    order: Callable[[list[Item]], Iterator[Item]],
) -> None:
    indices = small(load=64)
    items = [Item(pack(number)) for number in range(2000)]
    for item in items:
        indices.add(item)
    grown = buckets(indices)
    sizes = []
    for item in order(items):
        indices.remove(item)
        sizes.append(buckets(indices))
    assert max(before - after for before, after in itertools.pairwise(sizes)) == 1
    assert grown > 90
    assert sizes[-1] == 1
    assert not indices._buckets[0]


def test_an_entry_with_a_repeated_value_leaves_nothing_behind() -> None:
    indices = small()
    item = Item(b"\n".join([HEAD, POPULAR[0], POPULAR[0], b"\0"]))
    indices.add(item)
    assert indices.find(POPULAR[0]) == [item]
    indices.replace(item, b"\n".join([HEAD, POPULAR[1], POPULAR[1], b"\0"]))
    indices.remove(item)
    assert not any(indices._buckets)


def test_the_lists_of_a_growing_table_stay_the_same_objects() -> None:
    # After gc.freeze(), only the lists of new buckets are scanned by garbage collections.
    indices = small()
    for number in range(100):
        indices.add(Item(pack(number)))
    before = {id(bucket) for bucket in indices._buckets}
    items = [Item(pack(number)) for number in range(100, 500)]
    for item in items:
        indices.add(item)
    for item in items:
        indices.remove(item)
    assert {id(bucket) for bucket in indices._buckets[:25]} <= before


def test_a_lookup_compares_no_entry_with_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    indices: Indices[Item] = Indices(buckets=1, load=1 << 20)
    for number in range(2000):
        indices.add(Item(pack(number, popular=True)))
    compared: list[bytes] = []

    def counting(packed: bytes) -> list[bytes]:
        compared.append(packed)
        return split(packed)

    monkeypatch.setattr("pod_index.store.indexers.split", counting)
    assert len(indices.find(name_value("shop/web-7"))) == 1
    assert indices.find(name_value("shop/web-unknown")) == []
    assert len(compared) == 1


def test_an_entry_is_found_by_its_own_value_among_many_with_the_same_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_index.store.indices._HASH_MASK", 0)
    indices = small()
    items = [Item(pack(number)) for number in range(50)]
    for item in items:
        indices.add(item)
    for item in items[::2]:
        indices.replace(item, pack(1000))
    assert [indices.find(name_value(f"shop/web-{number}")) for number in (0, 1)] == [[], [items[1]]]
    assert set(indices.find(name_value("shop/web-1000"))) == set(items[::2])

"""Short container IDs: the first digits of an ID find the pods whose containers have an ID that begins with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pod_index.containers import ContainerState, ContainerStatus, TerminatedState
from pod_index.pods import Pod, PodMetadata, PodSpec, PodStatus
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES, container_id_value, has_value, index_values, named_ids, split
from pod_index.store.indices import Indices
from pod_index.store.matching import Ambiguity, Match
from tests.support.served import replace_page
from tests.unit.store.test_index import container, delta, found, pod

FIRST = "9bca8d63d5fa"
ONE, OTHER = f"{FIRST}6{'1' * 51}", f"{FIRST}7{'2' * 51}"
"""Two IDs with the same 12 digits at the beginning."""

# Few beginnings, so that IDs share them.
BEGINNINGS = st.sampled_from([FIRST, "0" * 12, "0" * 13])
IDS = st.tuples(BEGINNINGS, st.text("01a", min_size=52, max_size=52)).map(lambda parts: "".join(parts)[:64])
VIRTUAL_IDS = st.tuples(BEGINNINGS, st.text("01A-", max_size=60)).map("".join).filter(lambda text: len(text) != 64)


class Item(Struct, eq=False):
    """An entry of indices."""

    index_values: bytes


def packed(*container_ids: str) -> bytes:
    return index_values(pod("a", 1, containers=container_ids))


@pytest.fixture
def index() -> PodIndex:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=[], begins=True, complete_at=1))
    return index


@given(st.lists(st.lists(IDS | VIRTUAL_IDS, max_size=3), max_size=12), st.data())
def test_the_first_digits_find_the_entries_that_a_search_of_all_finds(
    pods: list[list[str]], data: st.DataObject
) -> None:
    indices: Indices[Item] = Indices(buckets=1, load=2)
    items = [Item(packed(*ids)) for ids in pods]
    for item in items:
        indices.add(item)
    # Some get the containers of others, and some are removed.
    for number in data.draw(st.lists(st.integers(0, len(items) - 1), max_size=4)) if items else ():
        pods[number] = pods[-1]
        indices.replace(items[number], packed(*pods[-1]))
    removed = data.draw(st.integers(0, len(items)))
    for item in items[:removed]:
        indices.remove(item)
    known = [container_id for ids in pods for container_id in ids] + [FIRST]
    for container_id in known:
        short = container_id[: data.draw(st.integers(12, 63))]
        if not all(digit in "0123456789abcdefABCDEF" for digit in short):
            continue
        expected = [
            item
            for item, ids in zip(items[removed:], pods[removed:], strict=True)
            if any(each.lower().startswith(short.lower()) for each in ids)
        ]
        for written in (short, short.upper()):
            assert set(indices.find(container_id_value(written))) == set(expected)
    for container_id in known:
        if len(container_id) == 64:
            expected = [item for item, ids in zip(items[removed:], pods[removed:], strict=True) if container_id in ids]
            assert set(indices.find(container_id_value(container_id))) == set(expected)


@given(st.lists(IDS, max_size=3), IDS, st.integers(12, 63))
def test_a_short_id_names_the_ids_that_begin_with_it_and_a_whole_one_only_itself(
    ids: list[str], container_id: str, length: int
) -> None:
    values, short = packed(*ids), container_id[:length]
    named = named_ids(values, container_id_value(short))
    assert named == {container_id_value(each) for each in ids if each.startswith(short)}
    assert has_value(values, container_id_value(short)) == bool(named)
    whole = container_id_value(container_id)
    assert named_ids(values, whole) == {whole} & set(split(values))


def test_the_search_for_a_short_id_looks_only_at_entries_with_its_first_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    indices: Indices[Item] = Indices(buckets=1, load=1 << 20)
    for number in range(2_000):
        indices.add(Item(packed(f"{number:012x}{'a' * 52}")))
    compared: list[bytes] = []

    def counting(packed: bytes, value: bytes) -> bool:
        compared.append(packed)
        return has_value(packed, value)

    monkeypatch.setattr("pod_index.store.indices.has_value", counting)
    assert len(indices.find(container_id_value(f"{7:012x}a"))) == 1
    assert indices.find(container_id_value("f" * 13)) == []
    # Few others have the same 16 bits of a hash.
    assert len(compared) < 10


def test_whole_ids_with_the_same_beginning_are_told_apart_without_a_comparison_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    indices: Indices[Item] = Indices()
    items = [Item(packed(f"{FIRST}{number:052x}")) for number in range(2_000)]
    for item in items:
        indices.add(item)
    compared: list[bytes] = []

    def counting(packed: bytes, value: bytes) -> bool:
        compared.append(packed)
        return has_value(packed, value)

    monkeypatch.setattr("pod_index.store.indices.has_value", counting)
    assert indices.find(container_id_value(f"{FIRST}{7:052x}")) == [items[7]]
    assert len(compared) < 20
    assert indices.find(container_id_value(FIRST)) == items


@pytest.mark.parametrize("length", [12, 13, 15, 31, 32, 63])
def test_a_pod_is_found_by_the_first_digits_of_its_container_id(index: PodIndex, length: int) -> None:
    index.update(delta("a", 2, containers=["4" * 64, ONE]))
    index.update(delta("b", 3, name="b", containers=["5" * 64]))
    match = index.find(container(ONE[:length]))
    assert isinstance(match, Match)
    assert (match.record, match.matched_by, match.deleted) == (index.lookup("a"), "containerID", False)


def test_a_short_id_that_containers_of_several_pods_have_is_ambiguous_and_more_digits_decide(index: PodIndex) -> None:
    index.update(delta("a", 2, name="a", containers=[ONE]))
    index.update(delta("b", 3, name="b", containers=[OTHER]))
    assert index.find(container(FIRST)) == Ambiguity(2)
    assert [found(index, container(each[:length])) for each in (ONE, OTHER) for length in (13, 64)] == [
        *("a", "a"),
        *("b", "b"),
    ]


def test_a_short_id_of_several_containers_of_one_pod_is_that_pod(index: PodIndex) -> None:
    index.update(delta("a", 2, containers=[ONE, OTHER]))
    assert found(index, container(FIRST)) == "a"


def test_a_finished_pod_has_its_own_container_and_not_that_of_an_unfinished_pod(index: PodIndex) -> None:
    index.update(delta("a", 2, name="a", containers=[ONE]))
    index.update(delta("b", 3, name="b", containers=[OTHER], phase="Failed"))
    assert index.find(container(FIRST)) == Ambiguity(2), "which of the two is meant is a guess"
    index.update(delta("b", 4, name="b", containers=[ONE], phase="Failed"))
    assert found(index, container(FIRST)) == found(index, container(ONE)) == "a"
    index.update(delta("b", 5, name="b", containers=[ONE, OTHER], phase="Failed"))
    assert index.find(container(FIRST)) == Ambiguity(2)


def test_among_pods_with_one_name_the_newest_counts(index: PodIndex) -> None:
    index.update(delta("b", 9, containers=[OTHER]))
    index.update(delta("a", 5, containers=[ONE]))
    assert found(index, container(FIRST)) == "b"


def test_an_existing_pod_comes_before_deleted_ones_which_can_be_ambiguous_too(index: PodIndex) -> None:
    for version, uid in enumerate("abc", 2):
        index.update(delta(uid, version, name=uid, containers=[ONE if uid == "a" else OTHER]))
    index.delete(delta("a", 5, name="a", containers=[ONE]))
    index.delete(delta("b", 6, name="b", containers=[OTHER]))
    assert found(index, container(FIRST), deleted=True) == "c"
    index.delete(delta("c", 7, name="c", containers=[OTHER]))
    assert found(index, container(FIRST)) is None
    assert index.find(container(FIRST), deleted=True) == Ambiguity(3)
    assert found(index, container(ONE[:13]), deleted=True) == "a (deleted)"


def test_a_short_id_from_before_the_last_restart_finds_the_pod(index: PodIndex) -> None:
    before = ContainerState(terminated=TerminatedState(f"containerd://{ONE}"))
    status = PodStatus("Running", container_statuses=[ContainerStatus(f"containerd://{'4' * 64}", before)])
    index.update(Delta(type="ADDED", scope="", pod=Pod(PodMetadata("a", "web", 2, "default"), PodSpec(), status)))
    assert found(index, container(FIRST)) == "a"


def test_ids_of_other_forms_are_found_by_their_first_digits_only_if_those_are_hexadecimal(index: PodIndex) -> None:
    index.update(delta("a", 2, name="a", containers=[f"{FIRST.upper()}-vm", "some-long-name"]))
    index.update(delta("b", 3, name="b", containers=["feedfeedfeedfeed"]))
    assert found(index, container(FIRST)) == "a"
    assert found(index, container("some-long-na")) is None
    assert found(index, container("feedfeedfeed")) == found(index, container("feedfeedfeedfeed")) == "b"
    assert found(index, container("feedfeedfeedfeedf")) is None


def test_nothing_is_found_without_the_index_of_container_ids() -> None:
    index = PodIndex(index_names=INDEX_NAMES - {"containerID"})
    replace_page(index, ListPage(scope="", pods=[], begins=True, complete_at=1))
    index.update(delta("a", 2, containers=[ONE]))
    assert index.find(container(FIRST)) is None


def test_before_the_first_sync_a_short_id_is_ambiguous_as_another_container_may_have_it_too() -> None:
    index = PodIndex()
    replace_page(index, ListPage(scope="", pods=[pod("a", 1, containers=[ONE])], begins=True))
    calls: list[None] = []
    index.subscribe([container(FIRST)], lambda: calls.append(None))
    assert index.find(container(FIRST)) == Ambiguity(1)
    assert found(index, container(ONE)) == "a"
    assert not calls
    replace_page(index, ListPage(scope="", pods=[], complete_at=1))
    assert calls, "a lookup that waits must look again"
    assert found(index, container(FIRST)) == "a"


@pytest.mark.parametrize("container_id", [FIRST, ONE[:13], ONE[:63], ONE])
def test_subscribers_to_any_length_are_notified_of_the_container(index: PodIndex, container_id: str) -> None:
    calls: list[None] = []
    unsubscribe = index.subscribe([container(container_id)], lambda: calls.append(None))
    index.update(delta("a", 2, containers=[ONE]))
    assert len(calls) == 1
    unsubscribe()
    index.update(delta("a", 3, containers=[OTHER]))
    assert len(calls) == 1

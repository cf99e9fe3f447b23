"""The index on its own."""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

import pod_index.store.index
from pod_index.pods import ContainerStatus, Pod, PodIP, PodMetadata, PodSpec, PodStatus
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES, IndexName


def pod(
    uid: str,
    version: int,
    name: str = "web",
    *,
    namespace: str = "default",
    node: str = "",
    phase: str = "Running",
    started: str | None = None,
    ips: Iterable[str] = (),
    containers: Iterable[str] = (),
    annotations: dict[str, str] | None = None,
) -> Pod:
    return Pod(
        PodMetadata(uid, name, version, namespace, annotations=annotations),
        PodSpec(node or None),
        PodStatus(
            phase,
            started,
            pod_ips=[PodIP(ip) for ip in ips],
            container_statuses=[ContainerStatus(f"containerd://{container}") for container in containers],
        ),
    )


def change(uid: str, version: int, *, scope: str = "", **fields: Any) -> Delta:
    return Delta(scope, pod(uid, version, **fields))


def listing(*pods: Pod, at: int, scope: str = "", history_reset: bool = False) -> ListPage:
    return ListPage(scope=scope, pods=list(pods), begins=True, history_reset=history_reset, complete_at=at)


def uids(index: PodIndex, candidates: str = "abcdef") -> set[str]:
    return {uid for uid in candidates if index.lookup(uid) is not None}


def found(index: PodIndex, identifier: Identifier, *, deleted: bool = False) -> str | None:
    """The UID of the pod that is found; of one that is gone after a cross."""
    match = index.find(identifier, deleted=deleted)
    if match is None:
        return None
    record = json.loads(match.record)
    return f"†{record['uid']}" if "deletedAt" in record else str(record["uid"])


def ip(address: str) -> Identifier:
    return Identifier("ip", address)


def name(namespaced: str) -> Identifier:
    return Identifier("name", namespaced)


def container(container_id: str) -> Identifier:
    return Identifier("containerID", container_id)


def uid(text: str) -> Identifier:
    return Identifier("uid", text)


@pytest.fixture
def index() -> PodIndex:
    return PodIndex()


def test_a_listed_pod_is_found_by_its_uid(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 5), at=10))
    record = index.lookup("a")
    assert record is not None
    assert json.loads(record)["uid"] == "a"
    assert len(index) == 1


def test_an_unknown_uid_is_not_found(index: PodIndex) -> None:
    assert index.lookup("a") is None


def test_the_index_is_synced_only_after_the_last_page(index: PodIndex) -> None:
    assert not index.synced
    index.replace_page(ListPage(scope="", pods=[pod("a", 1)], begins=True))
    index.replace_page(ListPage(scope="", pods=[pod("b", 2)]))
    assert not index.synced
    index.replace_page(ListPage(scope="", pods=[], complete_at=3))
    assert index.synced


def test_an_empty_cluster_is_synced_too(index: PodIndex) -> None:
    index.replace_page(listing(at=1))
    assert index.synced
    assert len(index) == 0


def test_the_index_is_synced_when_every_scope_is(index: PodIndex) -> None:
    index.replace_page(ListPage(scope="a", pods=[], begins=True))
    index.replace_page(ListPage(scope="b", pods=[], begins=True))
    index.replace_page(ListPage(scope="a", pods=[], complete_at=1))
    assert not index.synced
    index.replace_page(ListPage(scope="b", pods=[], complete_at=1))
    assert index.synced


def test_a_relist_does_not_withdraw_synced(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), at=1))
    index.replace_page(ListPage(scope="", pods=[], begins=True))
    assert index.synced
    assert uids(index) == {"a"}


def test_a_pod_deleted_in_the_gap_is_gone_after_the_relist(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), pod("b", 2), at=3))
    index.replace_page(listing(pod("b", 2), at=9))
    assert uids(index) == {"b"}


def test_a_pod_recreated_under_its_name_in_the_gap_is_another_pod(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1, "web-0"), at=3))
    index.replace_page(listing(pod("b", 5, "web-0"), at=9))
    assert uids(index) == {"b"}


def test_an_empty_relist_empties_the_index(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), pod("b", 2), at=3))
    index.replace_page(listing(at=9))
    assert len(index) == 0
    assert index.synced


def test_a_pod_newer_than_the_listing_survives_it(index: PodIndex) -> None:
    index.replace_page(ListPage(scope="", pods=[], begins=True))
    index.update(change("a", 12))
    index.replace_page(ListPage(scope="", pods=[], complete_at=10))
    assert uids(index) == {"a"}


def test_a_pod_as_old_as_the_listing_that_does_not_show_it_is_gone(index: PodIndex) -> None:
    index.update(change("a", 10))
    index.replace_page(listing(at=10))
    assert uids(index) == set()


def test_a_late_event_older_than_the_listing_leaves_no_ghost(index: PodIndex) -> None:
    index.replace_page(ListPage(scope="", pods=[], begins=True))
    index.update(change("a", 5))
    index.replace_page(ListPage(scope="", pods=[], complete_at=10))
    assert uids(index) == set()


def test_a_late_event_does_not_save_a_pod_that_the_listing_does_not_show(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), at=1))
    index.replace_page(ListPage(scope="", pods=[], begins=True))
    index.update(change("a", 5))
    index.replace_page(ListPage(scope="", pods=[], complete_at=10))
    assert uids(index) == set()


def test_a_listing_does_not_bring_back_a_pod_deleted_after_it(index: PodIndex) -> None:
    index.replace_page(ListPage(scope="", pods=[pod("a", 1)], begins=True))
    index.delete(change("a", 12))
    index.replace_page(ListPage(scope="", pods=[pod("a", 1)], complete_at=10))
    assert uids(index) == set()


def test_pages_of_an_unfinished_listing_do_not_count_for_the_next(index: PodIndex) -> None:
    index.replace_page(ListPage(scope="", pods=[pod("a", 1)], begins=True))
    index.replace_page(listing(pod("b", 2), at=9))
    assert uids(index) == {"b"}


def test_an_older_event_never_overwrites_a_newer_one(index: PodIndex) -> None:
    index.update(change("a", 10))
    newer = index.lookup("a")
    index.update(Delta("", pod("a", 9, "older")))
    assert index.lookup("a") == newer


def test_an_older_page_never_overwrites_a_newer_event(index: PodIndex) -> None:
    index.update(change("a", 10))
    newer = index.lookup("a")
    index.replace_page(listing(pod("a", 9, "older"), at=9))
    assert index.lookup("a") == newer


def test_a_state_that_is_known_is_not_encoded_again(index: PodIndex) -> None:
    index.update(change("a", 10))
    record = index.lookup("a")
    index.replace_page(listing(pod("a", 10), at=11))
    assert index.lookup("a") is record


def test_of_three_events_in_any_order_the_newest_wins(index: PodIndex) -> None:
    for version in (5, 10, 7):
        index.update(Delta("", pod("a", version, f"v{version}")))
    assert b'"name":"v10"' in (index.lookup("a") or b"")


def test_resource_versions_compare_as_integers(index: PodIndex) -> None:
    index.update(Delta("", pod("a", 9, "nine")))
    index.update(Delta("", pod("a", 10, "ten")))
    assert b'"name":"ten"' in (index.lookup("a") or b"")


def test_a_deleted_uid_never_comes_back(index: PodIndex) -> None:
    index.update(change("a", 1))
    index.delete(change("a", 2))
    index.update(change("a", 3))
    assert uids(index) == set()


def test_a_pod_that_a_listing_forgot_is_back_with_the_next(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), at=1))
    index.replace_page(listing(at=5))
    index.replace_page(listing(pod("a", 1), at=6))
    assert uids(index) == {"a"}


def test_a_pod_that_a_listing_forgot_is_back_with_its_next_change_but_not_with_an_older_one(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), at=1))
    index.replace_page(listing(at=5))
    index.update(change("a", 4))
    assert uids(index) == set()
    index.update(change("a", 6))
    assert uids(index) == {"a"}


def test_a_relist_of_one_namespace_leaves_the_other_alone(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), at=2, scope="one"))
    index.replace_page(listing(pod("b", 1), at=2, scope="two"))
    index.replace_page(listing(at=9, scope="one"))
    assert uids(index) == {"b"}


def test_a_history_that_began_anew_makes_old_versions_and_deletions_void(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 90), pod("b", 91), pod("c", 92), at=100))
    index.delete(change("b", 101))
    index.replace_page(listing(pod("a", 40, "restored"), pod("b", 41), at=50, history_reset=True))
    assert uids(index) == {"a", "b"}
    assert b'"name":"restored"' in (index.lookup("a") or b"")


def test_a_history_that_began_anew_in_one_scope_leaves_the_tombstones_of_others(index: PodIndex) -> None:
    index.delete(change("a", 5, scope="one"))
    index.replace_page(listing(at=1, scope="two", history_reset=True))
    index.update(change("a", 6, scope="one"))
    assert uids(index) == set()


def test_a_history_that_began_anew_in_one_scope_leaves_the_versions_of_others(index: PodIndex) -> None:
    index.update(Delta("one", pod("a", 9, "newer")))
    index.replace_page(listing(at=1, scope="two", history_reset=True))
    index.update(Delta("one", pod("a", 5, "older")))
    assert b'"name":"newer"' in (index.lookup("a") or b"")


def test_a_deletion_that_is_told_again_counts_as_young() -> None:
    index = PodIndex(tombstones=2)
    for version, uid in enumerate("abac"):
        index.delete(change(uid, version))
    for uid in "abc":
        index.update(change(uid, 9))
    assert uids(index) == {"b"}


def test_tombstones_are_bounded_and_the_oldest_goes_first() -> None:
    index = PodIndex(tombstones=2)
    for version, uid in enumerate("abc"):
        index.delete(change(uid, version))
    for uid in "abc":
        index.update(change(uid, 9))
    assert uids(index) == {"a"}


CONTAINER, OTHER_CONTAINER = "3f" * 32, "0a" * 32
STATIC_UID = "6f1ed7d5d1ba2f15eb8b5fe5f6d8a9ac"
MIRROR = {"kubernetes.io/config.hash": STATIC_UID, "kubernetes.io/config.mirror": STATIC_UID}
ALL_KEYS = {
    "uid": uid("a"),
    "name": name("shop/web-0"),
    "ip": ip("fd00::1"),
    "containerID": container(CONTAINER),
    "config.hash": uid(STATIC_UID),
}
EARLY, LATE = "2025-01-01T08:00:00Z", "2025-01-01T09:00:00Z"


def full(version: int = 1) -> Delta:
    """A pod with every key."""
    return change(
        "a",
        version,
        name="web-0",
        namespace="shop",
        node="node-1",
        ips=["10.0.0.1", "fd00::1"],
        containers=[OTHER_CONTAINER, CONTAINER],
        annotations=MIRROR,
    )


@pytest.mark.parametrize("by", ALL_KEYS)
def test_a_pod_is_found_by_each_of_its_keys_and_the_answer_says_by_which(index: PodIndex, by: str) -> None:
    index.update(full())
    match = index.find(ALL_KEYS[by])
    assert match is not None
    assert match.record == index.lookup("a")
    assert match.by == by


@pytest.mark.parametrize("by", ALL_KEYS)
def test_a_pod_that_is_gone_is_found_by_each_of_its_keys_by_who_wants_that_and_by_no_other(
    index: PodIndex, by: str
) -> None:
    index.update(full(1))
    index.delete(full(2))
    assert index.find(ALL_KEYS[by]) is None
    match = index.find(ALL_KEYS[by], deleted=True)
    assert match is not None
    assert b'"deletedAt":"' in match.record
    assert match.by == by


def test_a_pod_that_claims_the_uid_of_another_as_its_own_is_not_taken_for_it(index: PodIndex) -> None:
    victim = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
    claim = {"kubernetes.io/config.hash": victim, "kubernetes.io/config.mirror": victim}
    index.update(change("liar", 1, annotations=claim))
    index.update(change(victim, 2))
    assert found(index, uid(victim)) == victim
    index.delete(change(victim, 3))
    assert found(index, uid(victim)) is None
    assert found(index, uid(victim), deleted=True) == f"†{victim}"


@pytest.mark.parametrize("identifier", [uid("b"), name("shop/web-1"), ip("10.0.0.2"), container("0b" * 32), ip("")])
def test_what_no_pod_has_finds_none(index: PodIndex, identifier: Identifier) -> None:
    index.update(full())
    assert found(index, identifier, deleted=True) is None


@pytest.mark.parametrize("off", sorted(INDEX_NAMES))
def test_a_kind_that_is_switched_off_finds_nothing_and_the_others_do(off: IndexName) -> None:
    index = PodIndex(index_names=INDEX_NAMES - {off})
    index.update(full())
    assert [by for by, identifier in ALL_KEYS.items() if not index.find(identifier)] == [
        by for by in ALL_KEYS if by == off
    ]
    assert bool(list(index.select(node="node-1"))) == (off != "node")
    index.delete(full(2))
    assert [by for by, identifier in ALL_KEYS.items() if not index.find(identifier, deleted=True)] == [
        by for by in ALL_KEYS if by == off
    ]


def test_a_uid_is_that_of_its_pod_whatever_other_pods_claim_it_as_their_hash(index: PodIndex) -> None:
    index.update(change(STATIC_UID, 1))
    index.update(full(2))
    assert found(index, uid(STATIC_UID)) == STATIC_UID
    index.delete(change(STATIC_UID, 3))
    assert found(index, uid(STATIC_UID), deleted=True) == f"†{STATIC_UID}"


@pytest.mark.parametrize("identifier", [name("default/web"), ip("10.0.0.1"), container(CONTAINER)])
def test_a_pod_that_lives_is_meant_before_one_that_is_gone(index: PodIndex, identifier: Identifier) -> None:
    index.update(change("a", 1, ips=["10.0.0.1"], containers=[CONTAINER], started=LATE))
    index.delete(change("a", 2, ips=["10.0.0.1"], containers=[CONTAINER], started=LATE))
    index.update(change("b", 3, ips=["10.0.0.1"], containers=[CONTAINER], phase="Failed", started=EARLY))
    assert found(index, identifier, deleted=True) == "b"
    index.delete(change("b", 4))
    assert found(index, identifier) is None


@pytest.mark.parametrize(
    ("meant", "other"),
    [
        ({"phase": "Running", "started": EARLY}, {"phase": "Succeeded", "started": LATE}),
        ({"phase": "Pending", "started": EARLY}, {"phase": "Failed", "started": LATE}),
        ({"started": LATE}, {"started": EARLY}),
        ({"started": EARLY}, {"started": None}),
        ({"phase": "Failed", "started": LATE}, {"phase": "Succeeded", "started": EARLY}),
    ],
)
@pytest.mark.parametrize("versions", [(1, 2), (2, 1), (9, 10)])
def test_of_several_on_one_ip_the_one_that_runs_is_meant_then_the_one_that_started_last(
    meant: dict[str, Any], other: dict[str, Any], versions: tuple[int, int]
) -> None:
    changes = [
        change("a", versions[0], ips=["10.0.0.1"], **meant),
        change("b", versions[1], ips=["10.0.0.1"], **other),
    ]
    for ordered in (changes, changes[::-1]):
        index = PodIndex()
        for each in ordered:
            index.update(each)
        assert found(index, ip("10.0.0.1")) == "a"


def test_of_several_on_one_ip_that_started_at_once_the_one_that_changed_last_is_meant(index: PodIndex) -> None:
    for uid_, version in (("a", 9), ("b", 10), ("c", 8)):
        index.update(change(uid_, version, ips=["10.0.0.1"], started=EARLY))
    assert found(index, ip("10.0.0.1")) == "b"
    index.update(change("c", 11, ips=["10.0.0.1"], started=EARLY))
    assert found(index, ip("10.0.0.1")) == "c"


def test_a_pod_that_finished_gives_its_ip_to_the_next_and_has_it_until_then(index: PodIndex) -> None:
    index.update(change("a", 1, ips=["10.0.0.1"], started=LATE))
    index.update(change("a", 2, ips=["10.0.0.1"], started=LATE, phase="Succeeded"))
    assert found(index, ip("10.0.0.1")) == "a"
    index.update(change("b", 3, ips=["10.0.0.1"], started=EARLY))
    assert found(index, ip("10.0.0.1")) == "b"


def test_a_pod_is_found_by_the_keys_that_it_has_now_and_not_by_those_that_it_had(index: PodIndex) -> None:
    index.update(change("a", 1))
    assert found(index, ip("10.0.0.1")) is None
    index.update(change("a", 2, ips=["10.0.0.1"], containers=[CONTAINER]))
    assert found(index, ip("10.0.0.1")) == "a"
    assert found(index, container(CONTAINER)) == "a"
    index.update(change("a", 3, ips=["10.0.0.2"], containers=[OTHER_CONTAINER]))
    assert found(index, ip("10.0.0.1"), deleted=True) is None
    assert found(index, container(CONTAINER), deleted=True) is None
    assert found(index, ip("10.0.0.2")) == "a"
    assert found(index, container(OTHER_CONTAINER)) == "a"
    assert found(index, name("default/web")) == "a"


def test_an_older_state_does_not_bring_back_keys(index: PodIndex) -> None:
    index.update(change("a", 3, ips=["10.0.0.2"]))
    index.update(change("a", 2, ips=["10.0.0.1"]))
    assert found(index, ip("10.0.0.1")) is None
    assert found(index, ip("10.0.0.2")) == "a"


def test_a_pod_that_was_deleted_in_a_gap_is_kept_as_it_was_at_last(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1), at=1))
    index.update(change("a", 2, ips=["10.0.0.1"], phase="Failed"))
    index.replace_page(listing(at=9))
    assert found(index, ip("10.0.0.1"), deleted=True) == "†a"
    assert b'"phase":"Failed"' in (index.find(uid("a"), deleted=True) or (b"",))[0]


def test_a_pod_that_was_never_seen_before_its_deletion_is_kept_too(index: PodIndex) -> None:
    index.delete(change("a", 1, ips=["10.0.0.1"]))
    assert len(index) == 0
    assert found(index, uid("a")) is None
    assert found(index, uid("a"), deleted=True) == "†a"
    assert found(index, ip("10.0.0.1"), deleted=True) == "†a"


def test_a_pod_that_is_gone_is_kept_as_its_deletion_showed_it(index: PodIndex) -> None:
    index.update(change("a", 1, ips=["10.0.0.1"]))
    index.delete(change("a", 2, phase="Succeeded", containers=[CONTAINER]))
    assert b'"phase":"Succeeded"' in (index.find(uid("a"), deleted=True) or (b"",))[0]
    assert found(index, container(CONTAINER), deleted=True) == "†a"
    assert found(index, ip("10.0.0.1"), deleted=True) is None


def test_a_deletion_that_shows_an_older_state_leaves_the_newer_one(index: PodIndex) -> None:
    index.update(change("a", 5, ips=["10.0.0.1"]))
    index.delete(change("a", 4, ips=["10.0.0.2"]))
    assert found(index, ip("10.0.0.1"), deleted=True) == "†a"
    assert found(index, ip("10.0.0.2"), deleted=True) is None


def test_pods_that_are_gone_are_kept_for_some_seconds_and_no_more_than_allowed() -> None:
    now = 1000.0
    index = PodIndex(retention_seconds=60, retention_max=2, now=lambda: now)
    for version, uid_ in enumerate("abc"):
        index.delete(change(uid_, version))
    assert [found(index, uid(uid_), deleted=True) for uid_ in "abc"] == [None, "†b", "†c"]
    now += 60
    assert [found(index, uid(uid_), deleted=True) for uid_ in "abc"] == [None, None, None]


def test_a_deletion_that_is_told_twice_happened_when_it_was_told_first() -> None:
    now = 1000.0
    index = PodIndex(now=lambda: now)
    index.update(change("a", 1))
    index.delete(change("a", 2))
    first = index.find(uid("a"), deleted=True)
    now += 60
    index.delete(change("a", 2, ips=["10.0.0.1"]))
    assert index.find(uid("a"), deleted=True) == first
    assert found(index, ip("10.0.0.1"), deleted=True) is None


def test_a_pod_that_a_listing_forgot_and_that_comes_back_lives_and_is_gone_no_more(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 1, ips=["10.0.0.1"]), at=1))
    index.replace_page(listing(at=5))
    assert found(index, ip("10.0.0.1"), deleted=True) == "†a"
    index.update(change("a", 6, ips=["10.0.0.2"]))
    assert found(index, uid("a"), deleted=True) == "a"
    assert found(index, ip("10.0.0.2"), deleted=True) == "a"
    assert found(index, ip("10.0.0.1"), deleted=True) is None


def test_a_pod_comes_back_from_a_listing_that_forgot_more_than_are_remembered() -> None:
    now = 1000.0
    index = PodIndex(tombstones=1, now=lambda: now)
    index.replace_page(listing(pod("a", 1, ips=["10.0.0.1"]), pod("b", 1), at=1))
    index.replace_page(listing(at=5))
    index.replace_page(listing(pod("a", 6, ips=["10.0.0.2"]), pod("b", 1), at=6))
    assert found(index, ip("10.0.0.2"), deleted=True) == "a"
    assert found(index, ip("10.0.0.1"), deleted=True) is None
    now += 60
    index.delete(change("a", 7, ips=["10.0.0.2"]))
    assert found(index, ip("10.0.0.2"), deleted=True) == "†a"
    assert b'"deletedAt":"1970-01-01T00:17:40Z"' in (index.find(uid("a"), deleted=True) or (b"",))[0]


def test_a_history_that_began_anew_in_one_scope_forgets_its_pods_that_are_gone_and_leaves_those_of_others(
    index: PodIndex,
) -> None:
    index.delete(change("a", 90, scope="one", name="web-1"))
    index.delete(change("b", 90, scope="two", name="web-2"))
    index.replace_page(listing(pod("c", 5), at=9, scope="one", history_reset=True))
    assert found(index, name("default/web-1"), deleted=True) is None
    assert found(index, name("default/web-2"), deleted=True) == "†b"


def test_a_history_that_began_anew_shows_the_keys_of_today(index: PodIndex) -> None:
    index.replace_page(listing(pod("a", 90, ips=["10.0.0.1"]), pod("b", 91, ips=["10.0.0.3"]), at=100))
    index.replace_page(listing(pod("a", 40, ips=["10.0.0.2"]), at=50, history_reset=True))
    assert found(index, ip("10.0.0.1"), deleted=True) is None
    assert found(index, ip("10.0.0.2")) == "a"
    assert found(index, ip("10.0.0.3")) is None


def selected(index: PodIndex, **where: str) -> list[str]:
    return sorted(uid_ for part in index.select(**where) for uid_, _ in part)


def test_pods_are_selected_by_node_and_by_namespace_and_by_both(index: PodIndex) -> None:
    places = ["n1 team", "n1 team-a", "n10 team", "n10 team-a", " team"]
    for uid_, place in zip("abcde", places, strict=True):
        node, namespace = place.split(" ")
        index.update(change(uid_, 1, node=node, namespace=namespace))
    assert selected(index, node="n1") == ["a", "b"]
    assert selected(index, namespace="team") == ["a", "c", "e"]
    assert selected(index, node="n10", namespace="team") == ["c"]
    assert selected(index) == ["a", "b", "c", "d", "e"]
    assert selected(index, node="n2") == selected(index, namespace="tea") == []


def test_selected_pods_are_told_with_their_records(index: PodIndex) -> None:
    index.update(change("a", 1, node="n1"))
    assert [part for part in index.select(node="n1") if part] == [[("a", index.lookup("a"))]]


def test_finished_pods_are_selected_and_pods_that_are_gone_are_not(index: PodIndex) -> None:
    index.update(change("a", 1, node="n1", phase="Failed"))
    index.update(change("b", 1, node="n1"))
    index.delete(change("b", 2, node="n1"))
    assert selected(index, node="n1") == selected(index, namespace="default") == ["a"]


@pytest.mark.parametrize("where", [{"node": "n1"}, {"namespace": "default"}, {}])
def test_pods_are_selected_in_slices_between_which_the_index_may_change(
    index: PodIndex, where: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_index.store.index, "SLICE", 2)
    for uid_ in "abcde":
        index.update(change(uid_, 1, node="n1"))
    slices = index.select(**where)
    first = next(slices)
    assert len(first) == 2
    rest = sorted(set("abcde") - {uid_ for uid_, _ in first})
    index.delete(change(rest[0], 2, node="n1"))
    index.update(change(rest[1], 3, name="changed", node="n1"))
    index.update(change("f", 4, node="n1"))
    others = dict(entry for part in slices for entry in part)
    assert others.keys() == {rest[1], rest[2]}
    assert others[rest[1]] == index.lookup(rest[1])


def test_who_waits_is_told_of_a_new_pod_and_of_new_keys(index: PodIndex) -> None:
    told: list[Identifier] = []
    for identifier in (uid("a"), uid(STATIC_UID), name("default/web"), ip("10.0.0.1"), container(CONTAINER), uid("b")):
        index.subscribe([identifier], partial(told.append, identifier))
    index.update(change("a", 1, annotations=MIRROR))
    assert set(told) == {uid("a"), uid(STATIC_UID), name("default/web")}
    told.clear()
    index.update(change("a", 2, ips=["10.0.0.1"], containers=[CONTAINER], annotations=MIRROR))
    assert {ip("10.0.0.1"), container(CONTAINER)} <= set(told)
    assert uid("b") not in told


def test_who_waits_for_any_of_several_is_told_of_each(index: PodIndex) -> None:
    told: list[None] = []
    index.subscribe([uid("b"), ip("10.0.0.1")], lambda: told.append(None))
    index.update(change("a", 1, ips=["10.0.0.1"]))
    assert len(told) == 1
    index.update(change("b", 2))
    assert len(told) == 2


def test_who_waits_is_told_of_a_pod_in_a_listing(index: PodIndex) -> None:
    told: list[None] = []
    index.subscribe([uid("a")], lambda: told.append(None))
    index.replace_page(listing(pod("a", 1), at=1))
    assert told


def test_who_waits_is_told_of_the_deletion_of_a_pod_that_was_never_seen(index: PodIndex) -> None:
    told: list[None] = []
    index.subscribe([ip("10.0.0.1")], lambda: told.append(None))
    index.delete(change("a", 1, ips=["10.0.0.1"]))
    assert told
    assert found(index, ip("10.0.0.1"), deleted=True) == "†a"


def test_who_waits_is_not_told_of_a_change_that_leaves_the_keys_or_that_is_older(index: PodIndex) -> None:
    told: list[None] = []
    index.update(change("a", 5))
    index.subscribe([uid("a"), ip("10.0.0.1")], lambda: told.append(None))
    index.update(change("a", 6))
    index.update(change("a", 4, ips=["10.0.0.1"]))
    assert not told


def test_who_has_ended_waiting_is_told_no_more(index: PodIndex) -> None:
    told: list[str] = []
    end = index.subscribe([uid("a"), ip("10.0.0.1")], lambda: told.append("ended"))
    index.subscribe([uid("a")], lambda: told.append("other"))
    end()
    end()
    index.update(change("a", 1, ips=["10.0.0.1"]))
    assert told == ["other"]

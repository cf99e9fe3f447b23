"""Tests of ``PodIndex``."""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

import pod_index.store.table
from pod_index.containers import ContainerStatus
from pod_index.pods import Pod, PodIP, PodMetadata, PodSpec, PodStatus
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from pod_index.store.indexers import INDEX_NAMES, IndexName
from pod_index.store.matching import Ambiguity, Match
from tests.support.served import replace_page


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


def delta(uid: str, version: int, *, scope: str = "", **fields: Any) -> Delta:
    return Delta(type="MODIFIED", scope=scope, pod=pod(uid, version, **fields))


def listing(*pods: Pod, at: int, scope: str = "", history_reset: bool = False) -> ListPage:
    return ListPage(scope=scope, pods=list(pods), begins=True, history_reset=history_reset, complete_at=at)


def uids(index: PodIndex, candidates: str = "abcdef") -> set[str]:
    return {uid for uid in candidates if index.lookup(uid) is not None}


def found(index: PodIndex, identifier: Identifier, *, deleted: bool = False) -> str | None:
    """Return the UID of the pod that the identifier names, with a note if it is deleted, or the number of pods."""
    match = index.find(identifier, deleted=deleted)
    if match is None:
        return None
    if isinstance(match, Ambiguity):
        return f"{match.pods} pods"
    record = json.loads(match.record)
    return f"{record['uid']} (deleted)" if "deletedAt" in record else str(record["uid"])


def deleted_record(index: PodIndex, uid_: str) -> bytes:
    match = index.find(uid(uid_), deleted=True)
    assert isinstance(match, Match)
    return match.record


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
    replace_page(index, listing(pod("a", 5), at=10))
    record = index.lookup("a")
    assert record is not None
    assert json.loads(record)["uid"] == "a"
    assert len(index) == 1


def test_an_unknown_uid_is_not_found(index: PodIndex) -> None:
    assert index.lookup("a") is None


def test_the_index_is_synced_only_after_the_last_page(index: PodIndex) -> None:
    assert not index.synced
    replace_page(index, ListPage(scope="", pods=[pod("a", 1)], begins=True))
    replace_page(index, ListPage(scope="", pods=[pod("b", 2)]))
    assert not index.synced
    replace_page(index, ListPage(scope="", pods=[], complete_at=3))
    assert index.synced


def test_an_empty_cluster_is_synced_too(index: PodIndex) -> None:
    replace_page(index, listing(at=1))
    assert index.synced
    assert len(index) == 0


def test_the_index_is_synced_when_every_stream_is(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="a", pods=[], begins=True))
    replace_page(index, ListPage(scope="b", pods=[], begins=True))
    replace_page(index, ListPage(scope="a", pods=[], complete_at=1))
    assert not index.synced
    replace_page(index, ListPage(scope="b", pods=[], complete_at=1))
    assert index.synced


def test_the_index_stays_synced_during_a_relist(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    replace_page(index, ListPage(scope="", pods=[], begins=True))
    assert index.synced
    assert uids(index) == {"a"}


def test_a_pod_deleted_while_the_watch_was_down_is_gone_after_the_relist(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), pod("b", 2), at=3))
    replace_page(index, listing(pod("b", 2), at=9))
    assert uids(index) == {"b"}


def test_a_pod_recreated_under_its_name_while_the_watch_was_down_replaces_the_old_one(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1, "web-0"), at=3))
    replace_page(index, listing(pod("b", 5, "web-0"), at=9))
    assert uids(index) == {"b"}


def test_an_empty_relist_empties_the_index(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), pod("b", 2), at=3))
    replace_page(index, listing(at=9))
    assert len(index) == 0
    assert index.synced


def test_a_pod_newer_than_the_listing_is_kept(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="", pods=[], begins=True))
    index.update(delta("a", 12))
    replace_page(index, ListPage(scope="", pods=[], complete_at=10))
    assert uids(index) == {"a"}


def test_a_pod_that_the_listing_does_not_show_is_gone_if_it_has_the_version_of_the_listing(index: PodIndex) -> None:
    index.update(delta("a", 10))
    replace_page(index, listing(at=10))
    assert uids(index) == set()


def test_a_late_event_does_not_add_a_pod_that_the_listing_does_not_show(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="", pods=[], begins=True))
    index.update(delta("a", 5))
    replace_page(index, ListPage(scope="", pods=[], complete_at=10))
    assert uids(index) == set()


def test_a_late_event_does_not_keep_a_pod_that_the_listing_does_not_show(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    replace_page(index, ListPage(scope="", pods=[], begins=True))
    index.update(delta("a", 5))
    replace_page(index, ListPage(scope="", pods=[], complete_at=10))
    assert uids(index) == set()


def test_a_listing_does_not_bring_back_a_pod_that_was_deleted_after_its_version(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="", pods=[pod("a", 1)], begins=True))
    index.delete(delta("a", 12))
    replace_page(index, ListPage(scope="", pods=[pod("a", 1)], complete_at=10))
    assert uids(index) == set()


def test_the_next_listing_ignores_the_pages_of_an_unfinished_one(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="", pods=[pod("a", 1)], begins=True))
    replace_page(index, listing(pod("b", 2), at=9))
    assert uids(index) == {"b"}


def test_an_older_event_never_overwrites_a_newer_one(index: PodIndex) -> None:
    index.update(delta("a", 10))
    newer = index.lookup("a")
    index.update(Delta(type="MODIFIED", scope="", pod=pod("a", 9, "older")))
    assert index.lookup("a") == newer


def test_an_older_page_never_overwrites_a_newer_event(index: PodIndex) -> None:
    replace_page(index, ListPage(scope="", pods=[], begins=True))
    index.update(delta("a", 10))
    newer = index.lookup("a")
    replace_page(index, ListPage(scope="", pods=[pod("a", 9, "older")], complete_at=9))
    assert index.lookup("a") == newer
    assert index.history_resets == 0


def test_a_relist_does_not_encode_an_unchanged_pod_again(index: PodIndex) -> None:
    index.update(delta("a", 10))
    record = index.lookup("a")
    replace_page(index, listing(pod("a", 10), at=11))
    assert index.lookup("a") is record


def test_the_newest_of_three_events_wins_in_any_order(index: PodIndex) -> None:
    for version in (5, 10, 7):
        index.update(Delta(type="MODIFIED", scope="", pod=pod("a", version, f"v{version}")))
    assert b'"name":"v10"' in (index.lookup("a") or b"")


def test_resource_versions_compare_as_integers(index: PodIndex) -> None:
    index.update(Delta(type="MODIFIED", scope="", pod=pod("a", 9, "nine")))
    index.update(Delta(type="MODIFIED", scope="", pod=pod("a", 10, "ten")))
    assert b'"name":"ten"' in (index.lookup("a") or b"")


def test_a_deleted_uid_never_comes_back(index: PodIndex) -> None:
    index.update(delta("a", 1))
    index.delete(delta("a", 2))
    index.update(delta("a", 3))
    assert uids(index) == set()


def test_a_pod_missing_from_one_listing_is_back_after_the_next(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    replace_page(index, listing(at=5))
    replace_page(index, listing(pod("a", 1), at=6))
    assert uids(index) == {"a"}


def test_a_pod_missing_from_one_listing_is_back_after_a_newer_event_but_not_after_an_older_one(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    replace_page(index, listing(at=5))
    index.update(delta("a", 4))
    assert uids(index) == set()
    index.update(delta("a", 6))
    assert uids(index) == {"a"}


def test_a_relist_of_one_namespace_does_not_change_the_other(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=2, scope="one"))
    replace_page(index, listing(pod("b", 1), at=2, scope="two"))
    replace_page(index, listing(at=9, scope="one"))
    assert uids(index) == {"b"}


def test_a_history_reset_makes_old_versions_and_deletions_invalid(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 90), pod("b", 91), pod("c", 92), at=100))
    index.delete(delta("b", 101))
    replace_page(index, listing(pod("a", 40, "restored"), pod("b", 41), at=50, history_reset=True))
    assert uids(index) == {"a", "b"}
    assert b'"name":"restored"' in (index.lookup("a") or b"")


def test_a_history_reset_of_one_stream_keeps_the_tombstones_of_others(index: PodIndex) -> None:
    index.delete(delta("a", 5, scope="one"))
    replace_page(index, listing(at=1, scope="two", history_reset=True))
    index.update(delta("a", 6, scope="one"))
    assert uids(index) == set()


def test_a_history_reset_of_one_stream_keeps_the_versions_of_others(index: PodIndex) -> None:
    index.update(Delta(type="MODIFIED", scope="one", pod=pod("a", 9, "newer")))
    replace_page(index, listing(at=1, scope="two", history_reset=True))
    index.update(Delta(type="MODIFIED", scope="one", pod=pod("a", 5, "older")))
    assert b'"name":"newer"' in (index.lookup("a") or b"")


@pytest.mark.parametrize(
    ("deletions", "forgotten"),
    [
        pytest.param("abc", {"a"}, id="the oldest goes first"),
        pytest.param("abac", {"b"}, id="a repeated deletion counts as new"),
    ],
)
def test_tombstones_are_bounded(deletions: str, forgotten: set[str]) -> None:
    index = PodIndex(tombstones_max=2)
    for version, uid in enumerate(deletions):
        index.delete(delta(uid, version))
    for uid in "abc":
        index.update(delta(uid, 9))
    assert uids(index) == forgotten


CONTAINER, OTHER_CONTAINER = "3f" * 32, "0a" * 32
STATIC_UID = "6f1ed7d5d1ba2f15eb8b5fe5f6d8a9ac"
MIRROR = {"kubernetes.io/config.hash": STATIC_UID, "kubernetes.io/config.mirror": STATIC_UID}
IDENTIFIERS = {
    "uid": uid("a"),
    "name": name("shop/web-0"),
    "ip": ip("fd00::1"),
    "containerID": container(CONTAINER),
    "config.hash": uid(STATIC_UID),
}
EARLY, LATE = "2025-01-01T08:00:00Z", "2025-01-01T09:00:00Z"


def full(version: int = 1) -> Delta:
    """Return a pod with a value in every index."""
    return delta(
        "a",
        version,
        name="web-0",
        namespace="shop",
        node="node-1",
        ips=["10.0.0.1", "fd00::1"],
        containers=[OTHER_CONTAINER, CONTAINER],
        annotations=MIRROR,
    )


@pytest.mark.parametrize("matched_by", IDENTIFIERS)
def test_a_pod_is_found_in_every_index_and_the_match_names_the_index(index: PodIndex, matched_by: str) -> None:
    index.update(full())
    match = index.find(IDENTIFIERS[matched_by])
    assert isinstance(match, Match)
    assert match.record == index.lookup("a")
    assert match.matched_by == matched_by


@pytest.mark.parametrize("matched_by", IDENTIFIERS)
def test_a_deleted_pod_is_found_in_every_index_only_if_deleted_pods_are_requested(
    index: PodIndex, matched_by: str
) -> None:
    index.update(full(1))
    index.delete(full(2))
    assert index.find(IDENTIFIERS[matched_by]) is None
    match = index.find(IDENTIFIERS[matched_by], deleted=True)
    assert isinstance(match, Match)
    assert b'"deletedAt":"' in match.record
    assert match.matched_by == matched_by


def test_a_pod_whose_config_hash_is_the_uid_of_another_pod_is_not_found_by_it(index: PodIndex) -> None:
    victim = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
    annotations = {"kubernetes.io/config.hash": victim, "kubernetes.io/config.mirror": victim}
    index.update(delta("imposter", 1, annotations=annotations))
    index.update(delta(victim, 2))
    assert found(index, uid(victim)) == victim
    index.delete(delta(victim, 3))
    assert found(index, uid(victim)) is None
    assert found(index, uid(victim), deleted=True) == f"{victim} (deleted)"


@pytest.mark.parametrize("identifier", [uid("b"), name("shop/web-1"), ip("10.0.0.2"), container("0b" * 32), ip("")])
def test_an_identifier_that_no_pod_has_is_not_found(index: PodIndex, identifier: Identifier) -> None:
    index.update(full())
    assert found(index, identifier, deleted=True) is None


@pytest.mark.parametrize("disabled", sorted(INDEX_NAMES))
def test_a_disabled_index_finds_nothing_and_the_others_still_work(disabled: IndexName) -> None:
    index = PodIndex(index_names=INDEX_NAMES - {disabled})
    index.update(full())
    others = IDENTIFIERS.keys() - {disabled}
    assert {name for name, identifier in IDENTIFIERS.items() if index.find(identifier)} == others
    assert bool(list(index.select(node="node-1"))) == (disabled != "node")
    index.delete(full(2))
    assert {name for name, identifier in IDENTIFIERS.items() if index.find(identifier, deleted=True)} == others


def test_a_uid_takes_precedence_over_an_equal_config_hash(index: PodIndex) -> None:
    index.update(delta(STATIC_UID, 1))
    index.update(full(2))
    assert found(index, uid(STATIC_UID)) == STATIC_UID
    index.delete(delta(STATIC_UID, 3))
    assert found(index, uid(STATIC_UID), deleted=True) == f"{STATIC_UID} (deleted)"


@pytest.mark.parametrize("identifier", [name("default/web"), container(CONTAINER)])
def test_an_existing_pod_takes_precedence_over_a_deleted_one(index: PodIndex, identifier: Identifier) -> None:
    index.update(delta("a", 1, ips=["10.0.0.1"], containers=[CONTAINER], started=LATE))
    index.delete(delta("a", 2, ips=["10.0.0.1"], containers=[CONTAINER], started=LATE))
    index.update(delta("b", 3, ips=["10.0.0.1"], containers=[CONTAINER], phase="Failed", started=EARLY))
    assert found(index, identifier, deleted=True) == "b"
    index.delete(delta("b", 4))
    assert found(index, identifier) is None


@pytest.mark.parametrize(
    ("expected", "other"),
    [
        ({"phase": "Running", "started": EARLY}, {"phase": "Succeeded", "started": LATE}),
        ({"phase": "Pending", "started": EARLY}, {"phase": "Failed", "started": LATE}),
        ({"started": LATE}, {"started": EARLY}),
        ({"started": EARLY}, {"started": None}),
        ({"phase": "Failed", "started": LATE}, {"phase": "Succeeded", "started": EARLY}),
    ],
)
@pytest.mark.parametrize("versions", [(1, 2), (2, 1), (9, 10)])
def test_among_pods_with_one_ip_an_unfinished_pod_takes_precedence_then_the_last_start(
    expected: dict[str, Any], other: dict[str, Any], versions: tuple[int, int]
) -> None:
    deltas = [
        delta("a", versions[0], ips=["10.0.0.1"], **expected),
        delta("b", versions[1], ips=["10.0.0.1"], **other),
    ]
    for ordered in (deltas, deltas[::-1]):
        index = PodIndex()
        for update in ordered:
            index.update(update)
        assert found(index, ip("10.0.0.1")) == "a"


def test_a_pod_is_found_by_its_current_index_values_and_not_by_former_ones(index: PodIndex) -> None:
    index.update(delta("a", 1))
    assert found(index, ip("10.0.0.1")) is None
    index.update(delta("a", 2, ips=["10.0.0.1"], containers=[CONTAINER]))
    assert found(index, ip("10.0.0.1")) == "a"
    assert found(index, container(CONTAINER)) == "a"
    index.update(delta("a", 3, ips=["10.0.0.2"], containers=[OTHER_CONTAINER]))
    assert found(index, ip("10.0.0.1"), deleted=True) is None
    assert found(index, container(CONTAINER), deleted=True) is None
    assert found(index, ip("10.0.0.2")) == "a"
    assert found(index, container(OTHER_CONTAINER)) == "a"
    assert found(index, name("default/web")) == "a"


def test_an_older_event_does_not_bring_back_index_values(index: PodIndex) -> None:
    index.update(delta("a", 3, ips=["10.0.0.2"]))
    index.update(delta("a", 2, ips=["10.0.0.1"]))
    assert found(index, ip("10.0.0.1")) is None
    assert found(index, ip("10.0.0.2")) == "a"


def test_a_pod_deleted_while_the_watch_was_down_is_kept_in_its_last_known_state(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1), at=1))
    index.update(delta("a", 2, ips=["10.0.0.1"], phase="Failed"))
    replace_page(index, listing(at=9))
    assert found(index, ip("10.0.0.1"), deleted=True) == "a (deleted)"
    assert b'"phase":"Failed"' in deleted_record(index, "a")


def test_a_deleted_pod_is_kept_even_if_it_was_unknown_before(index: PodIndex) -> None:
    index.delete(delta("a", 1, ips=["10.0.0.1"]))
    assert len(index) == 0
    assert found(index, uid("a")) is None
    assert found(index, uid("a"), deleted=True) == "a (deleted)"
    assert found(index, ip("10.0.0.1"), deleted=True) == "a (deleted)"


def test_a_deleted_pod_is_kept_in_the_state_of_its_deletion_event(index: PodIndex) -> None:
    index.update(delta("a", 1, ips=["10.0.0.1"]))
    index.delete(delta("a", 2, phase="Succeeded", containers=[CONTAINER]))
    assert b'"phase":"Succeeded"' in deleted_record(index, "a")
    assert found(index, container(CONTAINER), deleted=True) == "a (deleted)"
    assert found(index, ip("10.0.0.1"), deleted=True) is None


def test_a_deletion_event_with_an_older_state_does_not_replace_the_newer_state(index: PodIndex) -> None:
    index.update(delta("a", 5, ips=["10.0.0.1"]))
    index.delete(delta("a", 4, ips=["10.0.0.2"]))
    assert found(index, ip("10.0.0.1"), deleted=True) == "a (deleted)"
    assert found(index, ip("10.0.0.2"), deleted=True) is None


def test_deleted_pods_are_kept_up_to_the_retention_time_and_limit() -> None:
    now = 1000.0
    index = PodIndex(retention_seconds=60, retention_max=2, now=lambda: now)
    for version, uid_ in enumerate("abc"):
        index.delete(delta(uid_, version))
    assert [found(index, uid(uid_), deleted=True) for uid_ in "abc"] == [None, "b (deleted)", "c (deleted)"]
    now += 60
    assert [found(index, uid(uid_), deleted=True) for uid_ in "abc"] == [None, None, None]


def test_a_repeated_deletion_event_does_not_change_the_time_of_the_deletion() -> None:
    now = 1000.0
    index = PodIndex(now=lambda: now)
    index.update(delta("a", 1))
    index.delete(delta("a", 2))
    first = index.find(uid("a"), deleted=True)
    now += 60
    index.delete(delta("a", 2, ips=["10.0.0.1"]))
    assert index.find(uid("a"), deleted=True) == first
    assert found(index, ip("10.0.0.1"), deleted=True) is None


def test_a_pod_that_comes_back_after_a_wrong_listing_is_no_longer_a_deleted_pod(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 1, ips=["10.0.0.1"]), at=1))
    replace_page(index, listing(at=5))
    assert found(index, ip("10.0.0.1"), deleted=True) == "a (deleted)"
    index.update(delta("a", 6, ips=["10.0.0.2"]))
    assert found(index, uid("a"), deleted=True) == "a"
    assert found(index, ip("10.0.0.2"), deleted=True) == "a"
    assert found(index, ip("10.0.0.1"), deleted=True) is None


def test_a_pod_whose_tombstone_was_dropped_comes_back_after_a_wrong_listing() -> None:
    now = 1000.0
    index = PodIndex(tombstones_max=1, now=lambda: now)
    replace_page(index, listing(pod("a", 1, ips=["10.0.0.1"]), pod("b", 1), at=1))
    replace_page(index, listing(at=5))
    replace_page(index, listing(pod("a", 6, ips=["10.0.0.2"]), pod("b", 1), at=6))
    assert found(index, ip("10.0.0.2"), deleted=True) == "a"
    assert found(index, ip("10.0.0.1"), deleted=True) is None
    now += 60
    index.delete(delta("a", 7, ips=["10.0.0.2"]))
    assert found(index, ip("10.0.0.2"), deleted=True) == "a (deleted)"
    assert b'"deletedAt":"1970-01-01T00:17:40Z"' in deleted_record(index, "a")


def test_a_history_reset_removes_only_the_deleted_pods_of_its_stream(index: PodIndex) -> None:
    index.delete(delta("a", 90, scope="one", name="web-1"))
    index.delete(delta("b", 90, scope="two", name="web-2"))
    replace_page(index, listing(pod("c", 5), at=9, scope="one", history_reset=True))
    assert found(index, name("default/web-1"), deleted=True) is None
    assert found(index, name("default/web-2"), deleted=True) == "b (deleted)"


def test_a_history_reset_replaces_index_values(index: PodIndex) -> None:
    replace_page(index, listing(pod("a", 90, ips=["10.0.0.1"]), pod("b", 91, ips=["10.0.0.3"]), at=100))
    replace_page(index, listing(pod("a", 40, ips=["10.0.0.2"]), at=50, history_reset=True))
    assert found(index, ip("10.0.0.1"), deleted=True) is None
    assert found(index, ip("10.0.0.2")) == "a"
    assert found(index, ip("10.0.0.3")) is None


def selected(index: PodIndex, **selectors: str) -> list[str]:
    return sorted(uid_ for pods in index.select(**selectors) for uid_, *_ in pods)


def test_pods_are_selected_by_node_by_namespace_and_by_both(index: PodIndex) -> None:
    locations = ["n1 team", "n1 team-a", "n10 team", "n10 team-a", " team"]
    for uid_, location in zip("abcde", locations, strict=True):
        node, namespace = location.split(" ")
        index.update(delta(uid_, 1, node=node, namespace=namespace))
    assert selected(index, node="n1") == ["a", "b"]
    assert selected(index, namespace="team") == ["a", "c", "e"]
    assert selected(index, node="n10", namespace="team") == ["c"]
    assert selected(index) == ["a", "b", "c", "d", "e"]
    assert selected(index, node="n2") == selected(index, namespace="tea") == []


def test_a_selection_has_uids_records_and_details(index: PodIndex) -> None:
    index.update(delta("a", 1, node="n1"))
    assert [pods for pods in index.select(node="n1") if pods] == [[("a", index.lookup("a"), index.details("a"))]]


def test_finished_pods_are_selected_and_deleted_pods_are_not(index: PodIndex) -> None:
    index.update(delta("a", 1, node="n1", phase="Failed"))
    index.update(delta("b", 1, node="n1"))
    index.delete(delta("b", 2, node="n1"))
    assert selected(index, node="n1") == selected(index, namespace="default") == ["a"]


@pytest.mark.parametrize("selectors", [{"node": "n1"}, {"namespace": "default"}, {}])
def test_the_index_may_change_between_the_slices_of_a_selection(
    index: PodIndex, selectors: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_index.store.table, "SLICE", 2)
    for uid_ in "abcde":
        index.update(delta(uid_, 1, node="n1"))
    slices = index.select(**selectors)
    first = next(slices)
    assert len(first) == 2
    rest = sorted(set("abcde") - {uid_ for uid_, *_ in first})
    index.delete(delta(rest[0], 2, node="n1"))
    index.update(delta(rest[1], 3, name="changed", node="n1"))
    index.update(delta("f", 4, node="n1"))
    others = {uid_: record for pods in slices for uid_, record, _ in pods}
    assert others.keys() == {rest[1], rest[2]}
    assert others[rest[1]] == index.lookup(rest[1])


def test_subscribers_are_notified_of_a_new_pod_and_of_new_index_values(index: PodIndex) -> None:
    calls: list[Identifier] = []
    for identifier in (uid("a"), uid(STATIC_UID), name("default/web"), ip("10.0.0.1"), container(CONTAINER), uid("b")):
        index.subscribe([identifier], partial(calls.append, identifier))
    index.update(delta("a", 1, annotations=MIRROR))
    assert set(calls) == {uid("a"), uid(STATIC_UID), name("default/web")}
    calls.clear()
    index.update(delta("a", 2, ips=["10.0.0.1"], containers=[CONTAINER], annotations=MIRROR))
    assert {ip("10.0.0.1"), container(CONTAINER)} <= set(calls)
    assert uid("b") not in calls


def test_a_subscriber_to_several_identifiers_is_notified_of_each(index: PodIndex) -> None:
    calls: list[None] = []
    index.subscribe([uid("b"), ip("10.0.0.1")], lambda: calls.append(None))
    index.update(delta("a", 1, ips=["10.0.0.1"]))
    assert len(calls) == 1
    index.update(delta("b", 2))
    assert len(calls) == 2


def test_subscribers_are_notified_of_a_pod_in_a_listing(index: PodIndex) -> None:
    calls: list[None] = []
    index.subscribe([uid("a")], lambda: calls.append(None))
    replace_page(index, listing(pod("a", 1), at=1))
    assert calls


def test_subscribers_are_notified_of_the_deletion_of_an_unknown_pod(index: PodIndex) -> None:
    calls: list[None] = []
    index.subscribe([ip("10.0.0.1")], lambda: calls.append(None))
    index.delete(delta("a", 1, ips=["10.0.0.1"]))
    assert calls
    assert found(index, ip("10.0.0.1"), deleted=True) == "a (deleted)"


def test_subscribers_are_not_notified_of_older_events_or_unchanged_index_values(index: PodIndex) -> None:
    calls: list[None] = []
    index.update(delta("a", 5))
    index.subscribe([uid("a"), ip("10.0.0.1")], lambda: calls.append(None))
    index.update(delta("a", 6))
    index.update(delta("a", 4, ips=["10.0.0.1"]))
    assert not calls


def test_a_callback_is_not_called_after_it_unsubscribes(index: PodIndex) -> None:
    calls: list[str] = []
    unsubscribe = index.subscribe([uid("a"), ip("10.0.0.1")], lambda: calls.append("unsubscribed"))
    index.subscribe([uid("a")], lambda: calls.append("other"))
    unsubscribe()
    unsubscribe()
    index.update(delta("a", 1, ips=["10.0.0.1"]))
    assert calls == ["other"]

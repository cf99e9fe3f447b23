"""The index on its own."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from pod_index.changes import Change, Page
from pod_index.index import PodIndex
from pod_index.pods import ContainerStatus, Pod, PodIP, PodMetadata, PodSpec, PodStatus


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


def change(uid: str, version: int, *, scope: str = "", **fields: Any) -> Change:
    return Change(scope, pod(uid, version, **fields))


def listing(*pods: Pod, at: int, scope: str = "", rewound: bool = False) -> Page:
    return Page(scope=scope, pods=list(pods), begins=True, rewound=rewound, complete_at=at)


def uids(index: PodIndex, candidates: str = "abcdef") -> set[str]:
    return {uid for uid in candidates if index.lookup(uid) is not None}


@pytest.fixture
def index() -> PodIndex:
    return PodIndex()


def test_a_listed_pod_is_found_by_its_uid(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 5), at=10))
    record = index.lookup("a")
    assert record is not None
    assert json.loads(record)["uid"] == "a"
    assert len(index) == 1


def test_an_unknown_uid_is_not_found(index: PodIndex) -> None:
    assert index.lookup("a") is None


def test_the_index_is_synced_only_after_the_last_page(index: PodIndex) -> None:
    assert not index.synced
    index.apply_page(Page(scope="", pods=[pod("a", 1)], begins=True))
    index.apply_page(Page(scope="", pods=[pod("b", 2)]))
    assert not index.synced
    index.apply_page(Page(scope="", pods=[], complete_at=3))
    assert index.synced


def test_an_empty_cluster_is_synced_too(index: PodIndex) -> None:
    index.apply_page(listing(at=1))
    assert index.synced
    assert len(index) == 0


def test_the_index_is_synced_when_every_scope_is(index: PodIndex) -> None:
    index.apply_page(Page(scope="a", pods=[], begins=True))
    index.apply_page(Page(scope="b", pods=[], begins=True))
    index.apply_page(Page(scope="a", pods=[], complete_at=1))
    assert not index.synced
    index.apply_page(Page(scope="b", pods=[], complete_at=1))
    assert index.synced


def test_a_relist_does_not_withdraw_synced(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), at=1))
    index.apply_page(Page(scope="", pods=[], begins=True))
    assert index.synced
    assert uids(index) == {"a"}


def test_a_pod_deleted_in_the_gap_is_gone_after_the_relist(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), pod("b", 2), at=3))
    index.apply_page(listing(pod("b", 2), at=9))
    assert uids(index) == {"b"}


def test_a_pod_recreated_under_its_name_in_the_gap_is_another_pod(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1, "web-0"), at=3))
    index.apply_page(listing(pod("b", 5, "web-0"), at=9))
    assert uids(index) == {"b"}


def test_an_empty_relist_empties_the_index(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), pod("b", 2), at=3))
    index.apply_page(listing(at=9))
    assert len(index) == 0
    assert index.synced


def test_a_pod_newer_than_the_listing_survives_it(index: PodIndex) -> None:
    index.apply_page(Page(scope="", pods=[], begins=True))
    index.apply(change("a", 12))
    index.apply_page(Page(scope="", pods=[], complete_at=10))
    assert uids(index) == {"a"}


def test_a_late_event_older_than_the_listing_leaves_no_ghost(index: PodIndex) -> None:
    index.apply_page(Page(scope="", pods=[], begins=True))
    index.apply(change("a", 5))
    index.apply_page(Page(scope="", pods=[], complete_at=10))
    assert uids(index) == set()


def test_a_late_event_does_not_save_a_pod_that_the_listing_does_not_show(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), at=1))
    index.apply_page(Page(scope="", pods=[], begins=True))
    index.apply(change("a", 5))
    index.apply_page(Page(scope="", pods=[], complete_at=10))
    assert uids(index) == set()


def test_a_listing_does_not_bring_back_a_pod_deleted_after_it(index: PodIndex) -> None:
    index.apply_page(Page(scope="", pods=[pod("a", 1)], begins=True))
    index.remove(change("a", 12))
    index.apply_page(Page(scope="", pods=[pod("a", 1)], complete_at=10))
    assert uids(index) == set()


def test_pages_of_an_unfinished_listing_do_not_count_for_the_next(index: PodIndex) -> None:
    index.apply_page(Page(scope="", pods=[pod("a", 1)], begins=True))
    index.apply_page(listing(pod("b", 2), at=9))
    assert uids(index) == {"b"}


def test_an_older_event_never_overwrites_a_newer_one(index: PodIndex) -> None:
    index.apply(change("a", 10))
    newer = index.lookup("a")
    index.apply(Change("", pod("a", 9, "older")))
    assert index.lookup("a") == newer


def test_an_older_page_never_overwrites_a_newer_event(index: PodIndex) -> None:
    index.apply(change("a", 10))
    newer = index.lookup("a")
    index.apply_page(listing(pod("a", 9, "older"), at=9))
    assert index.lookup("a") == newer


def test_of_three_events_in_any_order_the_newest_wins(index: PodIndex) -> None:
    for version in (5, 10, 7):
        index.apply(Change("", pod("a", version, f"v{version}")))
    assert b'"name":"v10"' in (index.lookup("a") or b"")


def test_resource_versions_compare_as_integers(index: PodIndex) -> None:
    index.apply(Change("", pod("a", 9, "nine")))
    index.apply(Change("", pod("a", 10, "ten")))
    assert b'"name":"ten"' in (index.lookup("a") or b"")


def test_a_deleted_uid_never_comes_back(index: PodIndex) -> None:
    index.apply(change("a", 1))
    index.remove(change("a", 2))
    index.apply(change("a", 3))
    assert uids(index) == set()


def test_a_pod_that_a_listing_forgot_is_back_with_the_next(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), at=1))
    index.apply_page(listing(at=5))
    index.apply_page(listing(pod("a", 1), at=6))
    assert uids(index) == {"a"}


def test_a_pod_that_a_listing_forgot_is_back_with_its_next_change_but_not_with_an_older_one(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), at=1))
    index.apply_page(listing(at=5))
    index.apply(change("a", 4))
    assert uids(index) == set()
    index.apply(change("a", 6))
    assert uids(index) == {"a"}


def test_a_relist_of_one_namespace_leaves_the_other_alone(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 1), at=2, scope="one"))
    index.apply_page(listing(pod("b", 1), at=2, scope="two"))
    index.apply_page(listing(at=9, scope="one"))
    assert uids(index) == {"b"}


def test_a_history_that_began_anew_makes_old_versions_and_deletions_void(index: PodIndex) -> None:
    index.apply_page(listing(pod("a", 90), pod("b", 91), pod("c", 92), at=100))
    index.remove(change("b", 101))
    index.apply_page(listing(pod("a", 40, "restored"), pod("b", 41), at=50, rewound=True))
    assert uids(index) == {"a", "b"}
    assert b'"name":"restored"' in (index.lookup("a") or b"")


def test_a_history_that_began_anew_in_one_scope_leaves_the_tombstones_of_others(index: PodIndex) -> None:
    index.remove(change("a", 5, scope="one"))
    index.apply_page(listing(at=1, scope="two", rewound=True))
    index.apply(change("a", 6, scope="one"))
    assert uids(index) == set()


def test_a_history_that_began_anew_in_one_scope_leaves_the_versions_of_others(index: PodIndex) -> None:
    index.apply(Change("one", pod("a", 9, "newer")))
    index.apply_page(listing(at=1, scope="two", rewound=True))
    index.apply(Change("one", pod("a", 5, "older")))
    assert b'"name":"newer"' in (index.lookup("a") or b"")


def test_a_deletion_that_is_told_again_counts_as_young() -> None:
    index = PodIndex(tombstones=2)
    for version, uid in enumerate("abac"):
        index.remove(change(uid, version))
    for uid in "abc":
        index.apply(change(uid, 9))
    assert uids(index) == {"b"}


def test_tombstones_are_bounded_and_the_oldest_goes_first() -> None:
    index = PodIndex(tombstones=2)
    for version, uid in enumerate("abc"):
        index.remove(change(uid, version))
    for uid in "abc":
        index.apply(change(uid, 9))
    assert uids(index) == {"a"}

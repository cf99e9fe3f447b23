"""Tests of ``Tombstones``."""

import pytest

from pod_index.store.tombstones import FINAL, Tombstone, Tombstones


def tombstone(*, version: int = 5, observed: bool = True) -> Tombstone:
    return Tombstone(1, version, deletion_observed=observed)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("version", [4, 5, 6])
def test_a_deletion_for_good_rejects_every_version(version: int, listed: bool) -> None:
    assert tombstone(version=FINAL).rejects(version, listed=listed)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("version", "rejected"), [(4, True), (5, True), (6, False)])
def test_after_a_pod_left_the_selection_a_newer_version_is_accepted(version: int, rejected: bool, listed: bool) -> None:
    assert tombstone().rejects(version, listed=listed) == rejected


@pytest.mark.parametrize(("version", "rejected"), [(4, True), (5, True), (6, False)])
def test_after_a_listing_that_did_not_show_a_pod_a_newer_event_is_accepted(version: int, rejected: bool) -> None:
    assert tombstone(observed=False).rejects(version, listed=False) == rejected


@pytest.mark.parametrize("version", [4, 5, 6])
def test_after_a_listing_that_did_not_show_a_pod_the_next_listing_is_accepted(version: int) -> None:
    assert not tombstone(observed=False).rejects(version, listed=True)


@pytest.mark.parametrize(("uids", "kept"), [("abc", "bc"), ("abac", "ac")], ids=["in order", "repeated"])
def test_the_limit_removes_the_oldest_tombstone(uids: str, kept: str) -> None:
    tombstones = Tombstones(2)
    for uid in uids:
        tombstones.add(uid, tombstone())
    assert "".join(tombstones) == kept

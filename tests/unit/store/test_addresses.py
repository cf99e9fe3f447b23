"""Tests of the IPs of finished pods: once a later pod has been seen with the IP, the finished pod has it no more."""

from collections.abc import Callable

import pytest

from pod_index.store.deltas import Delta
from pod_index.store.index import PodIndex
from tests.support.served import replace_page
from tests.unit.store.test_index import EARLY, LATE, delta, found, ip, listing, uid

IP = "10.0.0.1"
MIDDLE = "2025-01-01T08:30:00Z"


@pytest.fixture
def index() -> PodIndex:
    return PodIndex()


def job(version: int, *, phase: str = "Succeeded", started: str | None = EARLY, ips: tuple[str, ...] = (IP,)) -> Delta:
    return delta("job", version, name="job", phase=phase, started=started, ips=ips)


def web(version: int, *, phase: str = "Running", started: str | None = LATE, ips: tuple[str, ...] = (IP,)) -> Delta:
    return delta("web", version, name="web", phase=phase, started=started, ips=ips)


def owner(index: PodIndex) -> tuple[str | None, str | None]:
    """Return which pod has the IP, without and with deleted pods."""
    return found(index, ip(IP)), found(index, ip(IP), deleted=True)


def test_a_finished_pod_is_found_by_its_ip_until_another_pod_has_the_ip(index: PodIndex) -> None:
    index.update(job(1, phase="Running", started=LATE))
    index.update(job(2, started=LATE))
    assert owner(index) == ("job", "job")
    index.update(web(3, started=EARLY))
    assert owner(index) == ("web", "web")


def in_order(index: PodIndex) -> None:
    index.update(job(1))
    index.update(web(2))


def later_first(index: PodIndex) -> None:
    index.update(web(2))
    index.update(job(1))


def in_a_listing(index: PodIndex) -> None:
    replace_page(index, listing(web(2).pod, job(1).pod, at=2))


def finished_afterwards(index: PodIndex) -> None:
    index.update(job(1, phase="Running"))
    index.update(web(2))
    index.update(job(3))


def updated_between(index: PodIndex) -> None:
    index.update(job(1, started=None))
    index.update(web(2, started=None))
    index.update(job(3, started=None))


def later_pod_finished(index: PodIndex) -> None:
    index.update(job(1))
    index.update(web(2))
    index.update(web(3, phase="Failed"))


def deleted_before_the_finished_pod_was_seen(index: PodIndex) -> None:
    index.update(web(2))
    index.delete(web(4))
    index.update(job(1))


def known_from_its_deletion_only(index: PodIndex) -> None:
    index.update(job(1))
    index.delete(web(4))


@pytest.mark.parametrize(
    "appear",
    [
        in_order,
        later_first,
        in_a_listing,
        finished_afterwards,
        updated_between,
        later_pod_finished,
        deleted_before_the_finished_pod_was_seen,
        known_from_its_deletion_only,
    ],
    ids=lambda appear: appear.__name__,
)
@pytest.mark.parametrize("gone", ["event", "listing"])
def test_a_finished_pod_has_lost_its_ip_when_the_later_pod_is_deleted(
    index: PodIndex, appear: Callable[[PodIndex], None], gone: str
) -> None:
    appear(index)
    if gone == "event":
        index.delete(web(10))
    else:
        replace_page(index, listing(job(3).pod, at=10))
    assert owner(index) == (None, "web (deleted)")
    index.update(job(11, phase="Failed", started=None))
    index.update(job(12, ips=(IP, "10.0.0.2")))
    assert owner(index) == (None, "web (deleted)")
    assert found(index, ip("10.0.0.2")) == "job"
    index.delete(job(13))
    assert owner(index) == (None, "web (deleted)")
    assert found(index, uid("job"), deleted=True) == "job (deleted)"


def test_a_later_pod_that_gave_the_ip_up_had_it_nevertheless(index: PodIndex) -> None:
    index.update(job(1))
    index.update(web(2))
    index.update(web(3, ips=("10.0.0.9",)))
    assert owner(index) == (None, None)


def test_a_pod_that_waited_for_its_ip_had_it_later_although_it_started_earlier(index: PodIndex) -> None:
    index.update(web(1, started=EARLY, ips=()))
    index.update(job(2, started=LATE))
    index.update(web(3, started=EARLY))
    index.delete(web(4, started=EARLY))
    assert owner(index) == (None, "web (deleted)")


@pytest.mark.parametrize("gone", ["event", "listing"])
def test_a_pod_whose_deletion_was_missed_does_not_take_the_ip_of_a_later_finished_pod(
    index: PodIndex, gone: str
) -> None:
    index.update(web(1, started=EARLY))
    index.update(job(2, started=LATE))
    assert owner(index) == ("web", "web")
    if gone == "event":
        index.delete(web(9, started=EARLY))
    else:
        replace_page(index, listing(job(2, started=LATE).pod, at=9))
    assert owner(index) == ("job", "job")


def test_a_finished_pod_that_one_listing_did_not_show_has_not_got_its_ip_back(index: PodIndex) -> None:
    index.update(job(1))
    index.update(web(2))
    index.delete(web(3))
    replace_page(index, listing(at=4))
    replace_page(index, listing(job(1).pod, at=5))
    assert found(index, uid("job")) == "job"
    assert owner(index) == (None, "web (deleted)")


def test_among_finished_pods_the_one_that_started_last_has_the_ip(index: PodIndex) -> None:
    index.update(delta("first", 3, name="first", phase="Failed", started=MIDDLE, ips=(IP,)))
    index.update(job(2, started=LATE))
    index.update(delta("second", 1, name="second", phase="Failed", started=EARLY, ips=(IP,)))
    assert owner(index) == ("job", "job")
    index.delete(job(4, started=LATE))
    assert owner(index) == (None, "job (deleted)")


def test_two_finished_pods_with_one_ip_and_start_time_are_ambiguous(index: PodIndex) -> None:
    index.update(job(1))
    index.update(web(2, phase="Failed", started=EARLY))
    assert owner(index) == ("2 pods", "2 pods")


def test_after_a_reset_of_the_history_a_pod_of_the_lost_one_takes_no_ip(index: PodIndex) -> None:
    index.update(job(1))
    index.update(web(2))
    index.update(job(3, ips=(IP, "10.0.0.2")))
    replace_page(index, listing(job(1).pod, at=1_000))
    assert index.history_resets == 1
    assert owner(index) == ("job", "job")

"""The limits on the time that a client may take."""

from pod_index.server.timeouts import RESPONSE_FACTOR, UNREAD, Timeouts
from pod_index.settings import Settings

SECONDS = 10.0


def read_in_time(timeouts: Timeouts, request: int) -> bool:
    """Return whether a response survives whose client always leaves something unread, but reads each part in time."""
    for check in range(RESPONSE_FACTOR * 2):
        timeouts.restart()
        if timeouts.expired(UNREAD, request, now=check * (SECONDS - 1)):
            return False
    return True


def test_a_response_with_an_end_must_be_read_in_thirty_times_the_time_of_a_part() -> None:
    assert not read_in_time(Timeouts(Settings(client_timeout_seconds=SECONDS)), request=1)


def test_a_response_without_an_end_has_the_limit_for_each_part_only() -> None:
    timeouts = Timeouts(Settings(client_timeout_seconds=SECONDS))
    timeouts.exempt(1)
    assert read_in_time(timeouts, request=1)
    timeouts.restart()
    assert not timeouts.expired(UNREAD, 1, now=10_000.0)
    assert timeouts.expired(UNREAD, 1, now=10_000.0 + SECONDS)


def test_the_next_request_of_the_connection_has_both_limits_again() -> None:
    timeouts = Timeouts(Settings(client_timeout_seconds=SECONDS))
    timeouts.exempt(1)
    assert not read_in_time(timeouts, request=2)

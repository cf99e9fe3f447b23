"""The pauses between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from pod_index.backoff import FIRST_SECONDS, Backoff


@given(limit=st.floats(0.01, 3600), attempts=st.integers(1, 40))
def test_pauses_double_up_to_the_limit_and_are_shortened_by_at_most_a_half(limit: float, attempts: int) -> None:
    backoff = Backoff(limit)
    for attempt in range(attempts):
        longest = min(limit, FIRST_SECONDS * 2**attempt)
        assert longest / 2 <= backoff.next_pause() <= longest


def test_an_outage_of_years_does_not_overflow() -> None:
    backoff = Backoff(30)
    backoff.attempts = 10**9
    assert 15 <= backoff.next_pause() <= 30


def test_after_a_success_the_first_pause_is_short_again() -> None:
    backoff = Backoff(30)
    for _ in range(5):
        backoff.next_pause()
    backoff.reset()
    assert backoff.next_pause() <= FIRST_SECONDS

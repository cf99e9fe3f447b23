"""The pauses and the log lines between attempts."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable

import pytest

from pod_index.informer.errors import ApiError, IdleTimeout, Throttled, Unauthorized, Unreachable
from pod_index.informer.retries import SHORT_WATCHES_LOGGED, WATCH_FAILURES_MAX, Retries


async def seconds_of(pause: Awaitable[None]) -> float:
    start = asyncio.get_running_loop().time()
    await pause
    return asyncio.get_running_loop().time() - start


async def test_short_watches_are_reopened_with_growing_pauses_that_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    retries = Retries(0.05)
    for _ in range(SHORT_WATCHES_LOGGED + 3):
        retries.begin()
        retries.progress()
        assert await seconds_of(retries.pause_before_reopening()) > 0.02
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.INFO


async def test_a_long_watch_is_reopened_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_index.informer.retries.HEALTHY_WATCH_SECONDS", 0.0)
    retries = Retries(30)
    retries.begin()
    await asyncio.sleep(0.001)
    # A pause would be a timer that the first step of the event loop waits for.
    pause = asyncio.create_task(retries.pause_before_reopening())
    for _ in range(2):
        await asyncio.sleep(0)
    assert pause.done()


async def test_a_watch_that_was_silent_for_long_is_not_a_healthy_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pod_index.informer.retries.HEALTHY_WATCH_SECONDS", 0.0)
    retries = Retries(0.01)
    for _ in range(4):
        retries.begin()
        await asyncio.sleep(0.001)
        await retries.pause_after(IdleTimeout("silence"), watching=True)
    assert [message.partition("; ")[2][:9] for message in caplog.messages] == ["attempt 1", "attempt 2", "attempt 4"]


async def test_failures_of_watches_are_counted_until_progress_but_not_those_that_a_listing_cannot_mend() -> None:
    retries = Retries(0.01)
    retries.begin()
    for failure in itertools.islice(itertools.cycle([Throttled("slow"), Unauthorized("login")]), 20):
        assert not retries.watch_keeps_failing(failure)
    for _ in range(2):
        failures = [retries.watch_keeps_failing(Unreachable("502")) for _ in range(WATCH_FAILURES_MAX)]
        assert failures == [*[False] * (WATCH_FAILURES_MAX - 1), True]
        retries.progress()


async def test_the_first_of_each_series_of_failures_is_logged_with_the_recovery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    retries = Retries(0.01)
    failing = []
    for _ in range(2):
        retries.begin()
        assert await retries.pause_after(ApiError("trouble"), watching=False)
        failing.append(retries.failing)
        retries.begin()
        retries.progress()
        failing.append(retries.failing)
    assert failing == [True, False, True, False]
    assert [message.split()[0] for message in caplog.messages] == ["trouble;", "The", "trouble;", "The"]

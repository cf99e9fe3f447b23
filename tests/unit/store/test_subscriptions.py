"""Tests of ``Subscriptions``."""

import pytest

from pod_index.store.subscriptions import Subscriptions


@pytest.fixture
def subscriptions() -> Subscriptions[[]]:
    return Subscriptions()


def test_a_callback_is_called_for_its_own_values_only(subscriptions: Subscriptions[[]]) -> None:
    calls: list[str] = []
    subscriptions.subscribe([b"a", b"b"], lambda: calls.append("first"))
    subscriptions.subscribe([b"b"], lambda: calls.append("second"))
    subscriptions.notify([b"a"])
    assert calls == ["first"]
    subscriptions.notify([b"b"])
    assert sorted(calls[1:]) == ["first", "second"]
    subscriptions.notify([b"c"])
    assert len(calls) == 3


def test_a_callback_is_called_at_every_notification(subscriptions: Subscriptions[[]]) -> None:
    calls: list[None] = []
    subscriptions.subscribe([b"a"], lambda: calls.append(None))
    subscriptions.notify([b"a"])
    subscriptions.notify([b"a"])
    assert len(calls) == 2


def test_a_removed_callback_is_not_called_and_others_still_are(subscriptions: Subscriptions[[]]) -> None:
    calls: list[str] = []

    def first() -> None:
        calls.append("first")

    def second() -> None:
        calls.append("second")

    subscriptions.subscribe([b"a", b"b"], first)
    subscriptions.subscribe([b"a", b"b"], second)
    subscriptions.unsubscribe([b"a", b"b"], first)
    subscriptions.notify([b"a", b"b"])
    assert calls == ["second", "second"]


def test_subscriptions_are_false_only_if_empty(subscriptions: Subscriptions[[]]) -> None:
    def first() -> None: ...

    def second() -> None: ...

    assert not subscriptions
    subscriptions.subscribe([b"a", b"b"], first)
    subscriptions.subscribe([b"b"], second)
    assert subscriptions
    subscriptions.unsubscribe([b"a", b"b"], first)
    assert subscriptions
    subscriptions.unsubscribe([b"b"], second)
    assert not subscriptions


def test_a_callback_can_be_removed_twice_or_without_having_been_added(subscriptions: Subscriptions[[]]) -> None:
    def callback() -> None: ...

    subscriptions.unsubscribe([b"a"], callback)
    subscriptions.subscribe([b"a", b"a"], callback)
    subscriptions.unsubscribe([b"a", b"a"], callback)
    subscriptions.unsubscribe([b"a"], callback)
    assert not subscriptions


def test_a_callback_may_remove_itself(subscriptions: Subscriptions[[]]) -> None:
    calls: list[str] = []

    def once() -> None:
        calls.append("once")
        subscriptions.unsubscribe([b"a", b"b"], once)

    subscriptions.subscribe([b"a", b"b"], once)
    subscriptions.subscribe([b"a", b"b"], lambda: calls.append("always"))
    subscriptions.notify([b"a", b"b"])
    assert sorted(calls) == ["always", "always", "once"]

"""Who is told of which keys."""

import pytest

from pod_index.store.subscriptions import Subscriptions


@pytest.fixture
def subscriptions() -> Subscriptions:
    return Subscriptions()


def test_each_is_told_of_its_own_keys(subscriptions: Subscriptions) -> None:
    told: list[str] = []
    subscriptions.add([b"a", b"b"], lambda: told.append("first"))
    subscriptions.add([b"b"], lambda: told.append("second"))
    subscriptions.notify([b"a"])
    assert told == ["first"]
    subscriptions.notify([b"b"])
    assert sorted(told[1:]) == ["first", "second"]
    subscriptions.notify([b"c"])
    assert len(told) == 3


def test_one_is_told_every_time(subscriptions: Subscriptions) -> None:
    told: list[None] = []
    subscriptions.add([b"a"], lambda: told.append(None))
    subscriptions.notify([b"a"])
    subscriptions.notify([b"a"])
    assert len(told) == 2


def test_one_that_ended_is_told_no_more_and_others_still_are(subscriptions: Subscriptions) -> None:
    told: list[str] = []

    def first() -> None:
        told.append("first")

    def second() -> None:
        told.append("second")

    subscriptions.add([b"a", b"b"], first)
    subscriptions.add([b"a", b"b"], second)
    subscriptions.remove([b"a", b"b"], first)
    subscriptions.notify([b"a", b"b"])
    assert told == ["second", "second"]


def test_there_is_somebody_until_all_have_ended(subscriptions: Subscriptions) -> None:
    def first() -> None: ...

    def second() -> None: ...

    assert not subscriptions
    subscriptions.add([b"a", b"b"], first)
    subscriptions.add([b"b"], second)
    assert subscriptions
    subscriptions.remove([b"a", b"b"], first)
    assert subscriptions
    subscriptions.remove([b"b"], second)
    assert not subscriptions


def test_one_can_end_twice_or_without_a_beginning(subscriptions: Subscriptions) -> None:
    def callback() -> None: ...

    subscriptions.remove([b"a"], callback)
    subscriptions.add([b"a", b"a"], callback)
    subscriptions.remove([b"a", b"a"], callback)
    subscriptions.remove([b"a"], callback)
    assert not subscriptions


def test_one_may_end_while_it_is_told(subscriptions: Subscriptions) -> None:
    told: list[str] = []

    def once() -> None:
        told.append("once")
        subscriptions.remove([b"a", b"b"], once)

    subscriptions.add([b"a", b"b"], once)
    subscriptions.add([b"a", b"b"], lambda: told.append("always"))
    subscriptions.notify([b"a", b"b"])
    assert sorted(told) == ["always", "always", "once"]

"""Results that are made once."""

import itertools

from pod_index.store.memo import Memo


def test_a_result_is_made_once() -> None:
    numbers = itertools.count()
    memo: Memo[str, int] = Memo(lambda _: next(numbers), 2, lambda *_: True)
    assert [memo["a"], memo["b"], memo["a"]] == [0, 1, 0]


def test_no_more_results_are_kept_than_the_limit() -> None:
    memo: Memo[int, str] = Memo(str, 2, lambda *_: True)
    for number in range(9):
        assert memo[number] == str(number)
        assert len(memo) <= 2


def test_a_large_result_is_not_kept() -> None:
    memo: Memo[int, str] = Memo(str, 2, lambda _, text: len(text) < 2)
    assert [memo[10], memo[9]] == ["10", "9"]
    assert list(memo) == [9]

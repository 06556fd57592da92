"""Picking by places: what is drawn are numbers, and nothing is remembered of what is picked from."""

from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import STRUCTURAL_COVERAGE_CACHE

from ringcheck_properties import exploration
from ringcheck_properties.picking import pick, pick_some, shuffle

T = TypeVar("T")

items = st.lists(st.integers(), min_size=1, max_size=6, unique=True)


class Draws(list[st.SearchStrategy[object]]):
    """Draws the simplest of what it can, and remembers from what."""

    def __init__(self, *values: object) -> None:
        super().__init__()
        self._values = values

    def __call__(self, strategy: st.SearchStrategy[T], /) -> T:
        """The next of the values."""
        self.append(strategy)
        return self._values[len(self) - 1]  # type: ignore[return-value]


@given(items, st.data())
def test_what_is_picked_is_there(items: list[int], data: st.DataObject) -> None:
    """One, all in some order, or some of them, each once."""
    assert pick(data.draw, items) in items
    assert sorted(shuffle(data.draw, items)) == sorted(items)
    some = pick_some(data.draw, items, 1, 3)
    assert set(some) <= set(items)
    assert 1 <= len(set(some)) == len(some) <= 3


def test_where_there_is_no_choice_nothing_is_drawn() -> None:
    """So that there is nothing to shrink either."""
    draws = Draws()
    assert pick(draws, "a") == "a"
    assert draws == []


@pytest.mark.parametrize(
    ("choose", "value"), [(pick, 1), (shuffle, (1, 0)), (lambda draw, items: pick_some(draw, items, 1), (1,))]
)
def test_the_same_strategy_serves_all_that_are_as_many(choose: object, value: int | Sequence[int]) -> None:
    """It was made for the number of them."""
    draws = Draws(value, value)
    assert callable(choose)
    choose(draws, ("a", "b"))
    choose(draws, ("c", "d"))
    assert draws[0] is draws[1]


def test_hypothesis_remembers_no_more_with_every_schedule() -> None:
    """It keeps a mark of each new kind of strategy for as long as the process lives."""
    for number in range(30):
        exploration.draw(number)
    before = len(STRUCTURAL_COVERAGE_CACHE)
    for number in range(30, 60):
        exploration.draw(number)
    assert len(STRUCTURAL_COVERAGE_CACHE) - before < 10

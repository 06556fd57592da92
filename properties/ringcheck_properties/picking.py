"""Picks from what a schedule holds, by places: strategies are made of numbers, of which there are few.

Hypothesis looks at each new strategy before its first draw, and remembers what it has seen of it for as long as the
process lives. There is no end to the nodes, keys and operations that schedules choose from; so a strategy made of
them would be remembered and never met again, and whoever goes through seeds by the thousand would fill its memory.
"""

from collections.abc import Sequence
from functools import cache
from typing import Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Draw(Protocol):
    """Draws from a strategy; what a composite strategy and a state machine's rule have in common."""

    def __call__(self, strategy: st.SearchStrategy[T], /) -> T:
        """A value of the strategy."""


coins = st.booleans()
"""Yes or no; no is the simplest."""


@cache
def up_to(most: int, least: int = 0) -> st.SearchStrategy[int]:
    """A whole number from `least` to `most`, both included; for bounds of which there are few."""
    return st.integers(least, most)


def pick(draw: Draw, items: Sequence[T]) -> T:
    """One of these; the first is the simplest. Where there is no choice nothing is drawn."""
    return items[draw(up_to(len(items) - 1))] if len(items) > 1 else items[0]


def shuffle(draw: Draw, items: Sequence[T]) -> tuple[T, ...]:
    """All of these in any order."""
    return tuple(items[place] for place in draw(_orders(len(items))))


def pick_some(draw: Draw, items: Sequence[T], least: int = 0, most: int | None = None) -> tuple[T, ...]:
    """Some of these, each once at most."""
    return tuple(items[place] for place in draw(_selections(len(items), least, most)))


@cache
def _orders(length: int) -> st.SearchStrategy[Sequence[int]]:
    return st.permutations(range(length))


@cache
def _selections(length: int, least: int, most: int | None) -> st.SearchStrategy[Sequence[int]]:
    return st.lists(st.sampled_from(range(length)), min_size=least, max_size=most, unique=True)

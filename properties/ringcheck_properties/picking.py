"""Strategies that are made once and drawn from often: Hypothesis looks at each new strategy before its first draw."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

_KEPT = 4096

F = TypeVar("F")


def kept(make: F) -> F:
    """Keep the strategies that a function makes, by its arguments."""
    return lru_cache(maxsize=_KEPT)(make)  # type: ignore[arg-type, return-value]


@kept
def one_of(items: tuple[T, ...]) -> st.SearchStrategy[T]:
    """One of these; the first is the simplest."""
    return st.sampled_from(items)


@kept
def up_to(most: int, least: int = 0) -> st.SearchStrategy[int]:
    """A whole number from `least` to `most`, both included."""
    return st.integers(least, most)


@kept
def order_of(items: tuple[T, ...]) -> st.SearchStrategy[Sequence[T]]:
    """All of these in any order."""
    return st.permutations(items)


@kept
def some_of(items: tuple[T, ...], least: int = 0, most: int | None = None) -> st.SearchStrategy[list[T]]:
    """Some of these, each once at most."""
    return st.lists(st.sampled_from(items), min_size=least, max_size=most, unique=True)


coins = st.booleans()
"""Yes or no; no is the simplest."""

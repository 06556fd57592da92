"""Figure 8 of Dynamo's paper, read off, and the readings of its text that can be measured against it.

The paper leaves unsaid what a node's load is and what Q is in strategy 2. A reading settles both.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

from .strategies import deal, efficiency, ring_loads, strategy_1, strategy_2, strategy_3

NODES = 30
N = 3
SIZES = (60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720)
"""How much a node has to know of the membership, x in the figure."""

PUBLISHED: Mapping[str, Sequence[float]] = {
    "strategy 1": (0.52, 0.61, 0.69, 0.76, 0.82, 0.87, 0.91, 0.93, 0.95, 0.96),
    "strategy 2": (0.53, 0.61, 0.70, 0.76, 0.82, 0.85, 0.88, 0.87, 0.85, 0.84),
    "strategy 3": (0.86, 0.87, 0.90, 0.92, 0.94, 0.96, 0.97, 0.98, 0.98, 0.99),
}
"""Efficiency at each of SIZES, give or take 0.01: as exactly as the figure can be read."""

FITTING_Q = 1024
"""The Q of strategy 2 that fits: fixed, whatever the number of tokens."""

EQUAL = (1,) * NODES
MIXED = (1, 2, 4) * (NODES // 3)
"""Weights: a third of the nodes is twice, and a third four times as strong as the rest."""


class Draw(Protocol):
    """The efficiency of one placement drawn at random, for an x of the figure."""

    def __call__(self, x: int, random: Random, *, weights: Sequence[int] = EQUAL) -> float:
        """Mean load over maximum load, for nodes of these weights."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean efficiencies at some of SIZES, the first ones."""

    name: str
    values: tuple[float, ...]

    def deviations(self, strategy: str) -> list[float]:
        """Measured less published."""
        return [ours - theirs for ours, theirs in zip(self.values, PUBLISHED[strategy], strict=False)]


def by_tokens(x: int, random: Random, *, n: int = N, weights: Sequence[int] = EQUAL) -> float:
    """Strategy 1: x is S·T, the number of tokens."""
    return _efficiency(strategy_1(deal(x, weights), n, random), weights)


def by_partitions(
    x: int, random: Random, *, n: int = N, q: int | None = FITTING_Q, weights: Sequence[int] = EQUAL
) -> float:
    """Strategy 2: x is S·T, the number of tokens; without a `q`, there are as many partitions as tokens."""
    return _efficiency(strategy_2(deal(x, weights), q or x, n, random), weights)


def by_both(x: int, random: Random, *, n: int = N, weights: Sequence[int] = EQUAL) -> float:
    """Strategy 3: x is Q, the number of partitions and of tokens."""
    return _efficiency(strategy_3(deal(x, weights), n, random), weights)


def by_score(x: int, random: Random, *, weights: Sequence[int] = EQUAL) -> float:
    """The reference's ring of new members: x is Q, though a node has to know its members alone, whatever Q is."""
    members = [Member(f"node-{random.getrandbits(64):016x}", weight) for weight in weights]
    loads = ring_loads(Ring(members, N, x))
    return efficiency([loads[member.id] for member in members], weights)


STRATEGIES: Mapping[str, Draw] = {"strategy 1": by_tokens, "strategy 2": by_partitions, "strategy 3": by_both}
"""In the reading that fits."""

OURS = "bounded rendezvous"

READINGS: Sequence[tuple[str, str, Draw]] = (
    ("strategy 1", "every one of the N nodes serves the range", by_tokens),
    ("strategy 1", "the first node alone serves it", partial(by_tokens, n=1)),
    ("strategy 2", "Q = x", partial(by_partitions, q=None)),
    ("strategy 2", "Q = 512", partial(by_partitions, q=512)),
    ("strategy 2", "Q = 1024", by_partitions),
    ("strategy 2", "Q = 2048", partial(by_partitions, q=2048)),
    ("strategy 2", "Q = 4096", partial(by_partitions, q=4096)),
    ("strategy 2", "Q = 2^20, far more than S·T", partial(by_partitions, q=2**20)),
    ("strategy 2", "Q = 1024, the first node alone", partial(by_partitions, n=1)),
    ("strategy 3", "every one of the N nodes serves the partition", by_both),
    ("strategy 3", "the first node alone serves it", partial(by_both, n=1)),
)
"""The strategy, what is taken for granted, and how it is drawn."""


def measure(draw: Draw, x: int, draws: int, seed: str) -> float:
    """The mean of so many drawn efficiencies; each x has chance of its own, so that one can be measured alone."""
    random = Random(f"{seed}, x={x}")
    return statistics.mean(draw(x, random) for _ in range(draws))


def draws_at(x: int, most: int) -> int:
    """Fewer draws where x is large: there they differ less and take longer."""
    return max(1, most // 10, min(most, most * 960 // x))


def ring_draws_at(q: int, most: int) -> int:
    """A ring takes much longer to choose, and its efficiency hardly depends on who the members are."""
    return max(1, min(most // 4, 4800 // q))


def _efficiency(loads: Mapping[int, float], weights: Sequence[int]) -> float:
    return efficiency([loads.get(node, 0.0) for node in range(len(weights))], weights)

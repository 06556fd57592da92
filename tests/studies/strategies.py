"""The partitioning strategies of Dynamo's paper (section 6.2) as pure functions, and the load that each node gets.

All three are one thing seen from above: a circle of tokens, each owned by a node, and before each token a range of
keys that is placed on the first N distinct nodes met from that token on. They differ in where the tokens lie and in
what the ranges are. Nodes are numbers from 0; a load is a part of all keys, so the loads of a placement sum to N.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

from ringcheck_reference.core.ring import Ring


def deal(total: int, weights: Sequence[int]) -> list[int]:
    """The owner of each of so many tokens: a node's share by weight, rounded so that the shares sum to `total`."""
    every = sum(weights)
    counts = [total * weight // every for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda node: -(total * weights[node] % every))
    for node in by_remainder[: total - sum(counts)]:
        counts[node] += 1
    return [node for node, count in enumerate(counts) for _ in range(count)]


def share_out(owners: Sequence[int], ranges: Sequence[float], n: int) -> dict[int, float]:
    """What each node has when the range before each token goes to the first `n` distinct owners from that token on.

    `owners` and `ranges` go once round the circle, a token each. Raises ValueError where there are fewer than `n`
    owners.
    """
    loads = dict.fromkeys(owners, 0.0)
    if len(loads) < n:
        raise ValueError(f"{len(loads)} nodes own the tokens, and {n} are to hold each range")
    for start, size in enumerate(ranges, start=-len(owners)):  # from below zero, so that the walk may pass the end
        if not size:
            continue
        chosen: list[int] = []
        at = start
        while len(chosen) < n:
            node = owners[at]
            if node not in chosen:
                chosen.append(node)
                loads[node] += size
            at += 1
    return loads


def strategy_1(tokens: Sequence[int], n: int, random: Random) -> dict[int, float]:
    """Tokens lie anywhere, and a range is what lies between two of them; `tokens` names the owner of each."""
    places, owners = _scatter(tokens, random)
    return share_out(owners, [places[0] + 1 - places[-1], *(after - before for before, after in pairwise(places))], n)


def strategy_2(tokens: Sequence[int], partitions: int, n: int, random: Random) -> dict[int, float]:
    """Tokens lie anywhere; of equal partitions, each belongs to the first token from its end on."""
    places, owners = _scatter(tokens, random)
    return share_out(owners, ends_before(places, partitions), n)


def strategy_3(tokens: Sequence[int], n: int, random: Random) -> dict[int, float]:
    """As many equal partitions as tokens, a token at the end of each, in an order drawn at random."""
    owners = list(tokens)
    random.shuffle(owners)
    return share_out(owners, [1 / len(owners)] * len(owners), n)


def ends_before(places: Sequence[float], partitions: int) -> list[float]:
    """The part of all partitions that ends after the token before, and not after this one, for each token.

    `places` are from 0 to 1, in order; partition i of Q ends at (i+1)/Q, and what ends after the last token falls
    to the first one.
    """
    counts = [0] * len(places)
    upto = [math.floor(place * partitions) for place in places]
    for token, (before, after) in enumerate(pairwise(upto), start=1):
        counts[token] = after - before
    counts[0] = partitions - sum(counts)
    return [count / partitions for count in counts]


def ring_loads(ring: Ring) -> dict[str, float]:
    """Likewise for the reference's ring: the part of all partitions that each member holds."""
    entries = Counter(owner for owners in ring.owners for owner in owners)
    return {member.id: entries[member.id] / ring.partition_count for member in ring.members}


def efficiency(loads: Sequence[float], weights: Sequence[int]) -> float:
    """Mean load over maximum load, 1 at best; a load is what a node has for each unit of its weight."""
    return sum(loads) / sum(weights) / max(load / weight for load, weight in zip(loads, weights, strict=True))


def _scatter(tokens: Sequence[int], random: Random) -> tuple[list[float], list[int]]:
    """Places from 0 to 1, in order, and who owns the token there."""
    scattered = sorted((random.random(), owner) for owner in tokens)
    return [place for place, _ in scattered], [owner for _, owner in scattered]

"""The clusters that schedules ask for, derived from the number of nodes that the user gives.

A cluster is started once and used again by every schedule of an equal configuration, so there are few of them.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ringcheck.schedule import Configuration

HOUR_MS = 3_600_000


class TooFewNodesError(Exception):
    """An example needs more nodes than the user gives."""

    def __init__(self, needed: int, given: int) -> None:
        super().__init__(f"needs at least {needed} nodes and --nodes gives {given}")
        self.needed = needed
        self.given = given


Shape: TypeAlias = Callable[[int], Configuration]
"""Makes a configuration from the number of nodes given; never one with more nodes."""


def usual(nodes: int) -> Configuration:
    """All nodes, N up to 3, R and W up to 2: the cluster of nearly every schedule."""
    n = min(3, nodes)
    return Configuration(nodes=nodes, n=n, r=min(2, n), w=min(2, n))


def everywhere(nodes: int) -> Configuration:
    """As many nodes as copies: every node is a home of every key, and nobody can stand in for another.

    A write acknowledged with w = N is at every node, and a node that is cut off misses what the others take.
    """
    return usual(min(3, nodes))


def with_fallbacks(nodes: int) -> Configuration:
    """More nodes than copies, so that somebody can stand in for a home that is down."""
    at_least(2, nodes)
    n = min(3, nodes - 1)
    return Configuration(nodes=nodes, n=n, r=min(2, n), w=min(2, n))


def by_reads_alone(nodes: int) -> Configuration:
    """`everywhere`, with anti-entropy and handoff put off for an hour: only reads repair."""
    whole = everywhere(nodes)
    return Configuration(
        nodes=whole.nodes,
        n=whole.n,
        r=whole.r,
        w=whole.w,
        handoff_interval_ms=HOUR_MS,
        anti_entropy_interval_ms=HOUR_MS,
    )


def uneven(nodes: int) -> Configuration:
    """One node of double weight, and the last nodes two by two on a host where that leaves hosts enough.

    With five nodes or more, hardly any three that follow one another are on as many hosts: owners that are taken in the
    order of the ids show.
    """
    pairs = 0 if nodes < 3 else min(nodes // 2, max(1, nodes - 3))
    alone = nodes - 2 * pairs
    hosts = tuple(
        f"h{number if number <= alone else alone + (number - alone + 1) // 2}" for number in range(1, nodes + 1)
    )
    n = min(3, len(set(hosts)))
    return Configuration(nodes=nodes, n=n, r=min(2, n), w=min(2, n), weights=(2, *[1] * (nodes - 1)), hosts=hosts)


def lazy(nodes: int) -> Configuration:
    """`usual`, with slow handoff and anti-entropy: quick ones hide every lost copy."""
    whole = usual(nodes)
    return Configuration(
        nodes=whole.nodes,
        n=whole.n,
        r=whole.r,
        w=whole.w,
        handoff_interval_ms=1_000,
        anti_entropy_interval_ms=2_000,
    )


def in_pairs(nodes: int) -> Configuration:
    """Two copies of everything, both for a write, in many small partitions: every two nodes are a pair for some key.

    Anti-entropy is slow, so that one copy in the place of two stays alone for a while.
    """
    n = min(2, nodes)
    return Configuration(nodes=nodes, n=n, r=1, w=n, partition_count=64, anti_entropy_interval_ms=3_000)


def reaping(nodes: int) -> Configuration:
    """`usual`, with tombstones that live for a second, where any are reaped, and many small partitions."""
    return _reaping(usual(nodes))


def reaping_with_fallbacks(nodes: int) -> Configuration:
    """`reaping`, with more nodes than copies."""
    return _reaping(with_fallbacks(nodes))


def _reaping(whole: Configuration) -> Configuration:
    return msgspec.structs.replace(whole, tombstone_lifetime_ms=1_000, partition_count=64)


def single(nodes: int) -> Configuration:
    """One copy of everything: what is given away too early is gone."""
    return Configuration(nodes=min(3, nodes), n=1, r=1, w=1)


def heavy(nodes: int) -> Configuration:
    """Every node weighs four, owns but a part, and there are many partitions: who weighs little changes little."""
    n = max(1, min(3, nodes // 2))
    return Configuration(nodes=nodes, n=n, r=1, w=n, weights=(4,) * nodes, partition_count=64)


def weighted(nodes: int) -> Configuration:
    """`usual`, with nodes that weigh 1, 2, 4, 1 and so on."""
    whole = usual(nodes)
    weights = tuple(1 << number % 3 for number in range(nodes))
    return Configuration(nodes=whole.nodes, n=whole.n, r=whole.r, w=whole.w, weights=weights)


def forgetful(nodes: int) -> Configuration:
    """`everywhere`, with handoff and anti-entropy so slow that nobody tells a node what it has forgotten."""
    return _slow(everywhere(nodes))


def forgetful_with_fallbacks(nodes: int) -> Configuration:
    """`forgetful`, with more nodes than copies."""
    return _slow(with_fallbacks(nodes))


def _slow(whole: Configuration) -> Configuration:
    return Configuration(
        nodes=whole.nodes,
        n=whole.n,
        r=whole.r,
        w=whole.w,
        handoff_interval_ms=3_000,
        anti_entropy_interval_ms=3_000,
        convergence_deadline_ms=40_000,
    )


def mixed(shape: Shape) -> Shape:
    """The clusters of a shape in which every second node is the reference; that takes two nodes."""

    def with_the_reference(nodes: int) -> Configuration:
        at_least(2, nodes)
        return msgspec.structs.replace(shape(nodes), mixed=True)

    return with_the_reference


SHAPES: tuple[Shape, ...] = (
    by_reads_alone,
    uneven,
    weighted,
    heavy,
    single,
    in_pairs,
    reaping,
    reaping_with_fallbacks,
    forgetful,
    forgetful_with_fallbacks,
    everywhere,
    with_fallbacks,
    usual,
    lazy,
)
"""All shapes, in the order in which they are tried: a cluster is started anew for another configuration, so that what
mostly comes to the same one stands together, and last what random schedules go on with."""


def at_least(needed: int, nodes: int) -> None:
    """Raise TooFewNodesError unless `nodes` are enough."""
    if nodes < needed:
        raise TooFewNodesError(needed, nodes)

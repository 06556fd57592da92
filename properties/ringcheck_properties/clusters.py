"""The clusters that schedules ask for, derived from the number of nodes that the user gives.

A cluster is started once and used again by every schedule of an equal configuration, so there are few of them.
"""

from collections.abc import Callable
from typing import TypeAlias

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
    """One node of double weight, and the last two on one host where the others are hosts enough."""
    hosts = [f"h{number}" for number in range(1, nodes + 1)]
    if nodes >= 3:
        hosts[-1] = hosts[-2]
    n = min(3, len(set(hosts)))
    return Configuration(
        nodes=nodes, n=n, r=min(2, n), w=min(2, n), weights=(2, *[1] * (nodes - 1)), hosts=tuple(hosts)
    )


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


SHAPES: tuple[Shape, ...] = (by_reads_alone, uneven, everywhere, with_fallbacks, usual, lazy)
"""All shapes, in the order in which they are tried: a cluster is started anew for another configuration, so that what
mostly comes to the same one stands together, and last what random schedules go on with."""


def at_least(needed: int, nodes: int) -> None:
    """Raise TooFewNodesError unless `nodes` are enough."""
    if nodes < needed:
        raise TooFewNodesError(needed, nodes)

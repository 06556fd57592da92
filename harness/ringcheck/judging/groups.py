"""Groups of nodes that can send to one another, with some links cut and some nodes down."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ringcheck.judging.timeline import Disturbance

Reach: TypeAlias = Mapping[str, frozenset[str]]
"""Node → the nodes to which it can send, itself left out."""


def reach_under(nodes: Sequence[str], suffering: Iterable[Disturbance]) -> Reach:
    """Who can send to whom when all of `suffering` is in force. Nodes that are down are left out."""
    running = frozenset(nodes) - {each.node for each in suffering}
    cut = frozenset[tuple[str, str]]().union(*(each.directions for each in suffering))
    return {
        node: frozenset(other for other in running - {node} if (node, other) not in cut) for node in sorted(running)
    }


def largest_group(node: str, reach: Reach) -> frozenset[str]:
    """The largest set that holds `node` and in which everybody can send to everybody; empty when it is down."""
    if node not in reach:
        return frozenset()
    mutual = {one: frozenset(other for other in reach[one] if one in reach[other]) for one in reach}
    best: frozenset[str] = frozenset()

    def grow(group: frozenset[str], candidates: frozenset[str]) -> None:
        nonlocal best
        best = max(best, group, key=len)
        for candidate in sorted(candidates):
            if len(group) + len(candidates) <= len(best):
                return
            grow(group | {candidate}, candidates & mutual[candidate])
            candidates -= {candidate}

    grow(frozenset({node}), mutual[node])
    return best


def mutual_reach(node: str, reach: Reach) -> frozenset[str]:
    """The strongly connected component of `node`: all that it reaches and that reach it, over others too."""
    backwards = {one: frozenset(other for other in reach if one in reach[other]) for one in reach}
    return _reachable(node, reach) & _reachable(node, backwards)


def _reachable(node: str, reach: Reach) -> frozenset[str]:
    found = {node} & reach.keys()
    stack = list(found)
    while stack:
        new = reach[stack.pop()] - found
        found |= new
        stack += new
    return frozenset(found)

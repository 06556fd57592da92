"""RNG-04: how much of the owner lists one change moves.

The least that must move between two rings is what members gain. A ring may move as much once more, and 2·N entries
for each member, to keep its shares and hosts apart.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from ringcheck.history import NodeSeen
from ringcheck.judging import words
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach

SLACK = 2
"""The contract allows so many times the least that must move, and so many times N entries for each member."""


@dataclass(frozen=True, slots=True)
class RingSeen:
    """The ring of one set of members, given with their weights and hosts; who showed it first, and when."""

    members: Mapping[str, tuple[int, str]]
    owners: Mapping[int, tuple[str, ...]]
    node: str
    time: float


def judge_upheaval(run: Run) -> Iterator[Statement]:
    """Every two rings seen, in whatever order, that differ by one member: a ring depends on the members alone."""
    if "membership" not in run.profiles or not run.views.effective:
        return
    for one, other in combinations(_rings(run), 2):
        smaller, larger = sorted((one, other), key=lambda ring: len(ring.members))
        changed = larger.members.keys() - smaller.members.keys()
        if len(changed) == 1 and smaller.members.items() <= larger.members.items():
            yield _judge(smaller, larger, changed.pop(), run.n)


def _rings(run: Run) -> list[RingSeen]:
    """Each ring once, that is on hosts enough."""
    found: dict[frozenset[tuple[str, tuple[int, str]]], RingSeen] = {}
    for seen in run.observations:
        for name, node in seen.nodes.items():
            members = _described(node)
            if node.owners and len({host for _, host in members.values()}) >= run.n:
                found.setdefault(frozenset(members.items()), RingSeen(members, node.owners, name, seen.time))
    return list(found.values())


def _described(node: NodeSeen) -> dict[str, tuple[int, str]]:
    return {member: (node.weights.get(member, 1), node.hosts.get(member, member)) for member in node.members}


def _judge(smaller: RingSeen, larger: RingSeen, changed: str, n: int) -> Statement:
    least = (_held(larger) - _held(smaller)).total()
    bound = SLACK * (least + n * len(larger.members))  # in each rank a member's share may be rounded the other way
    before, after = (smaller, larger) if smaller.time <= larger.time else (larger, smaller)
    moved = sum(len(set(owners) - set(before.owners.get(each, ()))) for each, owners in after.owners.items())
    if moved <= bound:
        return Held("RNG-04")
    what = f"The {'joining' if after is larger else 'going'} of {changed}"
    return Breach(
        requirement="RNG-04",
        expected=f"{what} must move {words.times(least, 'entry', 'entries')} of the owner lists at the least, and "
        f"among {len(larger.members)} members may move {bound}.",
        actual=f"Between the rings that {before.node} showed at {words.at(before.time)} and {after.node} at "
        f"{words.at(after.time)} it moved {moved}.",
        nodes=(after.node,),
        time=after.time,
    )


def _held(ring: RingSeen) -> Counter[str]:
    """Member → the entries of the owner lists that name it."""
    return Counter(owner for owners in ring.owners.values() for owner in owners)

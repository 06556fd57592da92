"""What may be left of a schedule that fails: on a simpler cluster, without groups of steps, without single ones.

How a schedule was drawn does not matter here, and that is the point: there each choice shifts all that come after it,
so that hardly anything can be taken away without making another schedule of the rest. Here each choice stands for one
thing that may go, they are always as many, and none depends on another.

What is drawn last is simplified first: a smaller cluster is also a cheaper one, and a group is one choice for many
steps.
"""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from ringcheck.schedule import (
    Await,
    Backup,
    Configuration,
    CrashAfter,
    Delete,
    Elapse,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    Observe,
    Put,
    Remove,
    Restart,
    Retire,
    RollBack,
    Schedule,
    Step,
    Wipe,
)
from ringcheck_properties.picking import Draw, up_to
from ringcheck_properties.thinning import thinned

GONE, PLAIN = 0, 1
WHOLE = 255
"""The levels of a step: it goes, it loses what makes it special, and from there on it stays as it is.

There are so many, all alike, lest chance takes much away from the schedule before shrinking does.
"""
PARTS = (8, 4)
"""In so many stretches a schedule is cut that may go as a whole."""
CLASSES = (
    (Observe, Await, Elapse),
    (Wipe, Backup, RollBack),
    (Kill, Restart, CrashAfter),
    (Inject, Heal),
    (Join, Leave, Remove, Retire),
)
FEWER_PARTITIONS = (1, 2, 4)
"""What else a cluster may have: each partition is work, in a simulation too."""


@cache
def _levels(count: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[up_to(WHOLE)] * count)


@st.composite
def reductions(draw: st.DrawFn, whole: Schedule) -> Schedule:
    """`whole`, mostly, or what is left when some of it goes; the simplest is hardly any of it."""
    levels = draw(_levels(len(whole.steps)))
    dropped = {place for place, level in enumerate(levels) if level == GONE}
    groups = tuple(_groups(whole))
    for group, level in zip(groups, draw(_levels(len(groups))), strict=True):
        if level == GONE:
            dropped |= group
    plainer = {
        place: plain
        for place, level in enumerate(levels)
        if level == PLAIN and (plain := _plain(whole.steps[place])) != whole.steps[place]
    }
    return thinned(whole, dropped, plainer=plainer, configuration=_simpler(draw, whole.configuration))


def _simpler(draw: Draw, whole: Configuration) -> Configuration:
    """The cluster with fewer partitions, fewer nodes, no weights, no hosts that are shared, and tombstones for ever."""
    partitions = draw(up_to(WHOLE))
    absent = sum(draw(up_to(WHOLE)) == GONE for _ in range(whole.nodes - whole.n))
    weights, hosts, tombstones = (draw(up_to(WHOLE)) != GONE for _ in range(3))
    nodes = whole.nodes - absent
    shared = whole.hosts[:nodes] if hosts else ()
    if shared and len(set(shared)) < whole.n:
        nodes, shared = whole.nodes, whole.hosts
    return msgspec.structs.replace(
        whole,
        nodes=nodes,
        hosts=shared,
        weights=whole.weights[:nodes] if weights else (),
        partition_count=min([whole.partition_count, *FEWER_PARTITIONS[partitions : partitions + 1]]),
        tombstone_lifetime_ms=whole.tombstone_lifetime_ms if tombstones else 0,
    )


def _groups(whole: Schedule) -> Iterator[set[int]]:
    """The places of steps that go together, each time some at least: stretches, and all that is about one thing."""
    for parts in PARTS:
        ends = [len(whole.steps) * part // parts for part in range(parts + 1)]
        yield from (set(range(*each)) for each in pairwise(ends))
    for node in whole.joiners():
        yield {place for place, step in enumerate(whole.steps) if isinstance(step, Join) and step.node == node}
    for key in whole.keys():  # noqa: SIM118  - a schedule is no mapping
        operations = ((place, step) for place, step in enumerate(whole.steps) if isinstance(step, Get | Put | Delete))
        yield {place for place, step in operations if step.key == key}
    for kinds in CLASSES:
        yield {place for place, step in enumerate(whole.steps) if isinstance(step, kinds)}


def _plain(step: Step) -> Step:
    """The step without what makes it special."""
    match step:
        case Get():
            return msgspec.structs.replace(step, client=0, r=0, wait=True)
        case Put():
            return msgspec.structs.replace(step, client=0, w=0, value_size=0, wait=True)
        case Delete():
            return msgspec.structs.replace(step, client=0, w=0, wait=True)
        case Join():
            return msgspec.structs.replace(step, weight=1, host="", through="", wait=True)
        case Leave() | Remove():
            return msgspec.structs.replace(step, through="", wait=True)
    return step

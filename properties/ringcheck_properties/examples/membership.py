"""Nodes that join, leave and are removed: MEM-01 to MEM-05, HND-04, RNG-03, RNG-04."""

from ringcheck_chaos.faults import Isolate, LinkFault, Split
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, everywhere, heavy, single, weighted, with_fallbacks
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(12))
"""So many that every node is a home of some, and that some move with every change."""
KEPT = tuple(f"kept{number}" for number in range(24))
"""Written once and left alone, since a write that supersedes what was lost hides the loss."""
ROUNDS = 3
SLOW_MS = 60
"""What slows the links to a node that joins, so that handing over to it takes a while."""
SLOWER_MS = 500
"""Each way: what two nodes know of one another is a second old when it is acted upon."""


def _fill(story: Story, *, through: str = "") -> dict[str, int]:
    """Write every key; returns the puts of those that are written again, by key."""
    for key in KEPT:
        story.put(key, through=through, wait=False)
    return {key: story.put(key, through=through) for key in KEYS}


def _load(story: Story, seen: dict[str, int], *, through: tuple[str, ...] = ()) -> None:
    """Every key is read and overwritten, by clients that do not wait for one another."""
    for number, key in enumerate(KEYS):
        node = through[number % len(through)] if through else ""
        story.get(key, through=node, client=number, wait=False)
        seen[key] = story.put(key, through=node, client=number, context=seen[key], wait=number == len(KEYS) - 1)


def _change_under_load(story: Story, seen: dict[str, int]) -> None:
    """What clients do while somebody comes or goes: writes, and reads that have to see them."""
    for _ in range(ROUNDS):
        _load(story, seen)
        story.wait()
        for key in KEYS[:3]:
            story.get(key)
        story.lapse(0.1)
    story.observe()


@example("MEM-02", "MEM-01", "MEM-03", "MEM-05", "RNG-04", shape=everywhere)
def join_under_load(story: Story) -> None:
    """A node joins while every key is read and overwritten."""
    seen = _fill(story)
    story.join(story.newcomer(), through=story.node, wait=False)
    _change_under_load(story, seen)
    story.settle()


@example("MEM-02", "MEM-01", "MEM-03", "MEM-05", "RNG-04", shape=with_fallbacks)
def leave_under_load(story: Story) -> None:
    """A node leaves while every key is read and overwritten; once it is drained it is stopped for good."""
    at_least(2, len(story.nodes))
    seen = _fill(story)
    story.leave(story.node, through=story.nodes[-1], wait=False)
    _change_under_load(story, seen)
    story.retire(story.node)
    story.settle()


@example("MEM-02", "MEM-03", "RNG-04", shape=everywhere)
def scale_out(story: Story) -> None:
    """Three nodes join one after another, each before the one before has been handed all that it owns."""
    seen = _fill(story)
    for _ in range(3):
        story.join(story.newcomer())
        story.observe()
        _change_under_load(story, seen)
    story.settle()


@example("MEM-01", "MEM-02", "MEM-05", shape=single)
def joins_at_once(story: Story) -> None:
    """Two nodes join at the same time, each by a call to another node."""
    seen = _fill(story)
    story.join(story.newcomer(), through=story.nodes[0], wait=False)
    story.join(story.newcomer(), through=story.nodes[-1], wait=False)
    _change_under_load(story, seen)
    story.settle()


@example("MEM-01", "MEM-02", shape=with_fallbacks)
def changes_on_both_sides_of_a_partition(story: Story) -> None:
    """On one side somebody joins, on the other somebody leaves; both sides write, with the views that they have."""
    at_least(4, len(story.nodes))
    seen = _fill(story)
    joiner, leaver = story.newcomer(), story.nodes[-1]
    left, right = story.nodes[:2], story.nodes[2:]
    split = story.inject(Split(how="drop", left=(*left, joiner), right=right))
    story.pause()
    story.join(joiner, through=left[0])
    story.leave(leaver, through=right[0])
    for _ in range(2):
        for number, key in enumerate(KEYS):
            story.put(key, through=left[number % 2], client=1, context=seen[key], wait=False)
            story.put(key, through=right[number % len(right)], client=2, wait=False)
        story.wait()
    story.heal(split)
    story.settle()


@example("MEM-02", "MEM-01", "MEM-05", shape=everywhere)
def the_joiner_crashes_in_mid_transfer(story: Story) -> None:
    """Over slow links a node takes over what it owns, and dies in the middle of it; it comes back later."""
    seen, joiner, slow = _slow_join(story)
    story.lapse(0.05 + 0.1 * (story.seed % 5))
    story.kill(joiner)
    _load(story, seen)
    story.wait()
    story.pause()
    _load(story, seen)
    story.wait()
    story.restart(joiner)
    story.heal(*slow)
    story.settle()


@example("MEM-02", "MEM-03", "MEM-05", shape=single)
def the_only_copy_moves(story: Story) -> None:
    """There is one copy of everything; a node joins, and when it has its share another one leaves, under load."""
    seen = _fill(story)
    story.join(story.newcomer(), through=story.node, wait=False)
    _change_under_load(story, seen)
    if len(story.nodes) > 1:
        story.leave(story.nodes[-1], through=story.node)
        _change_under_load(story, seen)
        story.retire(story.nodes[-1])
    story.settle()


@example("MEM-02", "MEM-01", "MEM-05", shape=single)
def the_link_is_cut_in_mid_transfer(story: Story) -> None:
    """Over slow links a node takes over the only copies of what it owns, and is cut off in the middle of it.

    Another one joins that was cut off before it was started, so that nothing it is sent arrives, whenever that is.
    """
    seen, joiner, slow = _slow_join(story)
    story.lapse(0.05 + 0.1 * (story.seed % 5))
    cut, other = story.inject(Isolate(how="drop", node=joiner)), story.newcomer()
    apart = story.inject(Isolate(how="drop", node=other))
    story.join(other)
    _load(story, seen)
    story.wait()
    story.pause()
    _load(story, seen)
    story.wait()
    story.heal(cut, apart, *slow)
    story.settle()


@example("MEM-02", shape=single)
def a_joiner_that_leaves_at_once(story: Story) -> None:
    """Over very slow links a node takes over its share of the only copies, and leaves soon after it holds any.

    For a while two nodes hold them, and each takes the other for the owner: the one asks whether the joiner has what it
    was sent, not knowing yet that it leaves; the joiner asks whether the one still has it. The questions meet on their
    way, and neither may drop what it has on a word that was given under another view.
    """
    _, joiner, slow = _slow_join(story, SLOWER_MS)
    story.observe("copy", node=joiner)
    story.lapse(0.8 * SLOWER_MS / 1000)
    story.leave(joiner, through=joiner)
    story.lapse(2 * SLOWER_MS / 1000)
    story.heal(*slow)
    story.retire(joiner)
    story.settle()


def _slow_join(story: Story, latency_ms: int = SLOW_MS) -> tuple[dict[str, int], str, list[int]]:
    """What was written, a node that has just joined over slow links, and the faults that slow them."""
    seen, joiner = _fill(story), story.newcomer()
    slow = [
        story.inject(LinkFault(how="latency", source=node, target=joiner, latency_ms=latency_ms))
        for node in story.nodes
    ]
    story.join(joiner)
    return seen, joiner, slow


@example("MEM-01", shape=with_fallbacks)
def a_change_that_one_node_alone_knows_of(story: Story) -> None:
    """A node that is cut off is asked to let another one leave, and loses its disk: what it answered, must hold.

    Another change, when nobody is cut off any more, has to be answered OK.
    """
    at_least(4, len(story.nodes))
    _fill(story)
    alone, leaver = story.nodes[0], story.nodes[-1]
    cut = story.inject(Isolate(how="drop", node=alone))
    story.pause()
    story.leave(leaver, through=alone)
    story.wipe(alone)
    story.restart(alone)
    story.heal(cut)
    story.pause()
    story.join(story.newcomer(), through=alone)
    story.settle()


@example("MEM-01", "DUR-03", "MEM-04", shape=with_fallbacks)
def removal_of_a_dead_node(story: Story) -> None:
    """A node dies and is removed; what it held has other copies, and nobody names it as a member again."""
    at_least(3, len(story.nodes))
    seen = _fill(story)
    dead = story.node
    story.kill(dead)
    story.pause()
    story.remove(dead)
    story.observe()
    for key in KEYS:
        story.put(key, context=seen[key])
    story.pause()
    story.observe()
    story.settle()


@example("MEM-04", shape=with_fallbacks)
def a_removed_node_that_runs_on(story: Story) -> None:
    """A node that is cut off is removed and, since nobody stopped it, talks to the others again when that heals."""
    at_least(3, len(story.nodes))
    _fill(story)
    cut = story.inject(Isolate(how="drop", node=story.node))
    story.pause()
    story.remove(story.node)
    story.pause()
    story.observe()
    story.heal(cut)
    story.pause()
    story.observe()
    story.settle()


@example("MEM-04", "MEM-01", shape=with_fallbacks)
def a_node_that_was_down_during_a_removal(story: Story) -> None:
    """One node is removed while another is down, whose disk still says that it is a member."""
    at_least(4, len(story.nodes))
    _fill(story)
    dead, away = story.nodes[:2]
    story.kill(dead, away)
    story.pause()
    story.remove(dead)
    story.observe()
    story.pause()
    story.restart(away)
    story.pause()
    story.observe()
    story.settle()


@example("HND-04", shape=with_fallbacks)
def a_hint_for_a_node_that_is_removed(story: Story) -> None:
    """What was kept for a dead node is all that there is of some writes, and the node is removed.

    One node alone takes every key, with W=1, and crashes at once. Of a key that it is no home of it keeps a hint for
    the first home, and has no time for more: the only copy, where the dead node is the first home.
    """
    at_least(3, len(story.nodes))
    target, alone = story.nodes[0], story.nodes[-1]
    story.kill(target)
    cut = story.inject(Isolate(how="down", node=alone))
    story.pause()
    for key in KEPT:
        story.put(key, through=alone, w=1, wait=False)
    story.wait()
    story.kill(alone)
    story.restart(alone)
    story.observe("hint", node=target)
    story.heal(cut)
    story.remove(target, through=story.nodes[1])
    story.settle()


@example("HND-04", shape=single)
def a_hint_for_a_node_that_leaves(story: Story) -> None:
    """What was kept for a node that is cut off is all that there is of some writes, and the node leaves.

    It is the only home of those keys, and out of reach for a while longer: the writes must wait for it, or find their
    new owners without it.
    """
    at_least(2, len(story.nodes))
    target, *others = story.nodes
    cut = story.inject(Isolate(how="drop", node=target))
    story.pause()
    for key in KEPT:
        story.put(key, through=others[0], wait=False)
    story.wait()
    story.observe("hint", node=target)
    story.leave(target, through=others[0])
    story.pause(1.0)
    story.heal(cut)
    story.settle()


@example("RNG-04", shape=heavy)
def a_light_node_joins(story: Story) -> None:
    """A node that weighs a quarter of any other joins, so that next to nothing may move."""
    story.put("key")
    story.join(story.newcomer())
    story.settle()


@example("RNG-03", shape=weighted)
def shares_by_weight(story: Story) -> None:
    """Nodes weigh 1, 2 and 4, and one that weighs 4 joins: each is first owner of its share, before and after."""
    seen = _fill(story)
    story.observe()
    story.join(story.newcomer(), weight=4)
    story.observe()
    _load(story, seen)
    story.settle()

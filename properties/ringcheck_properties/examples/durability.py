"""Acknowledged writes outlive faults, crashes and lost disks: DUR-01 to DUR-04."""

from ringcheck_chaos.faults import Isolate, LinkFault, Split
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, everywhere, in_pairs, lazy, reaping, single, with_fallbacks
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(6))
MANY = tuple(f"key{number}" for number in range(30))
"""Enough for every node to be the first home of some, and every two to be the homes of some."""
SLOW_MS = 400
"""Each way."""
WAVES = 3
LIFETIMES = 10
"""Of a tombstone, until it is surely reaped by a node that asks too few; two are needed, and some for asking."""


@example("DUR-01")
def writes_on_both_sides_of_a_split(story: Story) -> None:
    """Writes through every node before and during a split, a node killed as soon as it heals."""
    for key in KEYS:
        story.put(key)
    if len(story.nodes) > 1:
        left = min(story.configuration.w, len(story.nodes) - 1)
        split = story.inject(Split(how="drop", left=story.nodes[:left], right=story.nodes[left:]))
        story.pause()
        for key in KEYS:
            story.put(key, through=story.nodes[0], client=1, wait=False)
            story.put(key, through=story.nodes[-1], client=2, wait=False)
        story.wait()
        story.heal(split)
    story.kill(story.node)
    story.settle()


@example("DUR-01", shape=everywhere)
def a_write_that_cannot_be_acknowledged(story: Story) -> None:
    """Blind puts want every copy just as one node stops hearing anybody: they fail, late, and may take effect.

    However often they are tried on their way, what was acknowledged before them stays beside them.
    """
    at_least(2, len(story.nodes))
    n = story.configuration.n
    for key in MANY:
        story.put(key, w=n, wait=False)
    story.wait()
    story.inject(Isolate(how="drop", node=story.nodes[-1]))
    for number, key in enumerate(MANY):
        story.put(key, through=story.nodes[number % (len(story.nodes) - 1)], client=1, w=n, wait=False)
    story.settle()


@example("DUR-01", shape=single)
def what_stand_ins_hold_is_big(story: Story) -> None:
    """A node that is alone stands in for the only homes of keys, with values as big as any and siblings as big."""
    at_least(2, len(story.nodes))
    cut = story.inject(Isolate(how="down", node=story.node))
    story.pause()
    for key in KEYS:
        for sibling in range(1 + KEYS.index(key) % 2):
            story.put(key, through=story.node, client=sibling, value_size="limit", wait=False)
    story.wait()
    story.heal(cut)
    story.settle()


@example("DUR-02", shape=everywhere)
def every_node_dies_at_once(story: Story) -> None:
    """Bursts of puts through every node; all nodes are killed the moment one put is acknowledged."""
    for round_number in range(2):
        for key in KEYS:
            for node in story.nodes:
                story.put(f"{key}.{round_number}", through=node, wait=False)
        story.put(f"last.{round_number}", through=story.nodes[round_number - 1])
        story.kill(*story.nodes)
        story.restart(*story.nodes)
    story.settle()


@example("DUR-03", shape=lazy)
def a_disk_is_lost_after_an_acknowledgement(story: Story) -> None:
    """The disk of the node that was asked is lost the moment a put is acknowledged, with others still open."""
    at_least(2, len(story.nodes))
    for key in KEYS:
        story.put(key)
    for key in MANY:
        story.put(key, through=story.node, client=1, wait=False)
    story.put("last", through=story.node)
    story.wipe(story.node)
    story.restart(story.node)
    story.settle()


@example("DUR-03", shape=in_pairs)
def a_disk_is_lost_after_handoff(story: Story) -> None:
    """All homes of some keys are down, so that stand-ins take every copy; home again, one of them loses its disk.

    As many are down as leave W: with four nodes or more, both homes of some keys.
    """
    at_least(2, len(story.nodes))
    down = story.nodes[: -story.configuration.w]
    if down:
        story.kill(*down)
        story.pause()
    for key in (*MANY, *(f"{key}.too" for key in MANY)):
        story.put(key, through=story.nodes[-1])
    if down:
        story.restart(*down)
        story.pause()  # what stand-ins hold goes home
    story.wipe(story.node)
    story.restart(story.node)
    story.settle()


@example("DUR-03", shape=with_fallbacks)
def a_write_that_meets_a_hint_on_its_way(story: Story) -> None:
    """A stand-in hands hints over on a slow way, while more is written to the same keys; then the other copy is lost.

    The node asked reaches the stand-in alone, so for keys of which that is no home these two have the only copies.
    Each wave comes sooner after the one before than an answer on the slow way can: a wave or two find a hint that was
    sent and not answered yet, whenever it was.
    """
    at_least(3, len(story.nodes))
    asked, keeper, *homes = story.nodes
    for home in homes:
        story.inject(LinkFault(how="down", source=asked, target=home))
        story.inject(LinkFault(how="latency", source=keeper, target=home, latency_ms=SLOW_MS))
    story.pause()
    for _ in range(WAVES):
        for key in MANY[:20]:
            story.put(key, through=asked, wait=False)
        story.wait()
        story.lapse(SLOW_MS / 1000)
    story.lapse(5 * SLOW_MS / 1000)  # every answer has come
    story.wipe(asked)
    story.restart(asked)
    story.settle()


@example("SIB-02", "DUR-03", shape=in_pairs)
def a_delete_that_a_stand_in_remembers(story: Story) -> None:
    """Keys are deleted while one of their homes is down; the other one loses its disk before the first is back.

    So what was deleted is on the disk of the first, and that it was deleted only with those that stood in for it.
    """
    at_least(3, len(story.nodes))
    keys = (*MANY, *(f"{key}.too" for key in MANY))
    puts = {key: story.put(key, through=story.nodes[-1]) for key in keys}
    down, lost = story.nodes[:2]
    story.kill(down)
    story.pause()
    for key, put in puts.items():
        story.delete(key, context=put, through=story.nodes[-1])
    story.wipe(lost)
    story.restart(down, lost)
    story.settle()


@example("SIB-02", shape=reaping)
def a_hint_that_outlives_the_tombstone(story: Story) -> None:
    """A stand-in keeps versions for a home that it cannot reach, while they are deleted and for much longer.

    One other node is down at the same time and misses the deletes. Neither may bring back what was deleted.
    """
    at_least(5, len(story.nodes))
    home, keeper, away, *others = story.nodes
    keys = (*MANY, *(f"{key}.too" for key in MANY))
    alone = story.inject(Isolate(how="drop", node=home))
    story.pause()
    puts = {key: story.put(key, through=others[number % len(others)], wait=False) for number, key in enumerate(keys)}
    story.wait()
    story.observe("hint", node=home)
    apart = story.inject(LinkFault(how="drop", source=keeper, target=home))
    story.heal(alone)
    story.kill(away)
    story.pause()
    for number, (key, put) in enumerate(puts.items()):
        story.delete(key, context=put, through=others[number % len(others)], wait=False)
    story.wait()
    story.lapse(LIFETIMES * story.configuration.tombstone_lifetime_ms / 1000)
    story.restart(away)
    story.heal(apart)
    story.settle()


@example("DUR-04", shape=lazy)
def an_older_disk_comes_back(story: Story) -> None:
    """A node forgets what it has coordinated since the copy of its disk, and coordinates writes of the same keys.

    It was started anew between the copy and the loss, as often as it is afterwards. The last writes supersede those
    that they have seen: where two versions got one identity, they take the forgotten one with them.
    """
    at_least(2, len(story.nodes))
    for key in KEYS:
        story.put(key)
    story.back_up(story.node)
    story.kill(story.node)
    story.restart(story.node)
    for key in MANY:
        story.put(key, through=story.node)
    story.roll_back(story.node)
    story.restart(story.node)
    for key in MANY:
        again = story.put(key, through=story.node)
        story.put(key, through=story.node, context=again)
    story.settle()

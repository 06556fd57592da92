"""How an identity that is used twice loses writes: the family of riak_kv's issue 679, each of its members by name.

A version is told from others by a dot, and a dot by who made it and a count. Whoever forgets how far it had counted,
or was never told, makes a dot again that others know, and one of the two versions is taken for the other. Which nodes
are the homes of a key nobody says beforehand, so that there are many keys; of some the nodes have the parts they are
to play.
"""

from collections.abc import Iterator

from ringcheck_chaos.faults import Isolate, Split
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import (
    at_least,
    forgetful,
    forgetful_with_fallbacks,
    reaping,
    reaping_with_fallbacks,
)
from ringcheck_properties.registry import example

MANY = tuple(f"key{number}" for number in range(24))
BURIED = tuple(f"key{number}" for number in range(72))
"""So many that some are coordinated by one home each time, with the stand-in wanted: a few in a hundred."""
DUE = 2
"""Lifetimes of a tombstone until it may be reaped."""


@example("DUR-04", shape=forgetful, name="kv679-lost-clock")
def lost_clock(story: Story) -> None:
    """A node counts several versions of a key, loses all that it knew of it, and takes a blind write.

    It is started anew between the copy of its disk and the loss, as often as it is afterwards.
    """
    at_least(2, len(story.nodes))
    story.back_up(story.node)
    story.kill(story.node)
    story.restart(story.node)
    for key in MANY:
        last = story.put(key, through=story.node)
        for _ in range(2):
            last = story.put(key, through=story.node, context=last)
    story.roll_back(story.node)
    story.restart(story.node)
    for key in MANY:
        again = story.put(key, through=story.node)
        story.put(key, through=story.node, context=again)
    story.settle()


@example("DUR-03", shape=forgetful, name="kv679-lost-disk")
def lost_disk(story: Story) -> None:
    """The same when the whole disk is lost, and with it what told the node who it was."""
    at_least(2, len(story.nodes))
    for key in MANY:
        last = story.put(key, through=story.node)
        for _ in range(2):
            last = story.put(key, through=story.node, context=last)
    story.wipe(story.node)
    story.restart(story.node)
    for key in MANY:
        again = story.put(key, through=story.node)
        story.put(key, through=story.node, context=again)
    story.settle()


@example("DUR-04", shape=forgetful_with_fallbacks, name="kv679-lost-clock-with-fallbacks")
def lost_clock_with_fallbacks(story: Story) -> None:
    """A first version is at stand-ins alone, later ones at homes; a node forgets, and learns the first one again."""
    at_least(4, len(story.nodes))
    author, *others = story.nodes
    homes, stand_ins = tuple(others[:2]), tuple(others[2:])
    story.back_up(author)
    without_homes = story.inject(Split(how="down", left=(author, *stand_ins), right=homes))
    story.pause()
    last = {key: story.put(key, through=author) for key in MANY}
    without_stand_ins = story.inject(Split(how="down", left=(author, *homes), right=stand_ins))
    story.heal(without_homes)
    story.pause()
    for key in MANY:
        for _ in range(2):
            last[key] = story.put(key, through=author, context=last[key])
    story.roll_back(author)
    again = story.inject(Split(how="down", left=(author, *stand_ins), right=homes))
    story.heal(without_stand_ins)
    story.restart(author)
    story.pause()
    for key in MANY:
        read = story.get(key, through=author, r=2)
        story.put(key, through=author, context=read)
    story.heal(again)
    story.settle()


@example("DUR-04", shape=forgetful_with_fallbacks, name="kv679-lost-on-a-write-of-another")
def lost_on_a_write_of_another(story: Story) -> None:
    """A node forgets its version of a key, is sent one that another node made, and then makes one itself."""
    at_least(4, len(story.nodes))
    author, *others = story.nodes
    homes, stand_ins = tuple(others[:2]), tuple(others[2:])
    story.back_up(author)
    without_homes = story.inject(Split(how="down", left=(author, *stand_ins), right=homes))
    story.pause()
    for key in MANY:
        story.put(key, through=author)
    story.roll_back(author)
    without_stand_ins = story.inject(Split(how="down", left=(author, *homes), right=stand_ins))
    story.heal(without_homes)
    story.restart(author)
    story.pause()
    for key in MANY:
        other = story.put(key, through=homes[0])
        story.put(key, through=author, context=other)
    story.heal(without_stand_ins)
    story.settle()


def _buried(story: Story) -> tuple[str, str]:
    """Keys are deleted while a home is down and a stand-in keeps that for it, and is cut off; both by name."""
    at_least(3, len(story.nodes))
    absent, keeper = story.nodes[0], story.nodes[-1]
    story.kill(absent)
    story.pause()
    puts = {key: story.put(key, through=node, wait=False) for key, node in _shared_out(story)}
    story.wait()
    for key, node in _shared_out(story):
        story.delete(key, context=puts[key], through=node, w=story.configuration.n, wait=False)
    story.wait()
    return absent, keeper


def _reborn(story: Story) -> dict[str, int]:
    """Keys that were deleted are read, so that whoever reaps does it, and written again without any context."""
    for _ in range(2):
        for key, node in _shared_out(story):
            story.get(key, through=node, r=story.configuration.n, wait=False)
        story.wait()
        story.pause()
    born = {key: story.put(key, through=node, wait=False) for key, node in _shared_out(story)}
    story.wait()
    return born


def _shared_out(story: Story) -> Iterator[tuple[str, str]]:
    """Keys, and through whom each is written every time: of some that is a home, which counts on or begins anew."""
    present = story.nodes[1:-1]
    for number, key in enumerate(BURIED):
        yield key, present[number % len(present)]


def _not_buried(story: Story, born: dict[str, int]) -> None:
    story.settle()
    for key, put in born.items():
        story.expect_settled("KV-08", key, put)


@example("DUR-01", "KV-08", shape=forgetful_with_fallbacks, name="kv679-doomstone")
@example("DUR-01", "KV-08", shape=reaping_with_fallbacks, name="kv679-doomstone-reaped")
def doomstone(story: Story) -> None:
    """The tombstone that a stand-in kept comes home when the key has been written again, and must not bury that."""
    absent, keeper = _buried(story)
    cut = story.inject(Isolate(how="down", node=keeper))
    story.restart(absent)
    story.pause()
    born = _reborn(story)
    story.heal(cut)
    _not_buried(story, born)


@example("DUR-01", "KV-08", shape=forgetful_with_fallbacks, name="kv679-doomstone-after-a-crash")
@example("DUR-01", "KV-08", shape=reaping_with_fallbacks, name="kv679-doomstone-reaped-after-a-crash")
def doomstone_after_a_crash(story: Story) -> None:
    """The same, and the node that is asked to write again has crashed and come back in between."""
    absent, keeper = _buried(story)
    cut = story.inject(Isolate(how="down", node=keeper))
    story.restart(absent)
    story.pause()
    story.kill(story.nodes[1])
    story.restart(story.nodes[1])
    if lifetime_s := story.configuration.tombstone_lifetime_ms / 1000:
        story.lapse(DUE * lifetime_s)
    born = _reborn(story)
    story.heal(cut)
    _not_buried(story, born)


@example("KV-08", shape=reaping, name="kv679-reaped-clock")
def reaped_clock(story: Story) -> None:
    """Keys are deleted, reaped and written again; then come deletes that have seen nothing but the first versions.

    Nobody is away, so that whoever reaps may do it, and forget with a tombstone how far its key had counted.
    """
    first = {key: story.put(key, through=node, wait=False) for key, node in _in_turn(story)}
    story.wait()
    for key, node in _in_turn(story):
        story.delete(key, context=first[key], through=node, wait=False)
    story.wait()
    story.lapse(2 * DUE * story.configuration.tombstone_lifetime_ms / 1000)
    born = {key: story.put(key, through=node, wait=False) for key, node in _in_turn(story)}
    story.wait()
    for key, node in _in_turn(story):
        story.delete(key, context=first[key], through=node, wait=False)
    story.wait()
    _not_buried(story, born)


def _in_turn(story: Story) -> Iterator[tuple[str, str]]:
    for number, key in enumerate(MANY):
        yield key, story.nodes[number % len(story.nodes)]


@example("SIB-01", "AE-01", shape=forgetful, name="kv679-shared-actor")
def shared_actor(story: Story) -> None:
    """All nodes are started at the same moment, and two that cannot reach one another begin to count the same keys."""
    at_least(2, len(story.nodes))
    one, other = story.nodes[:2]
    story.kill(*story.nodes)
    story.restart(*story.nodes)
    cut = story.inject(Isolate(how="down", node=one))
    story.pause()
    for key in MANY:
        story.put(key, through=one, w=1, wait=False)
        story.put(key, through=other, w=1, wait=False)
    story.wait()
    story.heal(cut)
    story.settle()

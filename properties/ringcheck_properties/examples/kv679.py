"""How an identity that is used twice loses writes: the family of riak_kv's issue 679, each of its members by name.

A version is told from others by a dot, and a dot by who made it and a count. Whoever forgets how far it had counted,
or was never told, makes a dot again that others know, and one of the two versions is taken for the other. Which nodes
are the homes of a key nobody says beforehand, so that there are many keys; of some the nodes have the parts they are
to play.
"""

from ringcheck_chaos.faults import Isolate, Split
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, forgetful, forgetful_with_fallbacks
from ringcheck_properties.registry import example

MANY = tuple(f"key{number}" for number in range(24))


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
    present = story.others(absent, keeper)
    story.kill(absent)
    story.pause()
    for key in MANY:
        story.delete(key, context=story.put(key, through=present[0]), through=present[0], w=story.configuration.n)
    return absent, keeper


def _reborn(story: Story, through: str) -> dict[str, int]:
    """Keys that were deleted are read, so that whoever reaps does it, and written again without any context."""
    for _ in range(2):
        for key in MANY:
            story.get(key, through=through, r=story.configuration.n, wait=False)
        story.wait()
        story.pause()
    return {key: story.put(key, through=through) for key in MANY}


def _not_buried(story: Story, born: dict[str, int]) -> None:
    story.settle()
    for key, put in born.items():
        story.expect_settled("KV-08", key, put)


@example("DUR-01", "KV-08", shape=forgetful_with_fallbacks, name="kv679-doomstone")
def doomstone(story: Story) -> None:
    """The tombstone that a stand-in kept comes home when the key has been written again, and must not bury that."""
    absent, keeper = _buried(story)
    cut = story.inject(Isolate(how="down", node=keeper))
    story.restart(absent)
    story.pause()
    born = _reborn(story, story.nodes[1])
    story.heal(cut)
    _not_buried(story, born)


@example("DUR-01", "KV-08", shape=forgetful_with_fallbacks, name="kv679-doomstone-after-a-crash")
def doomstone_after_a_crash(story: Story) -> None:
    """The same, and the node that is asked to write again has crashed and come back in between."""
    absent, keeper = _buried(story)
    cut = story.inject(Isolate(how="down", node=keeper))
    story.restart(absent)
    story.pause()
    story.kill(story.nodes[1])
    story.restart(story.nodes[1])
    born = _reborn(story, story.nodes[1])
    story.heal(cut)
    _not_buried(story, born)


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

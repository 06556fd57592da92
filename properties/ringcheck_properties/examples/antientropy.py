"""Replicas that missed writes catch up, are rebuilt, and roots tell the truth: AE-01 to AE-04."""

from ringcheck_chaos.faults import Isolate
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, everywhere
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(6))


@example("AE-01", "AE-02", "AE-03", shape=everywhere)
def a_home_that_missed_writes(story: Story) -> None:
    """One home is cut off while keys are written, overwritten and deleted; all crash once, and then all agree.

    Two new keys get equal values, so that leaves that leave out the key would cancel.
    """
    at_least(2, len(story.nodes))
    n = story.configuration.n
    before = {key: story.put(key, w=n) for key in KEYS}
    stale = story.node
    present = story.others(stale)
    cut = story.inject(Isolate(how="down", node=stale))
    story.pause()
    w = min(story.configuration.w, len(present))
    for key in KEYS[:3]:
        story.put(key, context=before[key], through=present[0], w=w)
    story.delete(KEYS[3], context=before[KEYS[3]], through=present[-1], w=w)
    for key in ("twin", "other twin"):
        story.put(key, "equal", through=present[0], w=w)
        story.put(key, "equal too", through=present[-1], w=w)
    for key in (KEYS[0], KEYS[3], "twin"):
        story.observe("differ", key=key)
    story.kill(*present)
    story.restart(*present)
    story.observe("differ", key=KEYS[0])
    story.heal(cut)
    story.settle()


@example("AE-04", shape=everywhere)
def a_disk_is_lost(story: Story) -> None:
    """What a node held on its disk, deletes too, it holds again, although nobody writes or reads any more."""
    at_least(2, len(story.nodes))
    before = {key: story.put(key, w=story.configuration.n) for key in KEYS}
    story.delete(KEYS[0], context=before[KEYS[0]], w=story.configuration.n)
    story.wipe(story.node)
    story.restart(story.node)
    story.settle()

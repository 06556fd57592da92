"""Reads that repair: RR-01."""

from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, by_reads_alone
from ringcheck_properties.registry import example

KEYS = ("first", "second", "third")


@example("RR-01", shape=by_reads_alone)
def a_get_repairs_a_stale_replica(story: Story) -> None:
    """A home is down while keys are written; with anti-entropy an hour away, reading all replicas mends it."""
    at_least(2, len(story.nodes))
    n = story.configuration.n
    before = {key: story.put(key, w=n) for key in KEYS[1:]}
    stale = story.node
    present = story.others(stale)
    story.kill(stale)
    story.pause()
    w = min(story.configuration.w, len(present))
    for key in KEYS[:2]:
        story.put(key, context=before.get(key), through=present[0], w=w)
    story.delete(KEYS[2], context=before[KEYS[2]], through=present[0], w=w)
    story.restart(stale)
    story.pause()
    for key in KEYS:
        story.observe("differ", key=key)
        for node in story.nodes:
            story.get(key, through=node, r=n)
        story.observe("equal", key=key)

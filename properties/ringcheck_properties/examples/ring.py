"""Who holds what, and that all agree on it: RNG-01 and RNG-02."""

from ringcheck_chaos.faults import Isolate
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import uneven
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(12))


@example("RNG-01", "RNG-02", shape=uneven)
def all_agree_on_the_ring(story: Story) -> None:
    """Two nodes share a host and one weighs double; the ring is looked at before and after a cut and a crash."""
    for key in KEYS:
        story.put(key)
    story.observe()
    if len(story.nodes) > 1:
        story.inject(Isolate(how="down", node=story.nodes[-1]))
    story.kill(story.node)
    story.restart(story.node)
    story.settle()

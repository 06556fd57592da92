"""Acknowledged writes outlive faults and crashes: DUR-01 and DUR-02."""

from ringcheck_chaos.faults import Split
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import everywhere
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(6))


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

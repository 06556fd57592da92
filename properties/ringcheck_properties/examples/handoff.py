"""Hints and their way home: HND-01, HND-02, HND-03, and AE-05 for what handoff must leave behind."""

from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import with_fallbacks
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(12))
"""So many that any node is a home of at least one."""


def _write_for_an_absent_node(story: Story, absent: str) -> None:
    """Kill a node and write every key with w = N: where it is a home, somebody must stand in and keep a hint."""
    present = story.others(absent)
    story.kill(absent)
    story.pause()
    for number, key in enumerate(KEYS):
        story.put(key, through=present[number % len(present)], w=story.configuration.n, wait=False)
    story.wait()
    story.observe("hint", node=absent)


@example("HND-01", "HND-03", "AE-05", shape=with_fallbacks)
def hints_go_home(story: Story) -> None:
    """A node is down while keys are written; it comes back and has them, and nobody else keeps them."""
    _write_for_an_absent_node(story, story.node)
    story.restart(story.node)
    story.settle()


@example("HND-02", shape=with_fallbacks)
def hints_survive_a_crash(story: Story) -> None:
    """All who may hold the hints are killed at once and restarted before the target comes back."""
    absent = story.node
    _write_for_an_absent_node(story, absent)
    story.kill(*story.others(absent))
    story.restart(*story.others(absent))
    story.observe("hint", node=absent)
    story.restart(absent)
    story.settle()

"""What peers say that they should not: PEER-02."""

from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, with_fallbacks
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(6))


@example("PEER-02", shape=with_fallbacks)
def nonsense_in_the_place_of_a_member(story: Story) -> None:
    """A member is down, and the harness plays it badly before two others while clients write and delete.

    What is said again after an overwrite or a delete is old by then, and has to stay without effect.
    """
    at_least(2, len(story.nodes))
    absent, *present = story.nodes
    heard = present[:2]
    quorum = min(story.configuration.w, len(present))
    for key in KEYS:
        story.put(key, w=quorum)
    story.kill(absent)
    story.pause()
    for number, key in enumerate(KEYS):
        story.put(key, through=heard[number % len(heard)], w=quorum, as_peer=absent)
    for node in heard:
        story.disturb(node, source=absent)
    seen = [story.get(key, through=heard[0], r=quorum) for key in KEYS]
    for number, (key, read) in enumerate(zip(KEYS, seen, strict=True)):
        through = present[number % len(present)]
        if number % 3:
            story.put(key, context=read, through=through, w=quorum)
        else:
            story.delete(key, context=read, through=through, w=quorum)
    for node in heard:
        story.disturb(node, source=absent)
    for number, key in enumerate(KEYS):
        story.put(key, through=present[number % len(present)], w=quorum, wait=False)
    story.settle()

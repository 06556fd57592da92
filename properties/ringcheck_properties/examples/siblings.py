"""Which versions stay and which go: SIB-01 to SIB-04."""

from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import everywhere
from ringcheck_properties.registry import example


@example("SIB-01", "SIB-04")
def concurrent_puts(story: Story) -> None:
    """Puts through every node at once, blind and with one context, while other clients read; all stay."""
    base = story.put("forked")
    blind, forked = [], []
    for client, node in enumerate(story.nodes[:5] * 2):
        blind.append(story.put("blind", through=node, client=client, wait=False))
        forked.append(story.put("forked", context=base, through=node, client=client, wait=False))
        story.get("blind", through=node, client=client, wait=False)
        story.get("beside", through=node, client=client, wait=False)
    story.settle()
    story.expect_settled("SIB-01", "blind", *blind)
    story.expect_settled("SIB-01", "forked", *forked)
    story.expect_settled("SIB-04", "beside")


@example("SIB-02", shape=everywhere)
def each_one_read_behind(story: Story) -> None:
    """Two clients read, merge and write in turn, each always one read behind; a last merge leaves one value of a key.

    It would hide what should have gone before, so of another key nobody merges what is left.
    """
    n = story.configuration.n
    for key in ("k", "left alone"):
        story.put(key, w=n)
        older = [story.get(key, client=client) for client in (1, 2)]
        for round_number in range(6):
            for client in (1, 2):
                newer = story.get(key, client=client)
                story.put(key, context=older[client - 1], client=client, w=n)
                older[client - 1] = newer
            if round_number == 2:
                story.delete(key, context=older[0], client=1, w=n)
    last = story.put("k", context=story.get("k", r=n), w=n)
    story.settle()
    story.expect_settled("SIB-02", "k", last)


@example("SIB-03", shape=everywhere)
def a_delete_that_one_node_missed(story: Story) -> None:
    """One node is down while keys are deleted and overwritten; after it is back, nothing old returns, ever."""
    n = story.configuration.n
    absent = story.node
    present = story.others(absent) or (absent,)
    keys = [f"key{number}" for number in range(4)]
    puts = [story.put(key, through=absent, w=n) for key in keys]
    replaced = story.put("replaced", through=absent, w=n)
    story.kill(absent)
    if absent in present:
        story.restart(absent)
    story.pause()
    w = min(story.configuration.w, len(present))
    for number, (key, put) in enumerate(zip(keys, puts, strict=True)):
        story.delete(key, context=put, through=present[number % len(present)], w=w)
    last = story.put("replaced", context=replaced, through=present[0], w=w)
    story.restart(absent)
    for key in keys:
        story.get(key, through=absent)
    story.settle()
    for key in keys:
        story.expect_settled("SIB-03", key)
    story.expect_settled("SIB-03", "replaced", last)
    story.kill(present[0])
    story.restart(present[0])
    for key in (*keys, "replaced"):
        for node in story.nodes:
            story.get(key, through=node)

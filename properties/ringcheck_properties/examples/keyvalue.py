"""What clients see of one key: KV-01 to KV-14.

Where an expectation rests on what a Get returned, the put before it asks for w = N in a cluster without fallbacks:
then every node holds the version, and no slow replica can hide it.
"""

from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import everywhere
from ringcheck_properties.registry import example

ALL_BYTES = "".join(map(chr, range(256)))
ODD_KEYS = ("\x00", "/", " ", *(ALL_BYTES[start : start + 32] for start in range(0, 256, 32)))


@example("KV-01", "KV-02")
def any_node_serves_any_key(story: Story) -> None:
    """Read keys that nobody wrote, then put through each node and read through each other."""
    for node in story.nodes:
        story.expect("KV-01", story.get("untouched", through=node), values=())
        story.expect("KV-01", story.get("never", through=node, r=story.configuration.n), values=())
    for number, node in enumerate(story.nodes):
        story.expect("KV-02", story.put(f"key{number}", through=node))
        for reader in story.nodes:
            story.expect("KV-02", story.get(f"key{number}", through=reader))
    story.settle()


@example("KV-03", shape=everywhere)
def put_with_the_context_of_a_get(story: Story) -> None:
    """A Get sees two siblings, a third comes in, and a Put with the Get's context replaces the two alone."""
    n = story.configuration.n
    story.put("k", w=n)
    story.put("k", w=n)
    seen = story.get("k", r=n)
    unseen = story.put("k", w=n)
    merged = story.put("k", context=seen, w=n)
    for node in story.nodes:
        story.expect("KV-03", story.get("k", through=node), values=[unseen, merged])
    last = story.put("k", context=story.get("k", r=n), w=n)
    story.settle()
    story.expect_settled("KV-03", "k", last)


@example("KV-04")
def blind_puts(story: Story) -> None:
    """Blind puts through one node, then through others: all stay."""
    same = [story.put("same", through=story.node) for _ in range(3)]
    spread = [story.put("spread", through=node) for node in story.nodes]
    seen = story.get("mixed", through=story.node)
    first = story.put("mixed", context=seen, through=story.node)
    blind = story.put("mixed", through=story.node)
    story.settle()
    story.expect_settled("KV-04", "same", *same)
    story.expect_settled("KV-04", "spread", *spread)
    story.expect_settled("KV-04", "mixed", first, blind)


@example("KV-05")
def puts_that_share_a_context(story: Story) -> None:
    """Several puts carry the context of one earlier put, through one node and through several."""
    base = story.put("one", through=story.node)
    one = [story.put("one", context=base, through=story.node) for _ in range(3)]
    base = story.put("several", through=story.node)
    several = [story.put("several", context=base, through=node) for node in story.nodes]
    base = story.put("at once", through=story.node)
    at_once = [story.put("at once", context=base, through=node, wait=False) for node in story.nodes[:5] * 2]
    story.settle()
    story.expect_settled("KV-05", "one", *one)
    story.expect_settled("KV-05", "several", *several)
    story.expect_settled("KV-05", "at once", *at_once)


@example("KV-06")
def chained_puts(story: Story) -> None:
    """Each put carries the context of the one before; a sibling that the client never saw outlives the chain."""
    unseen = story.put("k", through=story.node)
    link = story.put("k", through=story.node)
    for node in story.nodes:
        link = story.put("k", context=link, through=node)
    first = story.put("lone", through=story.node)
    second = story.put("lone", context=first, through=story.node)
    story.settle()
    story.expect_settled("KV-06", "k", unseen, link)
    story.expect_settled("KV-06", "lone", second)


@example("KV-07", "KV-08", shape=everywhere)
def deletes(story: Story) -> None:
    """A put that the delete has not seen survives; a deleted key is written again, with and without its context."""
    n = story.configuration.n
    seen = story.put("concurrent", w=n)
    survivor = story.put("concurrent", w=n)
    story.delete("concurrent", context=seen, w=n)
    story.expect("KV-07", story.get("concurrent"), values=[survivor])

    story.delete("gone", context=story.put("gone", w=n), w=n)
    story.expect("KV-07", story.get("gone"), values=())

    story.delete("blind", context=story.put("blind", w=n), w=n)
    blind = story.put("blind", w=n)
    story.expect("KV-08", story.get("blind"), values=[blind])

    story.delete("chained", context=story.put("chained", w=n), w=n)
    chained = story.put("chained", context=story.get("chained"), w=n)
    story.delete("chained", context=chained, w=n)
    chained = story.put("chained", context=story.get("chained"), w=n)
    story.settle()
    story.expect_settled("KV-07", "concurrent", survivor)
    story.expect_settled("KV-07", "gone")
    story.expect_settled("KV-08", "blind", blind)
    story.expect_settled("KV-08", "chained", chained)


@example("KV-09", shape=everywhere)
def contexts_travel(story: Story) -> None:
    """Contexts that one node gave are used at every other node, before and after all nodes restart."""
    n = story.configuration.n
    last = story.put("k", through=story.node, w=n)
    for node in story.nodes:
        last = story.put("k", context=story.get("k", through=story.node), through=node, w=n)
        story.expect("KV-09", last)
    keys = [f"after {node}" for node in story.nodes]
    kept = []
    for key in keys:
        story.put(key, through=story.node, w=n)
        kept.append(story.get(key, through=story.node))
    story.kill(*story.nodes)
    story.restart(*story.nodes)
    story.pause()
    after = []
    for key, context, node in zip(keys, kept, story.nodes, strict=True):
        after.append(story.put(key, context=context, through=node, w=n))
        story.expect("KV-09", after[-1])
    story.settle()
    story.expect_settled("KV-09", "k", last)
    for key, put in zip(keys, after, strict=True):
        story.expect_settled("KV-09", key, put)


@example("KV-10")
def contexts_of_other_keys(story: Story) -> None:
    """A Put and a Delete carry the context of another key: refused, and the key stays as it is."""
    there = story.put("there")
    here = story.put("here")
    for node in story.nodes:
        story.expect("KV-10", story.put("here", context=there, through=node), "INVALID_ARGUMENT")
        story.expect("KV-10", story.delete("here", context=there, through=node), "INVALID_ARGUMENT")
    story.settle()
    story.expect_settled("KV-10", "here", here)


@example("KV-11", "KV-14")
def invalid_input(story: Story) -> None:
    """Everything a node must refuse, through every node; the key keeps its value and the nodes go on serving."""
    n = story.configuration.n
    kept = story.put("k")
    for node in story.nodes:
        refused = [
            story.get("", through=node),
            story.put("", through=node),
            story.get("long", key_size="over", through=node),
            story.put("long", key_size="over", through=node),
            story.put("k", value_size="over", through=node),
            story.put("k", context="malformed", through=node),
            story.delete("k", context="malformed", through=node),
            story.delete("k", context=None, through=node),
            story.get("k", r=n + 1, through=node),
            story.put("k", w=n + 1, through=node),
            story.delete("k", context=kept, w=n + 1, through=node),
        ]
        for operation in refused:
            story.expect("KV-11", operation, "INVALID_ARGUMENT")
        story.expect("KV-11", story.get("k", through=node))
    story.settle()
    story.expect_settled("KV-11", "k", kept)
    story.expect_settled("KV-14", "k", kept)


@example("KV-12")
def any_bytes(story: Story) -> None:
    """Every byte in keys and values, empty values, values and keys as long as the target allows."""
    every_byte = story.put("bytes", ALL_BYTES)
    empty = story.put("empty", "")
    big = story.put("big", "big", value_size="limit")
    long = story.put("long", key_size="limit")
    story.expect("KV-12", story.get("long", key_size="limit"))
    odd = {key: story.put(key, key) for key in ODD_KEYS}
    story.settle()
    story.expect_settled("KV-12", "bytes", every_byte)
    story.expect_settled("KV-12", "empty", empty)
    story.expect_settled("KV-12", "big", big)
    story.expect_settled("KV-12", "long", long)
    for key, put in odd.items():
        story.expect_settled("KV-12", key, put)


@example("KV-13")
def reads_reflect_writes(story: Story) -> None:
    """No fault: each put is read through every node at once, then superseded, then deleted and read again."""
    n, w = story.configuration.n, story.configuration.w
    r = n - w + 1
    for number, node in enumerate(story.nodes):
        key = f"key{number}"
        put = story.put(key, through=node, w=w)
        seen = [story.get(key, through=reader, r=r) for reader in story.nodes]
        story.put(key, context=put, through=story.nodes[number - 1], w=w)
        seen += [story.get(key, through=reader, r=r) for reader in story.nodes]
        story.delete(key, context=seen[-1], through=node, w=w)
        for reader in story.nodes:
            story.get(key, through=reader, r=r)
    story.observe()
    story.settle()

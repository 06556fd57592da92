"""Who must be answered under a fault, how soon, and who must not: AVL-01 to AVL-05."""

from ringcheck_chaos.faults import Cut, Isolate, LinkFault, Pause, Split
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import at_least, everywhere, uneven, with_fallbacks
from ringcheck_properties.registry import example

KEYS = tuple(f"key{number}" for number in range(8))
DELAY_MS = 80
"""Each way: what waits for an answer takes twice as long, and yet nobody takes the node that answers for dead."""
LONG_DELAY_MS = 1000
"""Each way: who waits for an answer waits for as long as a request may take."""


def _just_enough_together(story: Story, how: Cut) -> None:
    """Cut the cluster so that the nodes asked are a set of exactly W, or of R, whichever homes the keys have."""
    at_least(2, len(story.nodes))
    quorum = min(story.configuration.w, len(story.nodes) - 1)
    together, apart = story.nodes[:quorum], story.nodes[quorum:]
    story.inject(Split(how=how, left=together, right=apart))
    story.pause()
    for number, key in enumerate(KEYS):
        story.put(key, through=together[number % quorum], w=quorum, wait=False)
    story.wait()
    for number, key in enumerate(KEYS):
        story.get(key, through=together[number % quorum], r=quorum, wait=False)
        story.get(key, through=apart[number % len(apart)], r=min(quorum, len(apart)), wait=False)
    story.wait()
    story.settle()


@example("AVL-01", "AVL-02")
def links_refused(story: Story) -> None:
    """Exactly W nodes are together, their links to the others refused: they must serve every key."""
    _just_enough_together(story, "down")


@example("AVL-01", "AVL-02")
def links_black_holed(story: Story) -> None:
    """Exactly W nodes are together, all they send to the others vanishes: they must serve every key."""
    _just_enough_together(story, "drop")


@example("AVL-01", "AVL-02")
def nodes_dead(story: Story) -> None:
    """Exactly W nodes are left alive: they must serve every key."""
    at_least(2, len(story.nodes))
    quorum = min(story.configuration.w, len(story.nodes) - 1)
    alive = story.nodes[:quorum]
    story.kill(*story.others(*alive))
    story.pause()
    for number, key in enumerate(KEYS):
        story.put(key, through=alive[number % quorum], w=quorum, wait=False)
    story.wait()
    for number, key in enumerate(KEYS):
        story.get(key, through=alive[number % quorum], r=quorum, wait=False)
    story.settle()


@example("AVL-01", "AVL-02", shape=with_fallbacks)
def a_slow_way(story: Story) -> None:
    """All links of one node but one are slow, or down: with that other node it must serve every key, whoever has it."""
    at_least(3, len(story.nodes))
    asked = story.node
    prompt, gone, *slow = story.others(asked)
    quorum = min(story.configuration.w, 2)
    for node in slow:
        story.inject(LinkFault(how="latency", source=asked, target=node, latency_ms=LONG_DELAY_MS))
    story.inject(Isolate(how="down", node=gone))
    story.pause()
    for node in (asked, prompt) * 2:
        for key in KEYS:
            story.put(key, through=node, w=quorum, wait=False)
        story.pause(1.0)
        for key in KEYS:
            story.get(key, through=node, r=quorum, wait=False)
        story.wait()
    story.settle()


@example("AVL-01", shape=with_fallbacks)
def a_slow_way_beyond(story: Story) -> None:
    """A node is far from all but one, which is near to everybody else and must not leave its writes to the far one.

    There are as many near nodes as all copies need: one is down.
    """
    at_least(5, len(story.nodes))
    far = story.node
    near, gone, *others = story.others(far)
    for node in others:
        story.inject(LinkFault(how="latency", source=far, target=node, latency_ms=LONG_DELAY_MS))
    story.inject(Isolate(how="down", node=gone))
    story.pause()
    for number in range(24):  # enough for the far one to be the first home of some, wherever they are
        story.put(f"far{number}", through=near, w=story.configuration.n, wait=False)
    story.settle()


@example("AVL-03", "AVL-05")
def cut_off_nodes_do_not_answer(story: Story) -> None:
    """A node alone (refused) and, where there are enough, another (black-holed) are asked for quorums of two."""
    at_least(2, len(story.nodes))
    puts = {key: story.put(key) for key in KEYS}
    alone = story.nodes[: max(1, len(story.nodes) - 2)][:2]
    mechanisms: tuple[Cut, ...] = ("down", "drop")
    for node, how in zip(alone, mechanisms, strict=False):
        story.inject(Isolate(how=how, node=node))
    story.pause()
    for node in alone:
        for key in KEYS:
            story.get(key, through=node, r=2, wait=False)
        story.get("untouched", through=node, r=2, wait=False)
        for key in KEYS[:3]:
            story.put(key, through=node, w=2, wait=False)
        story.put("untouched", through=node, w=2, wait=False)
        for key in KEYS[3:6]:
            story.delete(key, context=puts[key], through=node, w=2, wait=False)
    story.settle()


@example("AVL-03", "AVL-05", shape=everywhere)
def a_request_may_ask_for_more(story: Story) -> None:
    """One node is cut off, the others are enough for the usual quorums; requests that ask for all N are not."""
    at_least(2, len(story.nodes))
    puts = {key: story.put(key) for key in KEYS}
    story.inject(Isolate(how="drop", node=story.node))
    story.pause()
    present, everybody = story.others(story.node), story.configuration.n
    for number, key in enumerate(KEYS):
        through = present[number % len(present)]
        story.put(key, through=through, w=everybody, wait=False)
        story.get(key, through=through, r=everybody, wait=False)
        story.delete(key, context=puts[key], through=through, w=everybody, wait=False)
    story.wait()
    story.settle()


@example("AVL-03", shape=uneven)
def two_members_on_one_host(story: Story) -> None:
    """Two members that share a machine are cut off together: they are one copy, and a write that wants two fails.

    What a Get wants of them is left open by the contract, so none is asked.
    """
    at_least(3, len(story.nodes))
    puts = {key: story.put(key) for key in KEYS}
    hosts = dict(zip(story.configuration.node_ids, story.configuration.hosts, strict=True))
    shared = tuple(node for node in story.nodes if hosts[node] == story.configuration.hosts[-1])
    story.inject(Split(how="down", left=shared, right=story.others(*shared)))
    story.pause()
    for number, key in enumerate(KEYS):
        story.put(key, through=shared[number % 2], w=2, wait=False)
        story.delete(key, context=puts[key], through=shared[number % 2], w=2, wait=False)
    story.wait()
    story.settle()


def _without(story: Story, slow: str) -> None:
    """Ask all others for quorums that have no need of one replica; of some keys it is not the first home."""
    quorum = min(story.configuration.w, len(story.nodes) - 1)
    for number, key in enumerate(KEYS * 2):
        node = story.others(slow)[number % len(story.others(slow))]
        story.put(key, through=node, w=quorum)
        story.get(key, through=node, r=quorum)


@example("AVL-04", shape=everywhere)
def a_slow_replica(story: Story) -> None:
    """All links of one node are slow; the others are enough for every quorum, and do not wait for it."""
    at_least(2, len(story.nodes))
    slow = story.node
    for other in story.others(slow):
        story.inject(LinkFault(how="latency", source=slow, target=other, latency_ms=DELAY_MS))
    story.pause()
    _without(story, slow)
    story.settle()


@example("AVL-04", shape=everywhere)
def a_silent_replica(story: Story) -> None:
    """Nothing that is sent to one node arrives, and nobody is told; the others are enough, and do not wait for it."""
    at_least(2, len(story.nodes))
    for key in KEYS:
        story.put(key)
    story.inject(Isolate(how="stall", node=story.node))
    _without(story, story.node)
    story.settle()


@example("AVL-04", shape=everywhere)
def a_paused_replica(story: Story) -> None:
    """The processes of one node stand still; the others are enough for every quorum, and do not wait for it.

    What was sent to it meanwhile it handles once it goes on, which changes nothing any more.
    """
    at_least(2, len(story.nodes))
    for key in KEYS:
        story.put(key)
    pause = story.inject(Pause(story.node))
    _without(story, story.node)
    story.put("late", through=story.node, wait=False)
    story.heal(pause)
    story.settle()

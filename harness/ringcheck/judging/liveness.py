"""AVL-01, AVL-02, AVL-03, AVL-05: who can be answered, and who must not be, while links are cut and nodes are down.

A promise of an answer is judged with the least of what may have been open, its denial with the most. Slow links are
neither open for certain nor cut. While messages are lost or late at random, a disk fails or a clock runs wild, no
answer is promised.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ringcheck.judging import words
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.timeline import Disturbance
from ringcheck.judging.verdict import Breach
from ringcheck_chaos.faults import CLIENT

Reach = Mapping[str, frozenset[str]]
"""Node → the nodes to which it can send, itself left out."""

CLIENT_GRACE = 1.5
"""How much later than the request time-out an answer may reach the client; its own way and clock are in it."""


def judge_liveness(run: Run) -> Iterator[Statement]:
    """Every operation that was asked while something was disturbed, and every one that was left without an answer."""
    for operation in run.operations.values():
        if operation.refused or operation.end is None or not run.is_valid(operation):
            continue
        start, stop = operation.start, operation.stop
        before = run.timeline.touching(start - run.detection_s, stop)
        if operation.asked.kind != "delete" and (before or not operation.ok):
            yield from _owed(run, operation, before)
        if under := run.timeline.touching(start, stop):
            yield from _denied(run, operation, under)


def _owed(run: Run, operation: Operation, touching: tuple[Disturbance, ...]) -> Iterator[Statement]:
    """AVL-01 and AVL-02.

    Owed only while nothing changed among the nodes: one that is just being lost may take along a request that was
    passed on to it, and the contract forbids to pass that on twice.
    """
    begin, stop = operation.start - run.detection_s, operation.stop
    if begin < 0 or any(each.erratic for each in touching):
        return
    if not all(each.surely_throughout(begin, stop) for each in touching if each.between_nodes()):
        return
    if not _asked_freely(operation, touching):
        return
    group = _together(operation.node, run.nodes, touching)
    # Copies count by physical machines: two members of one host are one.
    if len({run.host(each) for each in group}) < operation.asked.quorum:
        return
    requirement = "AVL-01" if operation.is_write else "AVL-02"
    took, limit = operation.stop - operation.start, run.request_timeout_s(operation.node)
    if operation.ok and took <= CLIENT_GRACE * limit:
        if any(each.blocking for each in touching):
            yield Held(requirement)
        return
    yield Breach(
        requirement=requirement,
        expected=f"{operation.node} had been together with {words.nodes(sorted(group - {operation.node}))} for "
        f"at least {run.detection_s:g} s, and {_quorum(operation)}, so the answer is OK within {limit:g} s.",
        actual=f"{words.named(operation)} through {operation.node} ended with {operation.code} after {took:.3f} s.",
        key=operation.key,
        operations=(operation.id,),
        nodes=tuple(sorted(group)),
        time=operation.stop,
    )


def _denied(run: Run, operation: Operation, touching: tuple[Disturbance, ...]) -> Iterator[Statement]:
    """AVL-03 and AVL-05."""
    start, stop = operation.start, operation.stop
    throughout = tuple(each for each in touching if each.blocking and each.surely_throughout(start, stop))
    group = _connected(operation.node, run.nodes, throughout)
    if not group or len(group) >= operation.asked.quorum:
        return
    requirement = "AVL-03" if operation.is_write else "AVL-05"
    if operation.ok:
        alone = f"{operation.node} could exchange messages with {words.nodes(sorted(group - {operation.node}))}"
        yield Breach(
            requirement=requirement,
            expected=f"From before it was asked until it was answered, {alone}, and {_quorum(operation)}, so it is not "
            "answered OK.",
            actual=f"{words.named(operation)} through {operation.node} was answered OK at {words.at(stop)}.",
            key=operation.key,
            operations=(operation.id,),
            nodes=(operation.node,),
            time=stop,
        )
    elif _asked_freely(operation, touching):
        yield Held(requirement)


def _asked_freely(operation: Operation, touching: Sequence[Disturbance]) -> bool:
    """Whether the node asked ran, and the client's way to it was open."""
    ways = (way for each in touching for way in each.directions)
    node = operation.node
    return all(each.node != node for each in touching) and not any(CLIENT in way and node in way for way in ways)


def _quorum(operation: Operation) -> str:
    letter = "W" if operation.is_write else "R"
    return f"{letter} is {operation.asked.quorum}"


@lru_cache(maxsize=1024)
def _together(node: str, nodes: tuple[str, ...], suffering: tuple[Disturbance, ...]) -> frozenset[str]:
    """Remembered, since many operations are asked under the same faults."""
    return largest_group(node, _open(nodes, suffering))


@lru_cache(maxsize=1024)
def _connected(node: str, nodes: tuple[str, ...], suffering: tuple[Disturbance, ...]) -> frozenset[str]:
    return mutual_reach(node, _open(nodes, suffering))


def _open(nodes: Sequence[str], suffering: Sequence[Disturbance]) -> Reach:
    """Who can send to whom when all of `suffering` is in force. Nodes that are down are left out."""
    running = frozenset(nodes) - {each.node for each in suffering}
    cut = frozenset[tuple[str, str]]().union(*(each.directions for each in suffering))
    return {
        node: frozenset(other for other in running - {node} if (node, other) not in cut) for node in sorted(running)
    }


def largest_group(node: str, reach: Reach) -> frozenset[str]:
    """The largest set that holds `node` and in which everybody can send to everybody; empty when it is down."""
    if node not in reach:
        return frozenset()
    mutual = {one: frozenset(other for other in reach[one] if one in reach[other]) for one in reach}
    best: frozenset[str] = frozenset()

    def grow(group: frozenset[str], candidates: frozenset[str]) -> None:
        nonlocal best
        best = max(best, group, key=len)
        for candidate in sorted(candidates):
            if len(group) + len(candidates) <= len(best):
                return
            grow(group | {candidate}, candidates & mutual[candidate])
            candidates -= {candidate}

    grow(frozenset({node}), mutual[node])
    return best


def mutual_reach(node: str, reach: Reach) -> frozenset[str]:
    """The strongly connected component of `node`: all that it reaches and that reach it, over others too."""
    backwards = {one: frozenset(other for other in reach if one in reach[other]) for one in reach}
    return _reachable(node, reach) & _reachable(node, backwards)


def _reachable(node: str, reach: Reach) -> frozenset[str]:
    found = {node} & reach.keys()
    stack = list(found)
    while stack:
        new = reach[stack.pop()] - found
        found |= new
        stack += new
    return frozenset(found)

"""AVL-04: a slow, silent or paused replica does not slow a quorum that does not need it.

Seen where one node alone suffers, the others are copies enough, and neither the node asked nor the coordinator is the
one that suffers: the contract lets the first of the preference list coordinate, however slow it is. What counts as
slowed goes by what was done to the links and never by the speed of the machine: to wait for an answer over slow links
takes what they add, to wait for one that does not come takes the replica time-out. One late answer may have a hundred
reasons, so most of those asked under one fault must be late: of the Gets, or of the writes, since a node that waits in
the one need not wait in the other.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

from ringcheck.history import FaultBegan
from ringcheck.judging import words
from ringcheck.judging.lenience import TOO_BUSY
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck_chaos.faults import CLIENT, Fault, Isolate, LinkFault, Pause, describe

ENOUGH = 3
"""So many operations at the least must have been asked while one replica suffered."""
NOTICEABLE_S = 0.05
"""Less than this is nothing to be slowed by."""
NO_RING = (
    "which replicas an operation needs is told by preference lists alone, which the target does not show: it does not "
    "declare the profile ring"
)
TOLD = 3
"""So many of the late ones are told."""


def judge_slowness(run: Run) -> Iterator[Statement]:
    """Every replica that suffered alone, by all that was asked of the others meanwhile."""
    faults = {describe(event.fault): event.fault for event in run.events if isinstance(event, FaultBegan)}
    faults = {what: fault for what, fault in faults.items() if _slows(fault)}
    if not faults:
        return
    if "ring" not in run.profiles:
        yield Unclear("AVL-04", NO_RING)
        return
    spared: defaultdict[tuple[str, bool], list[tuple[Operation, float]]] = defaultdict(list)
    for operation in _asked_under(run, faults):
        if operation.ok and not operation.asked.final and not run.views.unsettled(operation.start, operation.stop):
            for slow, wait_s in _spared(run, faults, operation):
                spared[slow, operation.is_write].append((operation, wait_s))
    for (slow, _), operations in spared.items():
        yield _judge(run, slow, operations)


def _asked_under(run: Run, faults: Mapping[str, Fault]) -> Iterator[Operation]:
    """The operations that were asked while something was slow for certain, each once."""
    slow = [each for each in run.timeline.disturbances if each.what in faults]
    start = attrgetter("start")
    operations = list(run.operations.values())
    if not run.in_order:
        operations.sort(key=start)
    place = 0
    for begun, ends in sorted((each.begun, each.ends) for each in slow):
        place = bisect_left(operations, begun, lo=place, key=start)
        past = bisect_right(operations, ends, lo=place, key=start)
        yield from operations[place:past]
        place = past


def _judge(run: Run, slow: str, asked: Sequence[tuple[Operation, float]]) -> Statement:
    late = [(each, wait_s) for each, wait_s in asked if each.stop - each.start >= wait_s]
    excused = [each for each, wait_s in late if run.starvation.waited_s(each.start, each.stop) >= wait_s]
    late = [(each, wait_s) for each, wait_s in late if each not in excused]
    judged = len(asked) - len(excused)
    if judged < ENOUGH <= len(asked):
        return Unclear("AVL-04", TOO_BUSY.format("answers took so long"))
    if judged < ENOUGH:
        kind = "write" if asked[0][0].is_write else "Get"
        return Unclear("AVL-04", f"only {words.times(judged, kind)} did without {slow} while it suffered")
    if 2 * len(late) <= judged:
        return Held("AVL-04", judged - len(late))
    operation, wait_s = late[0]
    return Breach(
        requirement="AVL-04",
        expected=f"{slow} alone was slow, silent or paused, neither the node asked nor the coordinator was, and the "
        f"other copies were enough, so no operation needs the {wait_s:g} s that waiting for {slow} takes.",
        actual=f"{len(late)} of {judged} took so long, {words.named(operation)} through {operation.node} "
        f"{operation.stop - operation.start:.3f} s.",
        key=operation.key,
        operations=tuple(each.id for each, _ in late[:TOLD]),
        nodes=(slow,),
        time=operation.stop,
    )


def _slows(fault: Fault) -> bool:
    """Whether it makes nodes wait for one another without their knowing at once."""
    return isinstance(fault, Pause) or (isinstance(fault, LinkFault | Isolate) and fault.how != "down")


def _spared(run: Run, faults: Mapping[str, Fault], operation: Operation) -> Iterator[tuple[str, float]]:
    """The node that suffered throughout an operation that could do without it, and how long waiting for it takes."""
    start, stop = operation.start, operation.stop
    touching = run.timeline.touching(start - run.detection_s, stop)
    found = [(each, faults[each.what]) for each in touching if each.what in faults]
    if not found or len(found) < len(touching) or not all(each.surely_throughout(start, stop) for each, _ in found):
        return
    preference = _preference(run, operation)
    if not preference:
        return
    ways = [way for each, _ in found for way in each.directions]
    suffering = frozenset.intersection(*map(frozenset, ways)) - {CLIENT, operation.node, preference[0]}
    for slow in suffering.intersection(preference[: run.n]):
        others = run.hosts(node for node in preference[: run.n] if node != slow)
        between = {(preference[0], slow), (slow, preference[0])}
        waits = [_wait_s(run, fault, len(each.directions & between)) for each, fault in found]
        wait_s = min(sum(waits), run.configuration.replica_timeout_ms / 1000)
        if len(others) >= operation.quorum and wait_s >= NOTICEABLE_S:
            yield slow, wait_s


def _wait_s(run: Run, fault: Fault, ways: int) -> float:
    """What a fault adds to a question and its answer, of which it concerns so many."""
    if isinstance(fault, LinkFault) and fault.how == "latency":
        return ways * fault.latency_ms / 1000
    return ways * run.configuration.replica_timeout_ms / 1000


def _preference(run: Run, operation: Operation) -> tuple[str, ...]:
    """The preference list of the key, as the node asked showed it last; empty where it showed none."""
    for seen in reversed(run.observations):
        if seen.time <= operation.start and operation.node in seen.nodes:
            return seen.nodes[operation.node].preference_lists.get(operation.key, ())
    return ()

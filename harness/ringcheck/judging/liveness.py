"""AVL-01, AVL-02, AVL-03, AVL-05: who can be answered, and who must not be, while links are cut and nodes are down.

A promise of an answer is judged with the least of what may have been open, its denial with the most. Slow links are
neither open for certain nor cut. While messages are lost or late at random, a disk fails or a clock runs wild, no
answer is promised here; and while members change, only where all that may count are together (`Passage`).
"""

from collections.abc import Iterator

from ringcheck.judging import words
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.situation import Situation, Situations
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach

CLIENT_GRACE = 1.5
"""How much later than the request time-out an answer may reach the client; its own way and clock are in it."""


def judge_liveness(run: Run) -> Iterator[Statement]:
    """Every operation that was asked while something was disturbed, and every one that was left without an answer."""
    situations = Situations(run.timeline, run.detection_s, run.views)
    for operation, situation in situations.striking(run.operations.values()):
        if operation.refused or operation.end is None or not run.is_valid(operation):
            continue
        if operation.kind != "delete" and (situation.disturbed or not operation.ok) and run.is_clients(operation):
            yield from _owed(run, situation, operation)
        yield from _denied(run, situation, operation)


def _owed(run: Run, situation: Situation, operation: Operation) -> Iterator[Statement]:
    """AVL-01 and AVL-02.

    Owed only while nothing changed among the nodes: one that is just being lost may take along a request that was
    passed on to it, and the contract forbids to pass that on twice.
    """
    if not situation.steady or not situation.at_hand(operation.node):
        return
    group, passage = situation.together(operation.node), situation.passage
    # Copies count by physical machines: two members of one host are one.
    if len(run.hosts(group)) < operation.quorum:
        return
    if passage and not passage.suffices(group, operation.node, operation.quorum, run.n, run.hosts):
        return
    if passage and run.timeline.calm(run.converged_before(operation.start), operation.stop):
        return  # Where nothing but the change is wrong, the same is promised by MEM-03.
    requirement = "AVL-01" if operation.is_write else "AVL-02"
    took, limit = operation.stop - operation.start, run.request_timeout_s(operation.node)
    if operation.ok and took <= CLIENT_GRACE * limit:
        if situation.cut:
            yield Held(requirement)
        return
    yield Breach(
        requirement=requirement,
        expected=f"{operation.node} had been together with {words.nodes(sorted(group - {operation.node}))} for "
        f"at least {run.detection_s:g} s{_whatever(run, operation)}, and {_quorum(operation)}, so the answer is OK "
        f"within {limit:g} s.",
        actual=f"{words.named(operation)} through {operation.node} ended with {operation.code} after {took:.3f} s.",
        key=operation.key,
        operations=(operation.id,),
        nodes=tuple(sorted(group)),
        time=operation.stop,
    )


def _denied(run: Run, situation: Situation, operation: Operation) -> Iterator[Statement]:
    """AVL-03 and AVL-05."""
    group = situation.connected(operation.node)
    # A write wants W machines; what a Get wants of two members on one, the contract leaves open.
    gathered = run.hosts(group) if operation.is_write else group
    if not group or len(gathered) >= operation.quorum:
        return
    requirement = "AVL-03" if operation.is_write else "AVL-05"
    if operation.ok:
        alone = f"{operation.node} could exchange messages with {words.nodes(sorted(group - {operation.node}))}"
        if len(gathered) < len(group):
            alone += f" on {'the same host' if len(gathered) == 1 else f'{len(gathered)} hosts in all'}"
        yield Breach(
            requirement=requirement,
            expected=f"From before it was asked until it was answered, {alone}, and {_quorum(operation)}, so it is not "
            "answered OK.",
            actual=f"{words.named(operation)} through {operation.node} was answered OK at {words.at(operation.stop)}.",
            key=operation.key,
            operations=(operation.id,),
            nodes=(operation.node,),
            time=operation.stop,
        )
    elif situation.asked_freely(operation.node):
        yield Held(requirement)


def _whatever(run: Run, operation: Operation) -> str:
    changes = run.views.unsettled(operation.start - run.detection_s, operation.stop)
    return f" through {', '.join(dict.fromkeys(map(str, changes)))}" if changes else ""


def _quorum(operation: Operation) -> str:
    letter = "W" if operation.is_write else "R"
    return f"{letter} is {operation.quorum}"

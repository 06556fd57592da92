"""PEER-02: nonsense among peers, and messages that come twice or late, do no harm.

What is seen to hold are messages: those that a node had from the harness, which it had greeted as a member, when it was
still served afterwards; in a simulated world those that came twice or late.

A node that dies of them, or no longer serves, breaks PEER-02 alone. Harm to the data shows as a breach of what forbids
it, and stays charged to that. It is charged to PEER-02 as well where, up to then, nothing else was wrong in that
history: no link cut, no message lost, no disk or clock unsound, no node down but those in whose place others spoke.
Under other faults nobody could tell which of them did the harm. It may have come to the same without such messages;
then the other requirement fails in other histories too, and no store is accused that keeps its word.
"""

from collections.abc import Iterator, Sequence
from math import inf

from ringcheck.history import Disturbed, FaultBegan, FaultEnded, NodeDown
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.timeline import Disturbance
from ringcheck.judging.verdict import Breach
from ringcheck_chaos.faults import MessageFault

PEERING = "PEER-02"

HARMS = frozenset(
    {"DUR-01", "DUR-02", "SIB-01", "SIB-02", "SIB-03", "SIB-04", "KV-14", "AE-01", "AE-02", "AE-03", "AE-05", "HND-01"}
)
"""The requirements whose breach is harm to the data, or a state that does not come to rest."""

NOTICE_S = 1.0
"""So long after the last message a node may die of it."""


def judge_peering(run: Run, others: Sequence[Breach]) -> Iterator[Statement]:
    """All that was said to nodes, what came of it, and which of the other breaches it is charged with."""
    if "peer" not in run.profiles:
        return
    began = inf
    for event in run.events:
        match event:
            case Disturbed():
                began = min(began, event.began)
                yield _spoken(run, event)
            case FaultBegan(fault=MessageFault(action="repeat" | "delay")):
                began = min(began, event.time)
    yield from _suffered(run)
    for breach in others:
        if breach.requirement in HARMS and began <= breach.time and _nothing_else(run, breach.time):
            yield _harm(breach)


def _spoken(run: Run, event: Disturbed) -> Statement:
    """Whether a node was still there after what it had to listen to."""
    who = f"{event.node} was talked nonsense to in the place of {event.source}"
    before, after = event.incarnation
    if dead := _death(run, event):
        return _breach(event, f"{who}, and goes on.", f"{event.node} ended by itself: {dead.proof}.")
    if blocked := next((each for each in _around(run, event) if _concerns(each, event)), None):
        return Unclear(PEERING, f"{who} while there was a fault: {blocked.what}")
    if not event.greeted:
        return Unclear(PEERING, f"{event.node} did not take the harness for {event.source}: {event.why}")
    if not event.answered:
        actual = f"Its stream was not served to the end: {event.why}."
        return _breach(event, f"{who}, and the stream goes on: a Ping is answered with Pong.", actual)
    if event.why:
        return _breach(event, f"{who}, and greets peers as before.", f"It did not: {event.why}.")
    if before != after:
        return _breach(event, f"{who}, and goes on.", f"It was {before}, and is {after} since.")
    if not event.serving:
        return _breach(event, f"{who}, and serves clients as before.", "It no longer reports SERVING.")
    return Held(PEERING, sum(event.messages.values()))


def _death(run: Run, event: Disturbed) -> NodeDown | None:
    """The node's end by itself, if it came while it was spoken to, or soon after."""
    ends = (each for each in run.events if isinstance(each, NodeDown) and each.node == event.node and not each.killed)
    return next((each for each in ends if event.began <= each.time and each.began <= event.time + NOTICE_S), None)


def _around(run: Run, event: Disturbed) -> Sequence[Disturbance]:
    return run.timeline.touching(event.began, event.time)


def _concerns(each: Disturbance, event: Disturbed) -> bool:
    """Whether a fault touches the node, or the harness's way to it."""
    ways = {(event.source, event.node), (event.node, event.source)}
    return each.node == event.node or bool(each.directions & ways)


def _breach(event: Disturbed, expected: str, actual: str) -> Breach:
    return Breach(requirement=PEERING, expected=expected, actual=actual, nodes=(event.node,), time=event.time)


def _suffered(run: Run) -> Iterator[Statement]:
    """Messages that came twice or late, of faults that had ended before the cluster was seen to be at rest."""
    faults = {event.fault_id: event.fault for event in run.events if isinstance(event, FaultBegan)}
    judged = max((each.ended for each in run.settlements if run.at_rest(each)), default=-inf)
    for event in run.events:
        if isinstance(event, FaultEnded) and event.time <= judged:
            match faults.get(event.fault_id):
                case MessageFault(action="repeat" | "delay"):
                    yield Held(PEERING, event.messages)


def _nothing_else(run: Run, until: float) -> bool:
    """Whether all that was wrong until then is of the kind that PEER-02 speaks of, or made room for it."""
    played = {event.source for event in run.events if isinstance(event, Disturbed)}
    faults_fit = all(
        isinstance(event.fault, MessageFault) and event.fault.action in ("repeat", "delay")
        for event in run.events
        if isinstance(event, FaultBegan) and event.began <= until
    )
    outages = (each for each in run.timeline.touching(0.0, until) if each.node)
    return faults_fit and all(each.node in played and not each.disk for each in outages)


def _harm(breach: Breach) -> Breach:
    return Breach(
        requirement=PEERING,
        expected=f"Whatever peers say, {breach.requirement} holds: {breach.expected}",
        actual=f"Nothing else was wrong, and {breach.requirement} is broken: {breach.actual}",
        key=breach.key,
        operations=breach.operations,
        nodes=breach.nodes,
        time=breach.time,
    )

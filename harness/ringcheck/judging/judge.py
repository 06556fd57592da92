"""All judges, over one history."""

from collections.abc import Iterator

from ringcheck.history import Broke, FaultBegan, FaultEnded, History, NodeDown
from ringcheck.judging.alibis import alibis
from ringcheck.judging.continuity import judge_continuity
from ringcheck.judging.convergence import judge_convergence
from ringcheck.judging.expectations import judge_expectations
from ringcheck.judging.handoff import judge_handoff
from ringcheck.judging.inheritance import judge_inheritance
from ringcheck.judging.leftovers import judge_leftovers
from ringcheck.judging.lenience import lenient
from ringcheck.judging.liveness import judge_liveness
from ringcheck.judging.mixing import judge_mixed
from ringcheck.judging.occurrences import occurrences
from ringcheck.judging.peering import judge_peering
from ringcheck.judging.placement import judge_placement
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.rebuilding import judge_rebuilding
from ringcheck.judging.recency import judge_recency
from ringcheck.judging.repair import judge_repair
from ringcheck.judging.roots import judge_roots
from ringcheck.judging.run import Run
from ringcheck.judging.safety import judge_safety
from ringcheck.judging.shares import judge_shares
from ringcheck.judging.slowness import judge_slowness
from ringcheck.judging.spreading import judge_spreading
from ringcheck.judging.statements import Statement, gather
from ringcheck.judging.uncollected import uncollected
from ringcheck.judging.upheaval import judge_upheaval
from ringcheck.judging.verdict import Breach, Judgement
from ringcheck_chaos.faults import describe


def judge(history: History) -> Judgement:
    """All that `history` says of every requirement that it can say something about. Needs no cluster.

    A history that was cut off is judged as far as it goes.
    """
    with uncollected():
        return _judge(history)


def _judge(history: History) -> Judgement:
    run = Run.of(history)
    findings = gather(_all_statements(run))
    return Judgement(
        schedule=history.header.schedule.name,
        profiles=run.profiles,
        findings=judge_mixed(run, findings) if run.configuration.mixed else findings,
        events=occurrences(run),
        invalid=_unproved(run),
        broke=next((event.reason for event in run.events if isinstance(event, Broke)), ""),
    )


def _all_statements(run: Run) -> Iterator[Statement]:
    """What all judges say; one of them has to know what the others found."""
    breaches: list[Breach] = []
    for found in _statements(run):
        statement = lenient(run, found)
        if isinstance(statement, Breach):
            breaches.append(statement)
        yield statement
    yield from judge_peering(run, breaches)


def _statements(run: Run) -> Iterator[Statement]:
    quiet = Quiet(run)
    cleared = alibis(run, quiet)
    yield from judge_expectations(run, quiet)
    yield from judge_safety(run, cleared)
    yield from judge_recency(run, quiet, cleared)
    yield from judge_liveness(run)
    yield from judge_convergence(run)
    yield from judge_roots(run)
    yield from judge_handoff(run)
    yield from judge_rebuilding(run)
    yield from judge_repair(run)
    yield from judge_placement(run)
    yield from judge_shares(run)
    yield from judge_upheaval(run)
    yield from judge_spreading(run)
    yield from judge_continuity(run)
    yield from judge_leftovers(run)
    yield from judge_inheritance(run)
    yield from judge_slowness(run)


def _unproved(run: Run) -> str:
    """The first fault that did not show that it took effect, or that it ended; empty when all did."""
    for event in run.events:
        if isinstance(event, FaultBegan) and not event.bit:
            return f"fault {event.fault_id} ({describe(event.fault)}) did not take effect: {event.proof}"
        if isinstance(event, FaultEnded) and not event.bit:
            return f"fault {event.fault_id} did not end when it was healed: {event.proof}"
        if isinstance(event, NodeDown) and not event.proof:
            return f"{event.node} is said to be down, without a proof"
    return ""

"""MEM-03: while views change, and nothing else happens, members answer as if nothing happened."""

from collections.abc import Iterator
from operator import attrgetter

import msgspec

from ringcheck.judging import words
from ringcheck.judging.liveness import CLIENT_GRACE
from ringcheck.judging.operations import Operation
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.recency import Reflection
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_continuity(run: Run) -> Iterator[Statement]:
    """Every Get and Put through a member, from the start of a change until the next convergence."""
    if "membership" not in run.profiles or not run.views.effective:
        return
    concerned = [each for each in run.operations.values() if run.views.unsettled(each.start, each.start)]
    for operation in concerned:
        if operation.kind != "delete" and _owed(run, operation):
            yield _answered(run, operation)
    if "inspect" in run.profiles:
        yield from _recent(run, {operation.id for operation in concerned})


def _owed(run: Run, operation: Operation) -> bool:
    """Whether it is through a member, with hosts enough in every view and no fault since the last convergence."""
    if operation.end is None or not run.is_valid(operation):
        return False
    members = run.views.certain(operation.start, operation.stop)
    if operation.node not in members or len(run.hosts(members)) < max(run.n, operation.quorum):
        return False
    return run.timeline.calm(run.converged_before(operation.start), operation.stop)


def _answered(run: Run, operation: Operation) -> Statement:
    took, limit = operation.stop - operation.start, run.request_timeout_s(operation.node)
    if operation.ok and took <= CLIENT_GRACE * limit:
        return Held("MEM-03")
    changes = run.views.unsettled(operation.start, operation.stop)
    return Breach(
        requirement="MEM-03",
        expected=f"Nothing but {', '.join(dict.fromkeys(map(str, changes)))} disturbed the cluster, and "
        f"{operation.node} was a member, so the answer is OK within {limit:g} s.",
        actual=f"{words.named(operation)} through {operation.node} ended with {operation.code} after {took:.3f} s.",
        key=operation.key,
        operations=(operation.id,),
        nodes=(operation.node,),
        time=operation.stop,
    )


def _recent(run: Run, concerned: set[int]) -> Iterator[Statement]:
    """KV-13 while views change: the Gets of stretches that are quiet but for that."""
    quiet = Quiet(run, through_changes=True)
    held = 0
    for causality in run.keys.values():
        if causality.ambiguous:
            continue
        gets = quiet.gets(causality.reads)
        for quorum in sorted({get.quorum for get in gets}):
            reflection = Reflection(causality, run.n - quorum, run.disks)
            for get in sorted((get for get in gets if get.quorum == quorum), key=attrgetter("start")):
                breaches = reflection.judge(get)
                if get.id in concerned and not get.asked.final:
                    yield from (msgspec.structs.replace(breach, requirement="MEM-03") for breach in breaches)
                    held += bool(get.values and not breaches)
    yield Held("MEM-03", held)

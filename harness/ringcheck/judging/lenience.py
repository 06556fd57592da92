"""What is not held against a target because the machine was too busy: answers and convergences that came too late."""

from ringcheck.history import Diverged
from ringcheck.judging.expectations import EXCUSED
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Statement, Unclear
from ringcheck.judging.verdict import Breach

ANSWERS = frozenset({"AVL-01", "AVL-02", "MEM-03"})
"""What promises an answer within a time."""
TOO_MUCH = 0.25
"""Where this part of the time to converge in was taken away, a cluster need not have converged in it."""

TOO_BUSY = (
    "other work, or other workers of this run, kept the machine too busy to tell why {}; "
    "run it again on a quieter machine, or with -n 1"
)


def lenient(run: Run, statement: Statement) -> Statement:
    """The statement; where it is a breach that a busy machine may have brought about, that it is not clear."""
    if isinstance(statement, Breach):
        if _answered_late(run, statement):
            return Unclear(statement.requirement, TOO_BUSY.format("answers took so long or failed"))
        if _converged_late(run, statement):
            return Unclear(statement.requirement, TOO_BUSY.format("the cluster did not converge in time"))
    return statement


def _answered_late(run: Run, breach: Breach) -> bool:
    """Whether it is about time, and somebody was kept waiting for as long as the shortest time-out of the nodes.

    While they answered, that is, or before, while they found out who is there.
    """
    operation = run.operations.get(next(iter(breach.operations), 0))
    return (
        breach.requirement in ANSWERS
        and operation is not None
        and _is_about_time(run, operation)
        and run.starvation.waited_s(operation.start - run.detection_s, operation.stop)
        >= run.configuration.replica_timeout_ms / 1000
    )


def _is_about_time(run: Run, operation: Operation) -> bool:
    if operation.ok:
        return operation.stop - operation.start > run.request_timeout_s(operation.node)
    return operation.in_doubt and operation.code in EXCUSED


def _converged_late(run: Run, breach: Breach) -> bool:
    """Whether it was found when a Settle was given up."""
    for settlement in run.settlements:
        outcome, last = settlement.outcome, settlement.seen.get("diverged")
        if isinstance(outcome, Diverged) and breach.time in {outcome.time, last.time if last else outcome.time}:
            return run.starvation.share(outcome.healed, outcome.time) >= TOO_MUCH
    return False

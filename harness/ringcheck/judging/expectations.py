"""What a schedule says in advance of single operations and of single keys after a Settle."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ringcheck.history import Fail, Skipped
from ringcheck.judging import words
from ringcheck.judging.charging import REFUSED
from ringcheck.judging.operations import Operation
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck.schedule import ExpectAnswer, ExpectSettled, Settle

FORBIDDING = frozenset({"SIB-02", "SIB-03"})
"""The requirements that say what must not be returned."""

EXCUSED = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "no answer"})
"""Ends that time and the network can bring about; every other code is the node's own word."""


def judge_expectations(run: Run, quiet: Quiet) -> Iterator[Statement]:
    """All expectations of the schedule, in order."""
    settles = -1
    skipped = {event.operation: event.reason for event in run.events if isinstance(event, Skipped)}
    for step in run.history.header.schedule.steps:
        match step:
            case Settle():
                settles += 1
            case ExpectAnswer(operation=number) if number in run.operations:
                yield _answer(run, quiet, step, run.operations[number])
            case ExpectAnswer(requirement=requirement, operation=number):
                reason = skipped.get(number, "the history ends before it")
                yield Unclear(requirement, f"operation #{number} was not carried out: {reason}")
            case ExpectSettled(requirement=requirement):
                settlement = next((each for each in run.settlements if each.index == settles), None)
                if settlement is None:
                    yield Unclear(requirement, "the history ends before the settle that it speaks of")
                else:
                    yield from _settled(run, step, settlement)


def _answer(run: Run, quiet: Quiet, step: ExpectAnswer, operation: Operation) -> Statement:
    if not _code_fits(step.code, operation):
        # A node whose disk fails may say so in a code of its own.
        excused = operation.code in EXCUSED or run.timeline.erratic(operation.start, operation.stop)
        if operation.in_doubt and excused:
            return Unclear(step.requirement, f"{words.named(operation)} ended with {operation.code}")
        return _breach(step, operation)
    if step.values is None or not operation.ok or sorted(step.values) == sorted(operation.values):
        return Held(step.requirement)
    if _lacks_only(step, operation.values):
        return Unclear(step.requirement, f"{words.named(operation)} returned less than was to be there")
    # Stand-ins and late replicas explain an old answer; what they do not explain shows after a Settle.
    reason = _doubt(run, step.operation, operation.key, operation.stop)
    if reason := reason or quiet.suspicion(operation.start, operation.stop):
        return Unclear(
            step.requirement, f"{words.named(operation)} returned {words.values(operation.values)}, but {reason}"
        )
    return _breach(step, operation)


def _lacks_only(step: ExpectAnswer | ExpectSettled, seen: Sequence[str]) -> bool:
    """Whether a requirement that forbids values is all that was to be shown, and none is there that should not be.

    That others are missing is a loss, and for the oracle to charge.
    """
    return step.requirement in FORBIDDING and Counter(seen) <= Counter(step.values or ())


def _code_fits(code: str, operation: Operation) -> bool:
    match code:
        case "definite":
            return operation.refused
        case "not OK":
            return not operation.ok
    return operation.code == code


def _breach(step: ExpectAnswer, operation: Operation) -> Breach:
    code = {"definite": "fails with a definite error", "not OK": "is not answered OK"}.get(
        step.code, f"ends {step.code}"
    )
    expected = f"{words.named(operation)} through {operation.node} {code}"
    actual = f"It ended with {operation.code}"
    if operation.kind == "get" and step.values is not None:
        expected += f" and returns {words.values(step.values)}"
        actual += f" and returned {words.values(operation.values)}" if operation.ok else ""
    elif isinstance(operation.end, Fail) and operation.end.message:
        actual += f" ({operation.end.message})"
    context = operation.context_of
    return Breach(
        requirement=step.requirement,
        expected=f"{expected}.",
        actual=f"{actual}.",
        key=operation.key,
        operations=(operation.id,) if context is None else (context, operation.id),
        nodes=(operation.node,),
        time=operation.stop,
    )


def _settled(run: Run, step: ExpectSettled, settlement: Settlement) -> Iterator[Statement]:
    key = words.value(step.key)
    answers = settlement.finals.get(step.key, {})
    silent = [node for node in run.answering(settlement) if node not in answers]
    wrong = [read for read in answers.values() if sorted(read.values) != sorted(step.values)]
    restless = "" if run.at_rest(settlement) else "messages may still have been on their way"
    doubt = _doubt(run, None, step.key, settlement.began) or restless
    if step.requirement == REFUSED:
        doubt = doubt or _taken_on(run, step.key)
    if not settlement.converged:
        yield Unclear(step.requirement, f"the cluster did not converge in settle {settlement.index + 1}")
    elif wrong and all(_lacks_only(step, read.values) for read in wrong):
        yield Unclear(step.requirement, f"{key} holds less than was to be there")
    elif wrong and doubt:
        yield Unclear(step.requirement, f"{key} holds {words.values(wrong[0].values)}, but {doubt}")
    elif wrong:
        yield _wrong(run, step, settlement, wrong)
    elif silent:
        yield Unclear(step.requirement, f"{words.nodes(silent)} answered no final read of {key}")
    else:
        yield Held(step.requirement)


def _taken_on(run: Run, key: str) -> str:
    """Which write was answered OK that the schedule wants refused: what it did then is no work of a definite error."""
    for step in run.history.header.schedule.steps:
        if isinstance(step, ExpectAnswer) and step.code != "OK" and step.operation in run.operations:
            operation = run.operations[step.operation]
            if operation.key == key and operation.is_write and operation.ok:
                return f"{words.named(operation)} was acknowledged, which was to be refused"
    return ""


def _wrong(run: Run, step: ExpectSettled, settlement: Settlement, wrong: Sequence[Operation]) -> Breach:
    writes = [each for each in run.keys[step.key].writes if each.start < settlement.began]
    said = "; ".join(f"{read.node} returned {words.values(read.values)}" for read in wrong)
    return Breach(
        requirement=step.requirement,
        expected=f"After healing every node returns {words.values(step.values)} for {words.value(step.key)}.",
        actual=f"{said}.",
        key=step.key,
        operations=(*(write.id for write in writes[-6:]), *(read.id for read in wrong[:2])),
        nodes=tuple(read.node for read in wrong),
        time=settlement.ended,
    )


def _doubt(run: Run, operation: int | None, key: str, until: float) -> str:
    """Why the key may rightly hold something else: a write before `until` that was not surely carried out, or kept."""
    writes = run.keys[key].writes if key in run.keys else ()
    for write in (each for each in writes if each.start <= until):
        if write.in_doubt and write.id != operation:
            return f"{words.named(write)} ended with {write.code}"
        if write.ok and not run.disks.keep(write.quorum, write.start, until):
            lost = words.nodes(run.disks.destroyed(write.start, until))
            return f"{words.named(write)} was acknowledged by W={write.quorum} nodes, and {lost} lost their disks"
    for event in run.events:
        if isinstance(event, Skipped) and event.time <= until:
            step = run.steps.get(event.operation)
            if step is not None and step.key == key:
                return f"operation #{event.operation} was skipped"
    return ""

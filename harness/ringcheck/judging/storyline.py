"""Which operations the story of a breach tells: those that the judge named, and those that explain them.

What a Get returned was written by somebody, what it should have returned too, and what is missing was overwritten or
deleted by one of the last writes before. A live history is not shrunk, so nobody would find them among hundreds.
"""

from collections.abc import Iterator, Sequence

from ringcheck.judging.causality import Causality
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.verdict import Breach
from ringcheck.schedule import ExpectAnswer, ExpectSettled

MOST = 12
"""So many operations are told at the most, unless the judge named more."""
LATEST = 2
"""So many of the last writes before a Get are told."""


def storyline(run: Run, breach: Breach) -> Sequence[Operation]:
    """The operations of the story, in the order in which they were asked."""
    named = [run.operations[number] for number in breach.operations if number in run.operations]
    told = {each.id: each for each in named}
    causality = run.keys.get(breach.key) if breach.key is not None else None
    if causality is not None and any(each.ok and not each.is_write for each in named):
        for each in _behind(run, breach, causality, named):
            if len(told) >= MOST:
                break
            told.setdefault(each.id, each)
    return sorted(told.values(), key=lambda each: (each.start, each.id))


def _behind(run: Run, breach: Breach, causality: Causality, named: Sequence[Operation]) -> Iterator[Operation]:
    """What explains the operations that were named, the most telling first."""
    reads = [each for each in named if each.ok and not each.is_write]
    returned = [put for read in reads for put in causality.writes_returned(read)]
    latest = _latest(causality, reads[0])
    yield from returned
    yield from latest
    yield from _expected(run, breach, causality)
    for write in (*named, *returned, *latest):
        if write.is_write and (context := causality.context_of(write)) is not None:
            yield context


def _latest(causality: Causality, read: Operation) -> Sequence[Operation]:
    """The last writes before a Get that may have taken effect; where it returned nothing, a Delete among them."""
    before = [each for each in causality.writes if each.start < read.stop and not each.refused]
    deletes = [each for each in before if each.kind == "delete"]
    return [*before[-LATEST:], *(deletes[-1:] if not read.values else ())]


def _expected(run: Run, breach: Breach, causality: Causality) -> Iterator[Operation]:
    """The Puts of the values that the schedule expected."""
    for step in run.history.header.schedule.steps:
        match step:
            case ExpectAnswer(operation=number, values=tuple() as values) if number in breach.operations:
                pass
            case ExpectSettled(key=breach.key, values=values):
                pass
            case _:
                continue
        if step.requirement == breach.requirement:
            yield from (causality.puts[value] for value in values if value in causality.puts)

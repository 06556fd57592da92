"""The story of a breach: what was promised, what happened, in which order, and what was wrong around it."""

from collections.abc import Iterator

from ringcheck.history import History, Note
from ringcheck.judging import words
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.storyline import storyline
from ringcheck.judging.verdict import Breach
from ringcheck.requirements import requirement

AROUND_S = 3.0
"""Faults that ended so long before the first operation of the story still belong to it."""

MOST_FAULTS = 12
MOST_NOTES = 4
MOST_LINES = 3
"""So many lines of each node's log are told."""


def explain(history: History, breach: Breach) -> str:
    """The story in plain text, of about twenty lines. Who knows the path of the history adds how to judge it again."""
    run = Run.of(history)
    told = requirement(breach.requirement)
    lines = [
        f"{told.id} ({told.level}) {told.sentence}",
        f"  expected  {breach.expected}",
        f"  actual    {breach.actual}",
        *_section("what happened", _operations(run, breach)),
        *_section("around it", _disturbances(run, breach)),
        *_section("noted meanwhile", _notes(history, breach)),
        *_section("last words of the nodes", _logs(history, breach)),
    ]
    return "\n".join(lines)


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == 0:
            yield f"  {title}"
        yield f"    {line}"


def _operations(run: Run, breach: Breach) -> Iterator[str]:
    for operation in storyline(run, breach):
        yield f"{words.at(operation.start):>10}  {_told(operation)}"


def _told(operation: Operation) -> str:
    """One operation in a sentence, from the question to the answer."""
    asked = operation.asked
    letter = "W" if operation.is_write else "R"
    context = f", with the context of #{asked.context_of}" if asked.context_of is not None else ""
    context = ", with a malformed context" if asked.malformed else context
    blind = " (blind)" if asked.kind == "put" and asked.context_of is None and not asked.malformed else ""
    question = f"{words.named(operation)} on {words.value(operation.key)} through {operation.node}"
    question += f"{blind}, {letter}={asked.quorum}{context}"
    if operation.end is None:
        return f"{question} was still open at the end"
    when = f"at {words.at(operation.stop)}"
    if operation.ok and operation.is_write:
        return f"{question} was acknowledged {when}"
    if operation.ok:
        return f"{question} returned {words.values(operation.values)} {when}"
    how = "failed for certain" if operation.refused else "ended without certainty"
    return f"{question} {how} ({operation.code}) {when}"


def _disturbances(run: Run, breach: Breach) -> Iterator[str]:
    begin, end = _span(run, breach)
    touching = run.timeline.touching(begin - AROUND_S, end)
    if len(touching) > MOST_FAULTS:
        yield f"({len(touching) - MOST_FAULTS} earlier ones left out)"
    for each in touching[-MOST_FAULTS:]:
        until = "the end" if each.ended == float("inf") else words.at(each.ended)
        lasting = f", until {until}" if each.ended > each.begun else ""
        yield f"{words.at(each.begun):>10}  {each.what}{lasting}"
    yield from _changes(run, begin - AROUND_S, end)
    for settlement in run.settlements:
        if begin <= settlement.ended <= end:
            what = "the cluster had converged" if settlement.converged else "the cluster had not converged"
            yield f"{words.at(settlement.ended):>10}  {what}"


def _changes(run: Run, begin: float, end: float) -> Iterator[str]:
    """The membership changes that had not been settled by `begin`."""
    for change in run.views.changes:
        if change.start <= end and run.views.settled_at(change) >= begin:
            answer = f"{change.done.code} at {words.at(change.stop)}" if change.done else "no answer"
            yield f"{words.at(change.start):>10}  {change} was asked for through {change.asked.through}: {answer}"


def _span(run: Run, breach: Breach) -> tuple[float, float]:
    """From the first operation of the story, or else the Settle before, to the breach."""
    starts = [run.operations[number].start for number in breach.operations if number in run.operations]
    settled = [each.began for each in run.settlements if each.began <= breach.time]
    return min(starts, default=settled[-1] if settled else 0.0), breach.time


def _notes(history: History, breach: Breach) -> Iterator[str]:
    """What the harness, or a simulated core, had to say until then."""
    notes = [
        event
        for event in history.events
        if isinstance(event, Note)
        and not event.log
        and event.time <= breach.time
        and (not event.node or event.node in breach.nodes)
    ]
    for note in notes[-MOST_NOTES:]:
        who = f"{note.node}: " if note.node else ""
        yield f"{words.at(note.time):>10}  {who}{note.text}"


def _logs(history: History, breach: Breach) -> Iterator[str]:
    """The last lines that the nodes wrote. They are read when a node has died, else when all is over."""
    logs = [event for event in history.events if isinstance(event, Note) and event.log and event.node in breach.nodes]
    before = {log.node: log for log in logs if log.time <= breach.time}
    after = {log.node: log for log in logs if log.time > breach.time}
    for log in [*before.values(), *after.values()][:MOST_NOTES]:
        for line in log.text.splitlines()[-MOST_LINES:]:
            yield f"{words.at(log.time):>10}  {log.node}: {line}"

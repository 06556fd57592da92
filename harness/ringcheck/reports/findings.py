"""One failure of an exploration at length: its story, its schedule step by step, and the commands that go on."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from ringcheck.exploring.news import Began, Finding
from ringcheck.exploring.tally import Group
from ringcheck.exploring.trial import SOURCE, Alarm
from ringcheck.history import Note
from ringcheck.history_file import read_history
from ringcheck.judging import words
from ringcheck.reports.steps import tell_configuration, tell_steps
from ringcheck.reports.stories import told
from ringcheck.requirements import all_requirements
from ringcheck.schedule import Schedule, beyond_live
from ringcheck.simulation.loading import REFERENCE

COLUMN = 24
WITHHELD = "not offered, since no live cluster can be made to do this: "
"""Begins what is said where a command might be: words, which may be folded."""


def tell_finding(finding: Finding, group: Group | None) -> str:
    """All of it but the commands, in plain text. `group` is what the seeds say of its cause."""
    sections = [
        _story(finding),
        "\n".join(_counted(finding, group)),
        "\n".join(_schedule(finding)) if finding.schedule else "",
    ]
    return "\n".join(section for section in sections if section)


def title(alarm: Alarm) -> str:
    """What is broken, in a word or an id."""
    return alarm.requirement if alarm.requirement in all_requirements() else "the core failed"


def _story(finding: Finding) -> str:
    alarm = finding.alarm
    if alarm.breach is None:
        return "\n".join([*_indented("The core failed", alarm.reason), *_last_words(finding)])
    return told(finding.history, alarm.breach)


def _indented(first: str, text: str) -> Iterator[str]:
    yield first
    for line in text.splitlines():
        yield f"  {line}"


def _last_words(finding: Finding) -> Iterator[str]:
    """The traceback of a core that failed in mid-run."""
    if finding.history:
        history = read_history(Path(finding.history), partial=True)
        for note in [event for event in history.events if isinstance(event, Note)][-1:]:
            yield "  last words of the core"
            yield from (f"    {line}" for line in note.text.splitlines())


def _counted(finding: Finding, group: Group | None) -> Iterator[str]:
    if finding.also:
        yield f"  the same schedule also breaks {', '.join(dict.fromkeys(finding.also))}"
    if finding.seed is None:
        yield "  saved by an earlier exploration, and it still fails"
    if group and group.count > 1:
        seeds = ", ".join(map(str, group.seeds)) + (", …" if group.count > len(group.seeds) else "")
        yield f"  {words.times(group.count, 'seed')} failed by this cause: {seeds}"


def _schedule(finding: Finding) -> Iterator[str]:
    assert finding.schedule is not None
    steps = len(finding.schedule.steps)
    if finding.original:
        size = f"{words.times(finding.steps, 'step')} shrunk to {steps} in {words.times(finding.tries, 'try', 'tries')}"
    else:
        size = words.times(steps, "step")
    yield f"  what to do for it ({size}{f'; {finding.why_not}' if finding.why_not else ''})"
    yield from tell_schedule(finding.schedule)


def tell_schedule(schedule: Schedule) -> Iterator[str]:
    """The cluster and the steps, indented."""
    yield from (f"    {line}" for line in tell_configuration(schedule.configuration))
    yield from (f"    {line}" for line in tell_steps(schedule))


def commands(finding: Finding, began: Began) -> Iterator[str]:
    """How to go on from here. What no live world can carry out is not offered for one."""
    if finding.history:
        path = shlex.quote(finding.history)
        yield row("check it again", f"ringcheck check {path}")
        yield row("replay in simulation", f"ringcheck replay {path}")
        beyond = beyond_live(finding.schedule) if finding.schedule else ""
        if beyond:
            yield row("on real processes", f"{WITHHELD}{beyond}")
        else:
            yield row("on real processes", f"ringcheck replay {path} --live [-- COMMAND … {{config}}]")
    if finding.seed is not None:
        yield row("the seed again", seed_command(finding.seed, began))
    if finding.original:
        yield row("before shrinking", finding.original)


def seed_command(seed: int, began: Began) -> str:
    """The command that tries one seed again."""
    core = [] if began.core == REFERENCE else ["--core", began.core]
    source = [] if began.source == SOURCE else ["--source", began.source]
    return shlex.join(["ringcheck", "explore", *core, *source, "--seed", str(seed)])


def row(what: str, command: str) -> str:
    """A line of what one may do, and how; or of what there is, and where."""
    return f"  {what:<{COLUMN - 2}}{command}"

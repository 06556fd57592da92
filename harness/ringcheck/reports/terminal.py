"""The report that a person reads: what was asked, how it goes, and what came of it.

Plain text without escape codes when the output is not a terminal.
"""

import shlex
import textwrap
from collections import Counter

import msgspec
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ringcheck.engine import Run
from ringcheck.events import Event
from ringcheck.judging import words
from ringcheck.judging.verdict import Verdict
from ringcheck.outcome import BREACH, BROKE, CONFORMS, INCONCLUSIVE, INTERRUPTED, WRONG_USE, Outcome
from ringcheck.reports.printable import printable
from ringcheck.reports.progress import ProgressReport
from ringcheck.reports.stories import story
from ringcheck.requirements import all_requirements
from ringcheck.version import __version__

REMARKS = 6
"""So many are told of one requirement; on a mixed cluster who it was, and how members of both kinds came and went."""
STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "skipped": "dim"}
NARROW = 72
"""Columns that the table of verdicts needs to be read with ease."""

WHAT_BROKE = "What broke"

CONCLUSIONS = {
    CONFORMS: "conforms",
    BREACH: "does not conform",
    WRONG_USE: "could not be run as asked",
    INCONCLUSIVE: "inconclusive",
    BROKE: "the target or the environment broke",
    INTERRUPTED: "interrupted; this is what was found until then",
}


class TerminalReport:
    """Listens to a run and prints it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: ProgressReport | None = None
        self._run: Run | None = None

    def began(self, run: Run) -> None:
        """Say what is about to happen, so that it can be repeated whatever comes."""
        self._run = run
        options = run.options
        # With 0 workers one process does it all.
        workers = words.times(max(options.workers, 1), "worker")
        nodes = words.times(options.nodes, "node")
        self._console.print(
            Text(f"ringcheck {__version__} · {nodes} · {workers} · seed {run.seed}", "bold"), soft_wrap=True
        )
        core = options.core and f"core     {options.core} (simulated)"
        self._console.print(Text(core or f"target   {shlex.join(run.target.command)}"), soft_wrap=True)
        self._console.print(Text(f"results  {run.folder}"), soft_wrap=True)
        self._progress = ProgressReport(self._console).__enter__()

    def heard(self, event: Event) -> None:
        """Show it as progress."""
        if self._progress:
            self._progress.heard(event)

    def ended(self, outcome: Outcome) -> None:
        """Print the verdicts, what they rest on, the stories of failures, and one line to conclude."""
        if self._progress:
            self._progress.__exit__(None, None, None)
        print_outcome(self._console, outcome, simulated=bool(self._run and self._run.options.core))
        if self._run:
            self._console.print(Text(conclusion(outcome, self._run), "bold"), soft_wrap=True)


def print_outcome(console: Console, outcome: Outcome, *, simulated: bool = False) -> None:
    """All of an outcome but its concluding line. Where something broke before anything was seen, only that."""
    blind = bool(outcome.problems) and all(verdict.status == "inconclusive" for verdict in outcome.verdicts)
    if not blind:
        _print_findings(console, outcome, simulated)
    if outcome.problems:
        console.print(Text(f"\n{WHAT_BROKE}", "bold"))
    for problem in outcome.problems:
        console.print(Text(textwrap.indent(printable(problem), "  "), "yellow"), soft_wrap=True)


def _print_findings(console: Console, outcome: Outcome, simulated: bool) -> None:
    verdicts = tuple(_referring(verdict, outcome.problems) for verdict in outcome.verdicts)
    if console.width < NARROW:
        print_verdict_lines(console, verdicts)
    else:
        console.print(verdict_table(verdicts))
    if outcome.unjudged:
        why = ": that needs real processes, and a core is simulated" if simulated else ""
        console.print(Text(f"No test of this run judges {', '.join(outcome.unjudged)}{why}."))
    if outcome.events:
        console.print(Text("\nWhat happened", "bold"))
        console.print(event_table(outcome.events))
    for verdict in outcome.verdicts:
        if verdict.status == "fail":
            _print_failure(console, verdict)
    if outcome.others:
        others = ", ".join(sorted({charge.breach.requirement for charge in outcome.others}))
        console.print(Text(f"\nSeen on the way, though not selected: breaches of {others}.", "yellow"))
        console.print(Text(printable(story(outcome.others[0]))), soft_wrap=True)


def _referring(verdict: Verdict, problems: tuple[str, ...]) -> Verdict:
    """The same, with reasons that refer to problems instead of repeating them: those are told once, below the table."""
    reasons = []
    for reason in verdict.reasons:
        what, _, why = reason.partition(": ")  # as in "given up: …", "KV-04-blind-puts stopped early: …"
        told = any(problem == why or problem.endswith(f": {why}") for problem in problems)
        reasons.append(f"{what}, see {WHAT_BROKE}" if told else reason)
    return msgspec.structs.replace(verdict, reasons=tuple(dict.fromkeys(reasons)))


def verdict_table(verdicts: tuple[Verdict, ...]) -> Table:
    """A row a requirement: its verdict, how often it was seen to hold, and its sentence or the reason."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("requirement", no_wrap=True)
    table.add_column("level", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("held", justify="right", no_wrap=True)
    table.add_column("what it says", ratio=1)
    for verdict in verdicts:
        requirement = all_requirements()[verdict.requirement]
        table.add_row(
            requirement.id,
            requirement.level,
            Text(_word(verdict), STYLES[verdict.status]),
            str(verdict.held) if verdict.held else "",
            Text("\n".join((requirement.sentence, *_reasons(verdict)))),
        )
    return table


def print_verdict_lines(console: Console, verdicts: tuple[Verdict, ...]) -> None:
    """The same for a terminal that is too narrow for a table: nothing is left out, it takes more lines."""
    for verdict in verdicts:
        requirement = all_requirements()[verdict.requirement]
        held = f", held {verdict.held}" if verdict.held else ""
        head = Text(f"{requirement.id} {requirement.level} ")
        console.print(head + Text(_word(verdict), STYLES[verdict.status]) + Text(held))
        for line in (requirement.sentence, *_reasons(verdict)):
            console.print(Padding(Text(line), (0, 0, 0, 2)))


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    """Why nothing was verified, in a line; else what should be known of how it was seen."""
    if verdict.status in {"inconclusive", "skipped"} and verdict.reasons:
        return (f"{verdict.status}: {printable('; '.join(verdict.reasons[:3]))}",)
    return tuple(printable(remark) for remark in verdict.remarks[:REMARKS])


def event_table(events: dict[str, int]) -> Table:
    """How often each interesting thing happened, those that never did included."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    for name, count in sorted(events.items()):
        table.add_row(str(count), name)
    return table


def conclusion(outcome: Outcome, run: Run) -> str:
    """The last line: what it comes to, in how long, and how to have it again."""
    words = [_word(verdict) for verdict in outcome.verdicts]
    counts = [
        f"{number} {word}"
        for word in ("pass", "fail", "warning", "inconclusive", "skipped")
        if (number := words.count(word))
    ]
    what = CONCLUSIONS.get(outcome.exit_code, "broke")
    schedules = "1 schedule" if outcome.schedules == 1 else f"{outcome.schedules} schedules"
    work = f"{schedules} in {outcome.seconds:.1f} s"
    end = f"seed {run.seed} · exit {outcome.exit_code}"
    verdicts = ", ".join(counts) or "nothing verified"
    where = f"\nhistories: {run.folder}/histories" if outcome.schedules else ""
    return f"\n{what}: {verdicts} · {work} · {end}{where}"


def _word(verdict: Verdict) -> str:
    must = all_requirements()[verdict.requirement].level == "MUST"
    return "warning" if verdict.status == "fail" and not must else verdict.status


def _print_failure(console: Console, verdict: Verdict) -> None:
    word = _word(verdict)
    title = Text(f"\n{word.upper()} ", "bold red" if word == "fail" else "yellow")
    console.print(Text.assemble(title, printable(story(verdict.charges[0]))), soft_wrap=True)
    first, *others = verdict.charges
    for history, count in Counter(charge.history for charge in others).items():
        where = "the same history" if history == first.history else history
        console.print(Text(f"  broken {count} {'time' if count == 1 else 'times'} more in {where}"), soft_wrap=True)

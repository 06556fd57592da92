"""The report of an exploration that a person reads, in the look of `ringcheck run`."""

import textwrap
from typing import Self

from rich.console import Console
from rich.text import Text

from ringcheck.exploring import coverage
from ringcheck.exploring.news import (
    Began,
    Differed,
    Drawn,
    Failed,
    Finding,
    News,
    Outcome,
    Progress,
    SavedTried,
    ShrinkProgress,
)
from ringcheck.exploring.tally import Tally, is_grave, key_of
from ringcheck.exploring.trial import SOURCE
from ringcheck.judging import words
from ringcheck.outcome import BREACH, BROKE, CONFORMS, INCONCLUSIVE, INTERRUPTED
from ringcheck.reports.findings import WITHHELD, commands, row, seed_command, tell_finding, tell_schedule, title
from ringcheck.reports.folding import fold
from ringcheck.reports.pace import Pace, rows
from ringcheck.reports.printable import printable
from ringcheck.reports.terminal import NARROW, event_table, print_verdict_lines, verdict_table

CONCLUSIONS = {
    CONFORMS: "nothing found",
    BREACH: "failures found",
    INCONCLUSIVE: "inconclusive: nothing was verified",
    BROKE: "the core or the environment broke",
    INTERRUPTED: "interrupted; this is what was found until then",
}


class ExplorationReport:
    """Listens to an exploration and prints it. A context manager: leaving it takes the moving line away."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace(console)
        self._began: Began | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pace.stop()

    def heard(self, news: News) -> None:
        """Take something up, and show it."""
        match news:
            case Began():
                self._began = news
                self._header(news)
                self._pace.start()
            case SavedTried(schedules=schedules, alarm=alarm):
                came = f"{title(alarm)} again" if alarm else "none fails any more"
                self._print(f"saved    {words.times(schedules, 'example')} tried first: {came}")
            case Drawn(seed=seed, schedule=schedule, history=history):
                self._print(f"history  {history}", whole=True)
                self._print(f"\nWhat seed {seed} does", "bold")
                self._print("\n".join(tell_schedule(schedule)))
            case Progress(tally=tally, longest=longest):
                self._pace.seeds(tally, longest)
            case Failed(seed=seed, alarm=alarm):
                style = "red" if is_grave(alarm) else "yellow"
                self._print(f"seed {seed}: {title(alarm)}; the story follows at the end", style)
            case Differed(seed=seed):
                self._print(f"seed {seed}: not deterministic", "red")
            case ShrinkProgress(alarm=alarm, tries=tries, steps=steps):
                self._pace.shrinking(title(alarm), tries, steps)
            case Finding():
                pass  # told at the end, below the table
            case Outcome():
                self._pace.stop()
                self._ended(news)

    def _header(self, began: Began) -> None:
        workers = "in this process" if not began.workers or began.single else words.times(began.workers, "worker")
        where = f"seed {began.first}" if began.single else f"seeds from {began.first}"
        budget = [words.times(began.seeds, "seed")] if began.seeds is not None else []
        budget += [f"{began.time_s:g} s"] if began.time_s is not None else []
        parts = [f"ringcheck {began.ringcheck}", "explore", workers, where]
        parts += [] if began.single else [" and ".join(budget) + " at most"]
        self._print(" · ".join(parts), "bold")
        self._print(f"core     {began.core}", whole=True)
        if began.source != SOURCE:
            self._print(f"source   {began.source}", whole=True)
        if began.only:
            self._print(f"only     {', '.join(began.only)}")
        if began.resumed is not None:
            self._print(f"resumed  after {words.times(began.resumed, 'seed')}")
        self._print(f"results  {began.folder}", whole=True)

    def _ended(self, outcome: Outcome) -> None:
        assert self._began is not None
        tally = outcome.tally
        single = self._began.single
        if tally.seeds:
            found = coverage.verdicts(tally, outcome.only, self._began.source)
            found = tuple(each for each in found if not single or each.status != "inconclusive")
            if self._console.width < NARROW:
                print_verdict_lines(self._console, found)
            else:
                self._console.print(verdict_table(found))
        if tally.events:
            self._print("\nWhat happened", "bold")
            self._console.print(event_table(coverage.events(tally)))
        if tally.seeds and not single:
            self._never(outcome)
        if (told := list(rows(tally))) and not single:
            self._print("\nHow fast", "bold")
            self._print("\n".join(f"  {row}" for row in told))
        for finding in outcome.findings:
            self._failure(finding, tally)
        for differed in outcome.differences:
            self._difference(differed)
        self._others(outcome)
        if outcome.problems:
            self._print("\nWhat broke", "bold")
        for problem in outcome.problems:
            self._print(textwrap.indent(problem, "  "), "yellow")
        self._print(conclusion(outcome, resumed=self._began.resumed is not None), "bold")
        self._print(f"histories: {self._began.folder}/histories", "bold", whole=True)

    def _never(self, outcome: Outcome) -> None:
        tally = outcome.tally
        unseen = [*coverage.never_seen(tally), *coverage.never_held(tally, outcome.only)]
        if unseen:
            self._print(f"\nNever seen: {', '.join(unseen)}", "yellow")

    def _failure(self, finding: Finding, tally: Tally) -> None:
        assert self._began is not None
        grave = is_grave(finding.alarm)
        text = tell_finding(finding, tally.groups.get(key_of(finding.alarm)))
        head = f"\n{'FAIL' if grave else 'WARNING'} "
        told = Text(self._folded(head + printable(text)))
        told.stylize("bold red" if grave else "yellow", 0, len(head))
        self._console.print(told, soft_wrap=True)
        for line in commands(finding, self._began):
            self._print(line, whole=WITHHELD not in line)

    def _difference(self, differed: Differed) -> None:
        assert self._began is not None
        self._print("\nNOT DETERMINISTIC", "bold red")
        self._print(
            f"  Seed {differed.seed} was tried twice, and its histories differ from line {differed.line} on.\n"
            "  A core that reads a clock, draws numbers of its own or goes by the order of a set does that."
        )
        once, again = differed.histories
        self._print(row("once", once), whole=True)
        self._print(row("again", again), whole=True)
        self._print(row("the seed again", seed_command(differed.seed, self._began)), whole=True)

    def _others(self, outcome: Outcome) -> None:
        """Causes that are not told, or were by an earlier session, and breaches that nobody asked about."""
        assert self._began is not None
        tally = outcome.tally
        told = {key_of(finding.alarm) for finding in outcome.findings}
        untold = [each for each in tally.groups.values() if each.key not in told and each.seeds]
        beside = tally.untold(outcome.only)
        if untold or beside:
            self._print("\nAlso found", "bold")
        for group in untold:
            again = seed_command(group.seeds[0], self._began)
            self._print(f"  {title(group.alarm)}, {words.times(group.count, 'seed')}: {again}", "yellow", whole=True)
        for name, seed in beside.items():
            count = words.times(tally.broken[name], "seed")
            command = f"{seed_command(seed, self._began)} --only {name}"
            self._print(f"  {name}, beside what broke first in {count}: {command}", "yellow", whole=True)
        unasked = sorted(name for name in tally.broken if outcome.only and name not in outcome.only)
        if unasked:
            self._print(f"\nSeen on the way, though not selected: breaches of {', '.join(unasked)}.", "yellow")
        if tally.uncounted:
            self._print(f"\n{words.times(tally.uncounted, 'more seed')} failed by ever new causes.", "yellow")

    def _print(self, text: str, style: str = "", *, whole: bool = False) -> None:
        """Print prose, or what somebody may want to copy, which has to stay `whole`."""
        text = printable(text)
        self._console.print(Text(text if whole else self._folded(text), style), soft_wrap=True)

    def _folded(self, text: str) -> str:
        """As wide as the terminal; whoever reads a file or a pipe has lines as they are."""
        return fold(text, self._console.width) if self._console.is_terminal else text


def conclusion(outcome: Outcome, *, resumed: bool = False) -> str:
    """The last line but one: what it comes to, in how long, and where to go on."""
    tally = outcome.tally
    what = CONCLUSIONS.get(outcome.exit_code, "broke")
    if outcome.differences and outcome.exit_code == BROKE:
        what = "not deterministic"
    counts = [
        words.times(tally.failing, "failing seed") if tally.failing else "",
        words.times(len(tally.groups), "cause") if tally.groups else "",
        f"{tally.audited} tried twice" if tally.audited else "",
    ]
    seeds = f"{tally.seeds:,} seeds" if tally.seeds != 1 else "1 seed"
    work = ", ".join([seeds, *filter(None, counts)])
    seconds = f"{outcome.seconds:.1f} s" + (" this time" if resumed else "")
    work += " in all" if resumed else ""
    return f"\n{what}: {work} · {seconds} · next seed {outcome.following} · exit {outcome.exit_code}"

"""What a person reads of an exploration, as a snapshot; and that pipes get no escape codes."""

import io
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion
from tests.harness.exploring import parts

from ringcheck.exploring.exploration import explore
from ringcheck.exploring.news import Began, Differed, Failed, Finding, Outcome, Progress, SavedTried, ShrinkProgress
from ringcheck.exploring.options import Options
from ringcheck.exploring.tally import Group, Tally
from ringcheck.exploring.trial import BROKE, SOURCE, Alarm, Result
from ringcheck.reports.exploration import ExplorationReport, conclusion
from ringcheck.reports.findings import commands
from ringcheck.reports.pace import summary
from ringcheck.schedule import CrashAfter, Schedule, Settle, Wipe
from ringcheck.simulation.loading import REFERENCE
from ringcheck.version import __version__

lost = Alarm(requirement="DUR-01", cause="gone", reason="It is gone.")
broke = Alarm(requirement=BROKE, cause="KeyError", reason="The core of n1 failed: KeyError: \x1b[31m'a'")
began = Began(
    ringcheck="VERSION", core=REFERENCE, source=SOURCE, folder="/out/run", first=12, seeds=None, time_s=60.0, workers=2
)


def plain() -> Console:
    """A console that writes into memory, as into a pipe."""
    return Console(file=io.StringIO(), width=100, highlight=False, markup=False, emoji=False)


def text(console: Console) -> str:
    """What was written, without trailing blanks."""
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_whole_exploration(tmp_path: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Header, failure at once, table, events, what was never seen, rates, story, commands, conclusion."""
    monkeypatch.setattr("ringcheck.reports.pace.LINE_EVERY_S", 1e9)
    console = plain()
    with ExplorationReport(console) as report:
        options = Options(
            core=parts.name("forgets"), source=parts.name("source"), first=0, seeds=20, workers=0, out=tmp_path
        )
        explore(options, [report.heard])
    told = text(console).replace(__version__, "VERSION").replace(str(parts.HERE), "PARTS")
    told = re.sub(re.escape(str(tmp_path)) + r"/[\d-]+explore", "RUN", told)
    told = re.sub(r" +[\d.,]+(?=  (?:seeds|simulated|messages|judged))", "  …", told)
    told = re.sub(r"in [\d.]+ s\)|of [\d.]+ CPU|\d+%|· [\d.]+ s ·", "…", told)
    assert told == snapshot


def test_a_narrow_terminal_gets_folded_lines(tmp_path: Path) -> None:
    """Nothing is wider than it but a line to be copied, or a word, and no word is broken."""
    console = Console(file=io.StringIO(), width=40, force_terminal=True, highlight=False, markup=False, emoji=False)
    with ExplorationReport(console) as report:
        cores = parts.name("forgets"), parts.name("raises"), parts.name("dice")
        for place, core in enumerate(cores):
            more = Options(core=core, source=parts.name("source"), workers=0, out=tmp_path / str(place), audit=1.0)
            explore(msgspec.structs.replace(more, first=0, seeds=20), [report.heard])
            explore(msgspec.structs.replace(more, seed=7), [report.heard])
    told = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", text(console))
    wide = [line for line in told.splitlines() if len(line) > 40 and len(line.split()) > 1]
    copied = re.compile(rf"ringcheck |{re.escape(str(tmp_path))}|{re.escape(str(parts.HERE))}")
    assert [line for line in wide if not copied.search(line)] == []
    assert "FAIL DUR-01" in told
    assert "NOT DETERMINISTIC" in told
    assert "The core failed" in told


def test_differences_problems_and_lost_workers_are_told(snapshot: SnapshotAssertion) -> None:
    """What has no history to tell it; escape codes from outside are made harmless."""
    console = plain()
    with ExplorationReport(console) as report:
        report.heard(msgspec.structs.replace(began, resumed=40, only=("DUR-01",), seeds=10))
        report.heard(SavedTried(schedules=2, alarm=None))
        report.heard(Failed(seed=9, alarm=broke, history=""))
        differed = Differed(seed=13, line=4, histories=("/out/one.jsonl", "/out/other.jsonl"))
        report.heard(differed)
        tally = Tally(
            seeds=1_234,
            failing=3,
            held={"DUR-01": 8},
            broken={"SIB-01": 1},
            profiles=["describe", "kv"],
            groups={
                "broke: KeyError": Group(alarm=broke, count=2, seeds=[9, 10], lost=True),
                "DUR-01: gone": Group(alarm=lost, count=1, seeds=[5]),
            },
        )
        report.heard(
            Outcome(
                tally=tally,
                findings=(Finding(seed=9, alarm=broke),),
                differences=(differed,),
                problems=("A worker could not be kept.",),
                only=("DUR-01",),
                following=1_300,
                seconds=61.5,
                exit_code=1,
            )
        )
    assert "\x1b" not in text(console)
    assert text(console) == snapshot


def test_what_failed_beside_something_else_stands_under_also_found() -> None:
    """With a command that tells its story."""
    console = plain()
    tally = Tally()
    beside = msgspec.structs.replace(lost, requirement="KV-14")
    tally.add(Result(seed=5, alarms=(lost, beside)), lost)
    with ExplorationReport(console) as report:
        report.heard(began)
        finding = Finding(seed=5, alarm=lost)
        report.heard(Outcome(tally=tally, findings=(finding,), following=6, seconds=1.0, exit_code=1))
    also = text(console).partition("Also found")[2]
    assert re.search(r"KV-14, beside what broke first in 1 seed: ringcheck explore .*--seed 5 --only KV-14\n", also)


def test_a_terminal_sees_a_moving_line() -> None:
    """It is renewed by seeds and by shrinking, and taken away at the end."""
    console = Console(file=io.StringIO(), width=200, force_terminal=True, highlight=False)
    with ExplorationReport(console) as report:
        report.heard(began)
        report.heard(Progress(tally=Tally(seeds=1_234, seconds=10.0, running_s=2.0, messages=100, failing=1)))
        report._pace._live.refresh()  # type: ignore[union-attr]
        report.heard(ShrinkProgress(alarm=lost, tries=7, steps=3))
        report._pace._live.refresh()  # type: ignore[union-attr]
    said = text(console)
    assert "1,234 seeds · 123.4/s" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    assert "shrinking (DUR-01): 7 tries, 3 steps left" in said
    assert "1 failure ·" in said


def test_elsewhere_a_line_comes_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not more often than every few seconds, and without escape codes."""
    console = plain()
    with ExplorationReport(console) as report:
        report.heard(began)
        before = text(console)
        report.heard(Progress(tally=Tally(seeds=1)))
        assert text(console) == before
        monkeypatch.setattr("ringcheck.reports.pace.LINE_EVERY_S", 0.0)
        report.heard(Progress(tally=Tally(seeds=2)))
        assert text(console).endswith("2 seeds · 0 failures · 0 s")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            CrashAfter(node="n1", effects=2),
            "not offered, since no live cluster can be made to do this: n1 dying between two effects",
        ),
        (Wipe(("n2",)), "ringcheck replay '/out/a b.jsonl' --live [-- COMMAND … {config}]"),
    ],
)
def test_real_processes_are_offered_where_they_can_do_it(step: Wipe | CrashAfter, words: str) -> None:
    """Else it is said why not."""
    schedule = Schedule(name="s", namespace="n", steps=(step, Settle()))
    finding = Finding(seed=5, alarm=lost, schedule=schedule, history="/out/a b.jsonl")
    rows = list(commands(finding, msgspec.structs.replace(began, core="my core.py")))
    assert any(row.startswith("  on real processes") and row.endswith(words) for row in rows)
    assert "ringcheck check '/out/a b.jsonl'" in rows[0]
    assert rows[-1].endswith("ringcheck explore --core 'my core.py' --seed 5")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "nothing found: "),
        (1, "failures found: "),
        (3, "inconclusive: nothing was verified"),
        (4, "the core or the environment broke: "),
        (130, "interrupted; this is what was found until then: "),
    ],
)
def test_the_last_line_says_what_it_comes_to(code: int, words: str) -> None:
    """Exit code, time and where to go on stand in it."""
    outcome = Outcome(tally=Tally(seeds=1), following=8, seconds=2.0, exit_code=code)
    line = conclusion(outcome).strip()
    assert line.startswith(words)
    assert f"1 seed · 2.0 s · next seed 8 · exit {code}" in line
    again = conclusion(outcome, resumed=True)
    assert "1 seed in all · 2.0 s this time · next" in again


def test_a_seed_that_takes_long_is_named() -> None:
    """Others are too quick to be named."""
    assert "seed" not in summary(Tally(), (12, 0.3)).partition("0 seeds")[2]
    assert summary(Tally(), (12, 31.4)).endswith(" · at seed 12 for 31 s")

"""What a person reads, as snapshots; and that pipes get no escape codes."""

import io

import msgspec
import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from ringcheck.engine import Options, Run
from ringcheck.events import CaseBegan, CaseEnded, Collected, Progress, ScheduleBegan, TargetBroke
from ringcheck.judging.verdict import Verdict
from ringcheck.outcome import BROKE, CONFORMS, INCONCLUSIVE, INTERRUPTED, Outcome
from ringcheck.reports.progress import ProgressReport
from ringcheck.reports.terminal import TerminalReport, conclusion, print_outcome
from ringcheck.version import __version__


def plain() -> Console:
    """A console that writes into memory, as into a pipe."""
    return Console(file=io.StringIO(), width=100, highlight=False, markup=False, emoji=False)


def text(console: Console) -> str:
    """What was written, without trailing blanks."""
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_whole_run(outcome: Outcome, run: Run, snapshot: SnapshotAssertion) -> None:
    """Title, table, events, stories, warnings, problems, conclusion."""
    console = plain()
    report = TerminalReport(console)
    report.began(run)
    report.ended(outcome)
    assert text(console).replace(__version__, "VERSION") == snapshot


def test_where_a_core_is_simulated_it_is_said_why_nothing_was_judged(outcome: Outcome, run: Run) -> None:
    """What has no test there has one on real processes."""
    console = plain()
    report = TerminalReport(console)
    report.began(msgspec.structs.replace(run, options=Options(core="mine")))
    report.ended(outcome)
    assert "judges DUR-03, MEM-01: that needs real processes, and a core is simulated." in text(console)


def test_one_node_is_one_node(run: Run) -> None:
    """And one worker is one."""
    console = plain()
    TerminalReport(console).began(msgspec.structs.replace(run, options=Options(nodes=1, workers=1)))
    assert "· 1 node · 1 worker · seed 42" in text(console)


def test_a_narrow_terminal_is_told_as_much(outcome: Outcome) -> None:
    """Forty columns: no table, but every verdict with its sentence and its reason."""
    console = Console(file=io.StringIO(), width=40, highlight=False, markup=False, emoji=False)
    print_outcome(console, outcome)
    told = " ".join(text(console).split())
    assert "KV-01 MUST pass, held 52 Get of a key never written returns OK with no values." in told
    assert "AE-02 MUST skipped" in told
    assert "skipped: the target does not declare inspect" in told
    assert max(map(len, text(console).split("What happened")[0].splitlines())) <= 40


def test_no_escape_codes_outside_a_terminal(outcome: Outcome, run: Run) -> None:
    """Even what a node or a worker wrote in colours comes out plain."""
    console = plain()
    report = TerminalReport(console)
    report.began(run)
    report.ended(outcome)
    assert "\x1b" not in text(console)


def test_a_terminal_sees_colours_and_a_moving_picture(outcome: Outcome, run: Run) -> None:
    """On a terminal the picture is taken away at the end."""
    console = Console(file=io.StringIO(), width=100, force_terminal=True, highlight=False)
    report = TerminalReport(console)
    report.began(run)
    report.heard(Collected(time=0.0, worker="gw0", tests=3, requirements=()))
    report.ended(outcome)
    assert "\x1b[" in text(console)
    assert "0/3 tests" in text(console)


def test_where_nothing_was_seen_only_what_broke_is_told(outcome: Outcome, run: Run) -> None:
    """A target that never starts is one sentence, not a table of open verdicts with the same sentence in each."""
    blind = msgspec.structs.replace(
        outcome,
        verdicts=outcome.verdicts[3:4],
        others=(),
        problems=("Node n1 ended; it wrote:\nno luck",),
        exit_code=BROKE,
    )
    console = plain()
    report = TerminalReport(console)
    report.ended(blind)
    assert text(console) == "\nWhat broke\n  Node n1 ended; it wrote:\n  no luck"


@pytest.mark.parametrize("width", [100, 40])
def test_what_broke_is_told_once(outcome: Outcome, width: int) -> None:
    """However many requirements are open for its sake: their rows refer to it."""
    long, path = "Node n1 ended; it wrote:\nno luck\nat all", "histories/a.jsonl"
    reasons = (f"KV-04-a stopped early: {long}", f"DUR-01-b stopped early: {long}", "nothing was superseded: too few")
    broken = tuple(
        Verdict(requirement=name, status="inconclusive", reasons=because)
        for name, because in (("KV-03", reasons), ("SIB-02", (f"given up: {long}",)), ("SIB-01", ("given up: no",)))
    )
    for problem in (long, f"{path} broke off: {long}"):  # as `ringcheck run` has it, and `ringcheck check`
        console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
        verdicts = (*outcome.verdicts[:1], *broken)
        print_outcome(console, msgspec.structs.replace(outcome, verdicts=verdicts, problems=(problem,)))
        told = " ".join(text(console).split())
        assert told.count("no luck") == 1
        assert "KV-04-a stopped early, see What broke; DUR-01-b stopped early, see What broke; nothing was" in told
        assert "inconclusive: given up, see What broke" in told
        assert "inconclusive: given up: no" in told


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (CONFORMS, "conforms: 1 pass, 1 fail, 1 warning, "),
        (INCONCLUSIVE, "inconclusive: "),
        (BROKE, "the target or the environment broke: "),
        (INTERRUPTED, "interrupted; this is what was found until then: "),
    ],
)
def test_the_last_line_says_what_it_comes_to(outcome: Outcome, run: Run, code: int, words: str) -> None:
    """Exit code, seed and time stand in it."""
    line = conclusion(msgspec.structs.replace(outcome, exit_code=code), run).strip()
    assert line.startswith(words)
    assert f"5 schedules in 12.3 s · seed 42 · exit {code}" in line


def test_nothing_verified_is_said(run: Run) -> None:
    """An outcome without verdicts does not end in an empty list."""
    assert conclusion(Outcome(), run).strip().startswith("inconclusive: nothing verified · 0 schedules")


def test_progress_counts_and_names_what_each_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe a line comes now and then; it tells how far the run is and what is going on."""
    monkeypatch.setattr("ringcheck.reports.progress.LINE_EVERY_S", 0.0)
    console = plain()
    with ProgressReport(console) as progress:
        progress.heard(Collected(time=0.0, worker="gw0", tests=2, requirements=("KV-04",)))
        progress.heard(CaseBegan(time=0.0, worker="gw0", test="a.py::test_requirement[KV-04]", requirements=()))
        progress.heard(ScheduleBegan(time=0.0, worker="gw0", test="", schedule="KV-04-blind-puts", history=""))
        progress.heard(Progress(time=0.0, worker="gw0", text="n1 killed"))
        progress.heard(Progress(time=0.0, worker="gw0", text="settling"))
        progress.heard(CaseEnded(time=0.0, worker="gw0", test="", requirements=(), result="passed"))
        progress.heard(TargetBroke(time=0.0, worker="gw0", reason="Node n1 died.", fatal=False))
    lines = [line.replace(", 0 s", "").replace(", about 0 s to go", "").rstrip() for line in text(console).splitlines()]
    assert lines == [
        "0/2 tests  workers are starting",
        "0/2 tests  gw0 test_requirement[KV-04]",
        "0/2 tests  gw0 KV-04-blind-puts",
        "0/2 tests  gw0 KV-04-blind-puts: n1 killed",
        "0/2 tests  gw0 KV-04-blind-puts: settling",
        "1/2 tests",
        "Node n1 died.",
        "1/2 tests",
    ]


def test_how_long_it_may_take_is_told_once_that_can_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By those that have ended, when they are enough of all."""
    now = 100.0
    monkeypatch.setattr("ringcheck.reports.progress.time.monotonic", lambda: now)
    with ProgressReport(plain()) as progress:
        progress.heard(Collected(time=0.0, worker="gw0", tests=10, requirements=("KV-04",)))
        assert progress.summary() == "0/10 tests, 0 s  workers are starting"
        for ended, seconds, said in ((1, 4.0, ""), (2, 10.0, ", about 40 s to go"), (10, 50.0, "")):
            while progress._ended < ended:
                progress.heard(CaseEnded(time=0.0, worker="gw0", test="", requirements=(), result="passed"))
            now = 100.0 + seconds
            assert progress.summary() == f"{ended}/10 tests, {seconds:.0f} s{said}"

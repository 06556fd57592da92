"""The engine, with small suites of tests in place of the properties: isolation, events, exit codes, and clean ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ringcheck import engine
from ringcheck.engine import Options, Run, processes_of, run
from ringcheck.errors import TargetError, UsageError
from ringcheck.events import CaseEnded, Event
from ringcheck.outcome import BREACH, BROKE, CONFORMS, INCONCLUSIVE, INTERRUPTED, Outcome

PRELUDE = """
import os, sys, time
from pathlib import Path
import pytest
from ringcheck.events import ScheduleEnded, TargetBroke, now
from ringcheck.judging.verdict import Breach, Finding, Judgement
from ringcheck.plugin import LOG, worker_name

PROFILES = ("kv", "describe", "ring", "inspect", "peer")

def say(request, requirement, breaches=()):
    finding = Finding(requirement=requirement, held=0 if breaches else 1, breaches=breaches)
    judgement = Judgement(schedule="s", profiles=PROFILES, findings={requirement: finding})
    request.config.stash[LOG].write(ScheduleEnded(
        time=now(), worker=worker_name(request.config), test=request.node.nodeid, history="h.jsonl", seconds=0.0,
        judgement=judgement,
    ))
"""
HOLDS = """
@pytest.mark.requirement("KV-01")
def test_holds(request):
    say(request, "KV-01")
"""
BREAKS = """
@pytest.mark.requirement("KV-04")
def test_breaks(request):
    say(request, "KV-04", (Breach(requirement="KV-04", expected="both", actual="one"),))
    pytest.fail("the story", pytrace=False)
"""
DEADLINE_S = 30.0


class Recorder:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []

    def began(self, run: Run) -> None:
        """A run begins."""
        self.runs.append(run)

    def heard(self, event: Event) -> None:
        """Something happened."""
        self.events.append(event)

    def ended(self, outcome: Outcome) -> None:
        """It is over."""
        self.outcomes.append(outcome)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does, no process of its run may be left at its end."""
    markers: list[str] = []
    environment = engine.environment

    def noted(marker: str) -> dict[str, str]:
        markers.append(marker)
        return environment(marker)

    monkeypatch.setattr(engine, "environment", noted)
    yield
    assert [pid for marker in markers for pid in processes_of(marker)] == []


def options(folder: Path, *tests: str, workers: int = 0, only: tuple[str, ...] = ()) -> Options:
    """Options for a suite of these tests."""
    suite = folder / "suite"
    suite.mkdir()
    path = suite / "test_suite.py"
    path.write_text(PRELUDE + "".join(textwrap.dedent(test) for test in tests))
    return Options(
        tests=(str(path),),
        workers=workers,
        only=only,
        out=folder / "out",
        seed=7,
        directory=folder,
        toxiproxy="embedded",
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_tells_what_happens_and_what_came_of_it(tmp_path: Path, workers: int) -> None:
    """With workers and without, listeners hear of each test, and the summary holds options, seed and verdicts."""
    heard = Recorder()
    outcome = run(options(tmp_path, HOLDS, workers=workers), [heard])
    assert outcome.exit_code == CONFORMS
    assert [verdict.status for verdict in outcome.verdicts] == ["pass"]
    assert heard.outcomes == [outcome]
    assert [event.result for event in heard.events if isinstance(event, CaseEnded)] == ["passed"]
    folder = heard.runs[0].folder
    assert (tmp_path / "out" / "latest").resolve() == folder
    summary = msgspec.json.decode((folder / "run.json").read_bytes())
    assert summary["run"]["seed"] == 7
    assert summary["outcome"]["exit_code"] == 0


def test_a_breach_is_1(tmp_path: Path) -> None:
    """The exit code comes from verdicts."""
    outcome = run(options(tmp_path, HOLDS, BREAKS))
    assert outcome.exit_code == BREACH
    assert outcome.problems == ()
    assert {verdict.requirement: verdict.status for verdict in outcome.verdicts} == {"KV-01": "pass", "KV-04": "fail"}


def test_only_leaves_other_tests_out(tmp_path: Path) -> None:
    """What was not selected is not run, and breaks nothing."""
    heard = Recorder()
    outcome = run(options(tmp_path, HOLDS, BREAKS, only=("KV-01",)), [heard])
    assert outcome.exit_code == CONFORMS
    assert sum(isinstance(event, CaseEnded) for event in heard.events) == 1


def test_nothing_collected_is_3(tmp_path: Path) -> None:
    """A requirement without a test is not judged, and nothing verified is no pass."""
    outcome = run(options(tmp_path, HOLDS, only=("DUR-03",)))
    assert outcome.exit_code == INCONCLUSIVE
    assert outcome.unjudged == ("DUR-03",)
    assert outcome.problems == ()


def test_the_users_folder_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a conftest, a pytest.ini, a json.py nor settings in the environment change a run."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "conftest.py").write_text("raise RuntimeError('a conftest')")
    (home / "json.py").write_text("raise RuntimeError('a json')")
    (home / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\nfilterwarnings = error\n")
    monkeypatch.chdir(home)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    outcome = run(options(tmp_path, HOLDS, workers=1))
    assert outcome.problems == ()
    assert outcome.exit_code == CONFORMS


def test_a_worker_that_crashes_is_4(tmp_path: Path) -> None:
    """A lost worker is told, and the rest still counts."""
    crash = """
    @pytest.mark.requirement("KV-02")
    def test_crashes(request):
        os._exit(9)
    """
    outcome = run(options(tmp_path, HOLDS, crash, workers=2))
    assert outcome.exit_code == BROKE
    assert any("ended unexpectedly" in problem for problem in outcome.problems)
    assert {verdict.requirement: verdict.status for verdict in outcome.verdicts} == {
        "KV-01": "pass",
        "KV-02": "inconclusive",
    }


@pytest.mark.parametrize("workers", [0, 1])
def test_a_suite_that_cannot_be_imported_is_4(tmp_path: Path, workers: int) -> None:
    """A broken test module is a problem with its reason, not a run that found nothing."""
    outcome = run(options(tmp_path, HOLDS, "import no_such_module", workers=workers))
    assert outcome.exit_code == BROKE
    assert "no_such_module" in outcome.problems[0]


def test_pytest_that_cannot_start_is_4(tmp_path: Path) -> None:
    """What pytest says before it dies is passed on."""
    outcome = run(msgspec.structs.replace(options(tmp_path, HOLDS), tests=("--no-such-option",)))
    assert outcome.exit_code == BROKE
    assert "--no-such-option" in outcome.problems[0]


def test_a_target_that_is_unusable_ends_the_run_at_once(tmp_path: Path) -> None:
    """After a fatal failure nobody waits for the tests under way."""
    breaks = """
    def test_breaks(request):
        request.config.stash[LOG].write(TargetBroke(time=now(), worker="main", reason="Node n1 never got healthy."))
        time.sleep(60)
    """
    outcome = run(options(tmp_path, breaks))
    assert outcome.exit_code == BROKE
    assert outcome.problems == ("Node n1 never got healthy.",)
    assert outcome.seconds < DEADLINE_S


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"only": ("KV-99",)}, UsageError, "KV-99"),
        ({"nodes": 0}, UsageError, "--nodes"),
        ({"command": ("node", "--port", "1")}, UsageError, "{config}"),
        ({"toxiproxy": "/no/such/server"}, UsageError, "/no/such/server"),
        ({"command": ("/no/such/node", "{config}")}, TargetError, "/no/such/node"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(
    tmp_path: Path, change: dict[str, object], error: type[Exception], words: str
) -> None:
    """What cannot work is said at once, and leaves no results folder."""
    with pytest.raises(error, match=words.replace("{", r"\{")):
        run(msgspec.structs.replace(options(tmp_path, HOLDS), **change))
    assert not (tmp_path / "out").exists()


WAITS = """
@pytest.mark.requirement("KV-02")
@pytest.mark.parametrize("number", range(2))
def test_waits(request, number):
    Path(os.environ["WAITING"], f"{number}").touch()
    time.sleep(60)
"""


@pytest.fixture
def waiting_run(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A run in a process of its own, whose two workers are in the midst of a test; and its mark."""
    chosen = options(tmp_path, HOLDS, WAITS, workers=2)
    (tmp_path / "waiting").mkdir()
    program = f"""
        import pathlib, secrets, sys
        from ringcheck.engine import Options, run
        secrets.token_hex = lambda _: "mark-{tmp_path.name}"
        options = Options(tests={chosen.tests!r}, workers=2, out=pathlib.Path({str(chosen.out)!r}), seed=7)
        sys.exit(run(options).exit_code)
    """
    env = {**os.environ, "WAITING": str(tmp_path / "waiting")}
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env=env, text=True) as runner:
        deadline = time.monotonic() + DEADLINE_S
        while len(list((tmp_path / "waiting").iterdir())) < 2:
            assert runner.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        try:
            yield runner, f"mark-{tmp_path.name}"
        finally:
            runner.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_order(
    waiting_run: tuple["subprocess.Popen[str]", str], number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM stop everything, keep what was found, and end with 130."""
    runner, mark = waiting_run
    assert len(processes_of(mark)) == 3
    runner.send_signal(number)
    assert runner.wait(DEADLINE_S) == INTERRUPTED
    assert processes_of(mark) == []
    summary = msgspec.json.decode((tmp_path / "out" / "latest" / "run.json").read_bytes())
    found = {verdict["requirement"]: verdict["status"] for verdict in summary["outcome"]["verdicts"]}
    assert found == {"KV-01": "pass", "KV-02": "inconclusive"}


def test_nothing_outlives_a_killed_run(waiting_run: tuple["subprocess.Popen[str]", str]) -> None:
    """After SIGKILL of the runner, pytest and its workers are gone within five seconds."""
    runner, mark = waiting_run
    assert len(processes_of(mark)) == 3
    runner.kill()
    runner.wait(DEADLINE_S)
    deadline = time.monotonic() + 5
    while processes_of(mark):
        assert time.monotonic() < deadline
        time.sleep(0.02)

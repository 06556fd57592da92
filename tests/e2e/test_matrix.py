"""The kill matrix: a sample of it is hunted anew, and what a simulation finds is true of real processes."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ringcheck.exploring.trial import Trials
from ringcheck.judging import judge
from ringcheck.schedule import Schedule, beyond_live
from ringcheck.simulation.loading import REFERENCE
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld

MUTANTS = Path(__file__).parents[1] / "mutants"
SHORT = 15

QUICK = ("20", "52", "58")
"""Killed and shrunk within seconds."""

LIVE = {"7": "SIB-02", "17": "KV-04", "18": "KV-05", "30": "SIB-02"}
"""What real processes break that carry out the schedule below `tests/mutants/live`, which shrinking has left."""


class Killed(msgspec.Struct):
    """As much of a kill as matters here."""

    seed: int
    actual: str


class Hunted(msgspec.Struct):
    """As much of a hunt as matters here."""

    requirement: str
    kills: tuple[Killed, ...]
    survived: tuple[int, ...]
    schedule: Schedule


@pytest.mark.parametrize("name", QUICK)
def test_a_mutant_is_hunted_down(name: str) -> None:
    """It is killed from two first seeds on and shrunk; the reference goes through the same seeds without an alarm."""
    command = [sys.executable, str(MUTANTS / "killing.py"), name, "--seeds", "2", "--budget", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    hunted = msgspec.json.decode(done.stdout, type=Hunted)
    assert hunted.survived == ()
    assert len(hunted.schedule.steps) <= SHORT
    honest = Trials(REFERENCE)
    assert honest.carry_out(hunted.schedule)[0].alarms == ()
    for kill in hunted.kills:
        assert kill.actual
        assert hunted.requirement not in [alarm.requirement for alarm in honest(kill.seed).alarms]


def breaches(schedule: Schedule, path: Path, *command: str) -> set[str]:
    """What real processes break with a schedule."""
    target = Target.from_command([sys.executable, *command, "{config}"] if command else None)
    with LiveWorld(target, toxiproxy="embedded") as world:
        findings = judge(world.carry_out(schedule, path)).findings
    return {name for name, finding in findings.items() if finding.breaches}


@pytest.mark.parametrize(("name", "requirement"), LIVE.items())
def test_a_shrunk_schedule_kills_real_processes(name: str, requirement: str, tmp_path: Path) -> None:
    """Every operation waits for its answer, so a live run ends as the simulated one; the reference keeps its word."""
    schedule = msgspec.json.decode((MUTANTS / "live" / f"{name}.json").read_bytes(), type=Schedule)
    assert not beyond_live(schedule)
    assert all(operation.wait for operation in schedule.operations())
    assert requirement in breaches(schedule, tmp_path / "mutant.jsonl", str(MUTANTS / "node.py"), name)
    assert breaches(schedule, tmp_path / "honest.jsonl") == set()

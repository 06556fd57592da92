"""Planted bugs: each is found, and charged to the requirement that forbids it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Command, Program


KILLED_BY = {
    "1": "DUR-04",
    "17": "KV-04",
    "18": "KV-05",
    "23": "AVL-05",
    "24": "RNG-01",
    "26": "AVL-03",
    "30": "SIB-03",
    "41": "HND-04",
    "67": "DUR-02",
    "C1": "AE-02",
    "C2": "DUR-01",
    "H1": "DUR-03",
    "H4": "DUR-04",
}


@pytest.mark.parametrize(("name", "requirement"), KILLED_BY.items())
def test_a_mutant_is_killed(program: "Program", mutant: "Command", name: str, requirement: str) -> None:
    """Scripted examples alone suffice: exit 1, the requirement among the failures, its story, its history."""
    done = program("run", "--only", requirement, "--schedules", "0", "--seed", "11", "-n", "1", *mutant(name))
    assert done.returncode == 1, done.stdout + done.stderr
    assert program.statuses()[requirement] == "fail"
    assert f"FAIL {requirement} (MUST)" in done.stdout
    (verdict,) = (each for each in program.outcome()["verdicts"] if each["requirement"] == requirement)
    history = verdict["charges"][0]["history"]
    assert f"ringcheck check {history}" in done.stdout
    again = program("check", history)
    assert again.returncode == 1, again.stdout + again.stderr
    assert requirement in again.stdout


def test_a_breach_is_found_again_by_replaying_its_history(program: "Program", mutant: "Command") -> None:
    """The history holds the schedule and the target: `replay` needs nothing else."""
    assert program("run", "--only", "KV-04", "-n", "0", *mutant("17")).returncode == 1
    (history,) = (program.results / "histories").iterdir()
    again = program("replay", str(history))
    assert again.returncode == 1, again.stdout + again.stderr
    assert "broken again: KV-04" in again.stdout


@pytest.mark.parametrize("name", ["forwards-twice", "any-incarnation", "stream-ends", "node-ends", "takes-anything"])
def test_a_bug_in_listening_to_peers_is_found(program: "Program", listener: "Command", name: str) -> None:
    """What stands on the wire is tried on real processes: PEER-02 fails, and its history shows it again."""
    done = program("run", "--only", "PEER-02", "--schedules", "0", "--seed", "11", "-n", "0", *listener(name))
    assert done.returncode == 1, done.stdout + done.stderr
    assert program.statuses() == {"PEER-02": "fail"}
    (verdict,) = program.outcome()["verdicts"]
    again = program("check", verdict["charges"][0]["history"])
    assert again.returncode == 1, again.stdout + again.stderr

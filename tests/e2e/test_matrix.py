"""The kill matrix: what a simulation finds is true of real processes."""

import sys
from pathlib import Path

import msgspec
import pytest

from ringcheck.judging import judge
from ringcheck.schedule import Schedule, beyond_live
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld

MUTANTS = Path(__file__).parents[1] / "mutants"
LIVE = {"7": "SIB-02", "17": "KV-04", "18": "KV-05", "30": "SIB-02"}
"""What real processes break that carry out the schedule below `tests/mutants/live`, which shrinking has left."""


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

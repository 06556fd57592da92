"""The kill matrix: what a simulation finds is true of real processes."""

import sys
from pathlib import Path

import msgspec
import pytest

from ringcheck.judging import judge
from ringcheck.schedule import Schedule, beyond_live
from ringcheck.target import Target
from ringcheck.worlds.live import LiveWorld
from ringcheck_properties.registry import Example, all_examples

MUTANTS = Path(__file__).parents[1] / "mutants"
LIVE = {"7": "SIB-02", "17": "KV-04", "18": "KV-05", "30": "SIB-02"}
"""What real processes break that carry out the schedule below `tests/mutants/live`, which shrinking has left."""
NODES, SEED = 5, 11

ALONE = {
    "9": ("DUR-01", "DUR-01-a-write-that-cannot-be-acknowledged"),
    "45": ("DUR-01", "DUR-01-what-stand-ins-hold-is-big"),
    "H6": ("MEM-02", "MEM-02-a-joiner-that-leaves-at-once"),
}
"""What real processes break in one scripted example, of requirements that have many."""


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


def example(name: str) -> Example:
    """The scripted example of this name."""
    return next(each for each in all_examples() if each.name == name)


def test_who_gives_away_too_early_is_found_on_a_mixed_cluster(tmp_path: Path) -> None:
    """The target sends partitions to the reference, which joins, and does not wait until it has confirmed them."""
    schedule = example("MEM-02-the-link-is-cut-in-mid-transfer").mixed(NODES, SEED)
    assert breaches(schedule, tmp_path / "mutant.jsonl", str(MUTANTS / "node.py"), "44") == {"PEER-01"}


def test_who_reaps_alone_is_found_by_what_is_written_again(tmp_path: Path) -> None:
    """Keys whose tombstones are reaped begin anew, and deletes that have seen nothing but the old take the new."""
    schedule = example("kv679-reaped-clock").schedule(NODES, SEED)
    assert "KV-08" in breaches(schedule, tmp_path / "mutant.jsonl", str(MUTANTS / "node.py"), "5R")


@pytest.mark.parametrize(("name", "requirement", "told"), [(name, *rest) for name, rest in ALONE.items()])
def test_one_example_kills_real_processes(name: str, requirement: str, told: str, tmp_path: Path) -> None:
    """It takes no simulation to find them, whatever language a node is written in."""
    schedule = example(told).schedule(NODES, SEED)
    assert requirement in breaches(schedule, tmp_path / "mutant.jsonl", str(MUTANTS / "node.py"), name)

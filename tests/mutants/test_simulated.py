"""Mutants in the simulated world: each has its bug, the reference beside it in the same process has none."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ringcheck.exploring.trial import Trials
from ringcheck.schedule import Configuration, Delete, Elapse, Put, Schedule, Settle
from ringcheck.simulation.loading import REFERENCE, load
from ringcheck_properties.registry import AMPLE, all_examples

HERE = Path(__file__).parent
KITS = str(HERE / "simulated.py")
SHORT = 15
SAMPLE = ("26", "20", "58", "67", "41")
"""A quorum, versions, a tree, a crash and a change of members; each is killed and shrunk within seconds."""
TOLD = {
    "7": "SIB-02-each-one-read-behind",
    "9": "DUR-01-a-write-that-cannot-be-acknowledged",
    "24": "RNG-01-all-agree-on-the-ring",
    "41": "HND-04-a-hint-for-a-node-that-leaves",
    "44": "MEM-02-the-link-is-cut-in-mid-transfer",
    "45": "DUR-01-what-stand-ins-hold-is-big",
    "H6": "MEM-02-a-joiner-that-leaves-at-once",
}
"""Scripted examples that were made so that a bug does not outlive them, whatever the seed."""
CHANCES = 8
"""So many seeds of the world, of which a schedule needs one: its messages may come in another order by now."""


class Killed(msgspec.Struct):
    """As much of a kill as matters here."""

    seed: int
    actual: str


class Hunted(msgspec.Struct):
    """As much of a hunt of today as matters here."""

    requirement: str
    kills: tuple[Killed, ...]
    survived: tuple[int, ...]
    schedule: Schedule


class Found(msgspec.Struct):
    """As much of a hunt as matters here."""

    name: str
    requirement: str
    schedule: Schedule


def bugs() -> dict[str, str]:
    """The requirement that must find each bug, by its name, as the README says it."""
    rows = re.findall(r"^\| (\w+) \| .+? \| ([A-Z]+-\d\d) \|$", (HERE / "README.md").read_text(), re.MULTILINE)
    return dict(rows)


def kept() -> Iterator[Found]:
    """The smallest schedules that hunts have left."""
    for file in sorted((HERE / "hunts").glob("*.json")):
        if file.stem in bugs():
            yield msgspec.json.decode(file.read_bytes(), type=Found)


def seeded(schedule: Schedule) -> Iterator[Schedule]:
    """The schedule in its own world, and in others."""
    yield schedule
    yield from (msgspec.structs.replace(schedule, seed=schedule.seed + chance) for chance in range(1, CHANCES))


@pytest.mark.parametrize("found", [pytest.param(each, id=each.name) for each in kept()])
def test_the_shortest_schedule_kills_and_harms_nobody_else(found: Found) -> None:
    """It is short, breaks the requirement of the bug in the mutant, and nothing in the reference."""
    assert found.requirement == bugs()[found.name]
    assert len(found.schedule.steps) <= SHORT
    mutant, honest = Trials(f"{KITS}:bug_{found.name}"), Trials(REFERENCE)
    fails = mutant.fails_alike(found.requirement)
    killing = next((schedule for schedule in seeded(found.schedule) if fails(schedule)), None)
    assert killing is not None
    assert honest.carry_out(killing)[0].alarms == ()


@pytest.mark.parametrize(("name", "example"), TOLD.items())
def test_a_scripted_example_kills_for_certain(name: str, example: str) -> None:
    """With every seed it breaks the requirement of the bug in the mutant, and nothing in the reference."""
    (told,) = (each for each in all_examples() if each.name == example)
    fails, honest = Trials(f"{KITS}:bug_{name}").fails_alike(bugs()[name]), Trials(REFERENCE)
    for seed in range(3):
        schedule = told.schedule(AMPLE, seed)
        assert fails(schedule)
        assert honest.try_out(schedule).alarms == ()


def test_every_bug_has_a_short_schedule() -> None:
    """What has been hunted is what there is to hunt."""
    assert {found.name for found in kept()} == bugs().keys()


REBORN = Schedule(
    name="reborn",
    namespace="reborn",
    configuration=Configuration(nodes=4, tombstone_lifetime_ms=6_000),
    steps=(
        Put(id=1, node="n1", key="a", value="old"),
        Delete(id=2, node="n1", key="a", context=1),
        Elapse(seconds=15.0),
        Put(id=3, node="n1", key="a", value="new"),
        Delete(id=4, node="n1", key="a", context=1),
        Settle(),
    ),
)
"""A key is deleted, reaped, and written again; then comes a delete that has seen the old version alone."""


def test_a_key_that_was_reaped_counts_on() -> None:
    """Where counters restart at zero with the same actor, whoever has seen an old version has seen the new one too."""
    mutant, honest = Trials(f"{KITS}:bug_5R"), Trials(REFERENCE)
    assert [alarm.requirement for alarm in mutant.carry_out(REBORN)[0].alarms] == [bugs()["5R"]]
    assert honest.carry_out(REBORN)[0].alarms == ()


@pytest.mark.parametrize("name", ["kv679-doomstone-reaped", "kv679-doomstone-reaped-after-a-crash"])
def test_a_doomstone_is_met_where_tombstones_are_reaped(name: str) -> None:
    """From any seed it kills who does not ask the stand-in that keeps it, and no new value of the reference."""
    (example,) = (each for each in all_examples() if each.name == name)
    mutant, honest = Trials(f"{KITS}:bug_5R"), Trials(REFERENCE)
    for seed in range(3):
        schedule = example.schedule(5, seed)
        alarms = {alarm.requirement for alarm in mutant.carry_out(schedule)[0].alarms}
        assert alarms == {bugs()["5R"], "KV-08"}
        assert honest.carry_out(schedule)[0].alarms == ()


@pytest.mark.parametrize("name", SAMPLE)
def test_a_mutant_is_hunted_down(name: str) -> None:
    """It is killed from two first seeds on and shrunk; the reference goes through the same seeds without that alarm."""
    command = [sys.executable, str(HERE / "killing.py"), name, "--seeds", "2", "--budget", "60"]
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


def test_a_mutant_changes_nothing_but_itself() -> None:
    """Its modules are its own: those of the reference stay what they were, and keep their own classes."""
    honest = load(REFERENCE)
    before = {name: module for name, module in sys.modules.items() if name.startswith("ringcheck_reference")}
    one, other = load(f"{KITS}:bug_17"), load(f"{KITS}:bug_18")
    after = {name: module for name, module in sys.modules.items() if name.startswith("ringcheck_reference")}
    assert after == before
    assert len({honest.Node, one.Node, other.Node}) == 3
    assert "bugs" not in sys.modules


def test_a_bug_that_is_not_there_is_named() -> None:
    """No kit by a name that nobody planted."""
    with pytest.raises(AttributeError, match="no bug 99"):
        load(KITS).kit("99")

"""Schedules for the simulated world: always the same for a seed, well-formed, and whatever finds bugs is among them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ringcheck.schedule import Backup, Delete, Inject, Put, Restart, RollBack, Schedule, Settle, Step, Wipe
from ringcheck_chaos.faults import DiskErrors, MessageFault, Split
from ringcheck_properties import exploration
from ringcheck_properties.flaws import flaws
from ringcheck_properties.registry import all_examples

DRAWN = 160
SEVERAL = 3
"""Of so many schedules, so many at least must show a situation for it to count as drawn."""

Situation = Callable[[Schedule], bool]


@cache
def drawn() -> tuple[Schedule, ...]:
    """The schedules of the first seeds."""
    return tuple(exploration.draw(number) for number in range(DRAWN))


def test_every_schedule_is_well_formed() -> None:
    """No schedule has a flaw, and each ends with a settle, but for scripts, which may say what they expect of it."""
    for schedule in drawn():
        assert [flaw for flaw in flaws(schedule) if "ends with" not in flaw] == [], schedule
        assert any(isinstance(step, Settle) for step in schedule.steps) or schedule.name != exploration.NAME


def test_a_seed_is_one_schedule() -> None:
    """Drawn again, it is the same."""
    assert [exploration.draw(number) for number in range(8)] == list(drawn()[:8])


def in_order(*wanted: Callable[[Step], bool]) -> Situation:
    """Steps that satisfy one after another, whatever stands between them."""

    def happens(schedule: Schedule) -> bool:
        steps = iter(schedule.steps)
        return all(any(each(step) for step in steps) for each in wanted)

    return happens


def is_a(*kinds: type) -> Callable[[Step], bool]:
    """Whether a step is of a kind."""
    return lambda step: isinstance(step, kinds)


def begins(*kinds: type) -> Callable[[Step], bool]:
    """Whether a step lets such a fault begin."""
    return lambda step: isinstance(step, Inject) and isinstance(step.fault, kinds)


SITUATIONS: dict[str, Situation] = {
    "a copy comes back after a delete": in_order(is_a(Backup), is_a(Delete), is_a(RollBack)),
    "a copy comes back after a convergence": in_order(is_a(Backup), is_a(Settle), is_a(RollBack), is_a(Settle)),
    "a copy of before a restart comes back": in_order(is_a(Backup), is_a(Restart), is_a(Put), is_a(RollBack)),
    "writes after a roll-back": in_order(is_a(RollBack), is_a(Restart), is_a(Put), is_a(Put)),
    "a split, writes, and a lost disk": in_order(begins(Split), is_a(Put), is_a(Wipe)),
    "a disk that fails, writes, and another that is lost": in_order(begins(DiskErrors), is_a(Put), is_a(Wipe)),
    "answers that come twice in a split": in_order(begins(Split), begins(MessageFault), is_a(Put)),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_situations_that_find_bugs_are_drawn(situation: str) -> None:
    """Among the first seeds there are several of each."""
    assert sum(map(SITUATIONS[situation], drawn())) >= SEVERAL


def test_scripts_are_among_them() -> None:
    """Most examples have been drawn, on clusters of several sizes; most of them are whole."""
    scripts = [schedule for schedule in drawn() if schedule.name != exploration.NAME]
    assert len(scripts) == DRAWN // exploration.SCRIPTED_EVERY
    examples = [each for each in all_examples() if not each.changes_membership]
    assert len({schedule.name for schedule in scripts}) > len(examples) / 2
    assert not any(schedule.changes_membership for schedule in scripts)
    assert len({schedule.configuration.nodes for schedule in scripts}) > 2


def test_lost_disks_stay_within_the_contract() -> None:
    """Between two settles fewer than W nodes lose their disks, wholly or to a copy."""
    for schedule in drawn():
        lost: set[str] = set()
        for step in schedule.steps:
            lost = (
                set()
                if isinstance(step, Settle)
                else lost | set(step.nodes if isinstance(step, Wipe | RollBack) else ())
            )
            assert len(lost) < max(1, schedule.configuration.w) or not lost


@pytest.mark.parametrize("number", [1, exploration.SCRIPTED_EVERY - 1])
def test_shrinking_keeps_what_matters_alone(number: int, tmp_path: Path) -> None:
    """The smallest schedule with a Put is little more than that Put; it is kept, and found again."""

    def fails(schedule: Schedule) -> bool:
        return any(isinstance(step, Put) for step in schedule.steps)

    shrunk = exploration.shrink(number, fails, tmp_path)
    assert fails(shrunk)
    assert len(shrunk.steps) <= 4
    again = exploration.replay_saved(fails, tmp_path)
    assert again is not None
    assert fails(again)

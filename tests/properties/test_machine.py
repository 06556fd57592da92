"""The state machine: one schedule a test, carried out once, and the outcome handed on."""

import pytest

from ringcheck.schedule import Schedule
from ringcheck_properties.clusters import usual
from ringcheck_properties.flaws import flaws
from ringcheck_properties.machine import CarryOut, Once, carry_out_one
from ringcheck_properties.registry import all_examples


def draw_one(carry_out: CarryOut, *, run_seed: int = 5, part: int = 0) -> None:
    """Draw a schedule for three nodes."""
    carry_out_one(usual(3), carry_out, name=f"random-{part}", run_seed=run_seed, part=part)


@pytest.mark.parametrize("part", range(8))
def test_one_well_formed_schedule_is_carried_out(part: int) -> None:
    """Each test carries out exactly one schedule, which is not the simplest there is, and has no flaw."""
    done: list[Schedule] = []
    draw_one(done.append, part=part)
    (schedule,) = done
    assert not flaws(schedule)
    assert len({type(step) for step in schedule.steps}) > 3
    assert schedule.name == f"random-{part}"


def test_the_seed_decides() -> None:
    """The same seed and part draw the same schedule; another seed or part draws another one, with other keys."""
    done: list[Schedule] = []
    for run_seed, part in ((5, 0), (5, 0), (5, 1), (6, 0)):
        draw_one(done.append, run_seed=run_seed, part=part)
    first, again, *others = done
    assert first == again
    assert len({schedule.namespace for schedule in (first, *others)}) == 3
    assert len({schedule.steps for schedule in (first, *others)}) == 3


def test_a_failure_is_handed_on_and_not_tried_again() -> None:
    """What carrying out raises comes out as it is, though Hypothesis asks twice; a target may not fail twice alike."""
    done: list[Schedule] = []

    def fail_at_first(schedule: Schedule) -> None:
        done.append(schedule)
        if len(done) == 1:
            pytest.fail("it broke its word", pytrace=False)

    with pytest.raises(pytest.fail.Exception, match="it broke its word"):
        draw_one(fail_at_first)
    assert len(done) == 1


def test_once_remembers_success_and_failure() -> None:
    """The same schedule is carried out once, whatever came of it; another one is carried out too."""
    one, other = (example.schedule(3, 0) for example in all_examples()[:2])
    done: list[Schedule] = []

    def fail_for_one(schedule: Schedule) -> None:
        done.append(schedule)
        if schedule == one:
            raise ValueError("broken")

    once = Once(fail_for_one)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            once(one)
        once(other)
    assert done == [one, other]

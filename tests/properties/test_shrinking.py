"""Reducing a schedule: what is left is well-formed, small, and found again."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, InMemoryExampleDatabase

from ringcheck.schedule import Inject, Join, Kill, Leave, Put, Schedule, Step
from ringcheck_properties.exploration import draw, membership
from ringcheck_properties.flaws import flaws
from ringcheck_properties.reduction import reductions
from ringcheck_properties.shrinking import KEPT, reduce, replay_reduced

MACHINE, SCRIPT, CALM, LONE = 0, 3, 1, 4
"""Seeds of each kind of schedule."""


def counts(schedule: Schedule, *kinds: type[Step]) -> tuple[int, ...]:
    """How many steps there are of each kind."""
    return tuple(sum(isinstance(step, kind) for step in schedule.steps) for kind in kinds)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 30), st.data())
def test_a_reduction_has_no_more_flaws_and_no_more_of_anything(number: int, data: st.DataObject) -> None:
    """Whatever is chosen: fewer steps, a cluster that is no bigger, nothing that makes no sense."""
    whole = draw(number)
    left = data.draw(reductions(whole))
    assert not flaws(left)
    assert left.configuration.nodes <= whole.configuration.nodes
    assert left.configuration.partition_count <= whole.configuration.partition_count
    assert all(few <= many for few, many in zip(counts(left, Put, Kill), counts(whole, Put, Kill), strict=True))
    assert (left.namespace, left.seed) == (whole.namespace, whole.seed)


@pytest.mark.parametrize("number", [MACHINE, CALM, LONE])
def test_what_matters_is_left_alone_within_few_tries(number: int) -> None:
    """Two steps that are far apart; each other one goes, and so does what is special about these."""
    whole = membership.draw(number)
    tried = 0

    def fails(schedule: Schedule) -> bool:
        nonlocal tried
        tried += 1
        kinds = [type(step) for step in schedule.steps]
        return Put in kinds and any(kind in (Join, Leave) for kind in kinds[kinds.index(Put) :])

    if not fails(whole):
        whole = next(each for each in map(membership.draw, range(number, 200, 24)) if fails(each))
    left = reduce(whole, fails)
    assert fails(left)
    assert len(left.steps) <= 4  # a node that leaves may have to join first
    assert tried < 150 + 2 * len(whole.steps)


def test_what_does_not_fail_is_left_as_it_is() -> None:
    """There is nothing to shrink."""
    whole = draw(MACHINE)
    assert reduce(whole, lambda _: False) == whole


def test_each_schedule_is_carried_out_once() -> None:
    """Different choices come to the same schedule, and a simulation need not be run again."""
    whole = draw(MACHINE)
    seen: list[Schedule] = []

    def fails(schedule: Schedule) -> bool:
        seen.append(schedule)
        return any(isinstance(step, Inject) for step in schedule.steps)

    reduce(whole, fails)
    assert len(set(seen)) == len(seen)


def test_what_is_kept_outlives_what_seeds_mean(tmp_path: Path) -> None:
    """The whole schedule is kept with what reduced it, so nothing is drawn anew; what fails no more is forgotten."""
    database = DirectoryBasedExampleDatabase(tmp_path)
    whole = draw(SCRIPT)

    def fails(schedule: Schedule) -> bool:
        return any(isinstance(step, Put) for step in schedule.steps)

    left = reduce(whole, fails, database)
    assert replay_reduced(fails, DirectoryBasedExampleDatabase(tmp_path)) == left
    assert replay_reduced(lambda _: False, database) is None
    assert replay_reduced(fails, database) is None


def test_what_is_no_schedule_is_forgotten() -> None:
    """A database may be older than the format of schedules."""
    database = InMemoryExampleDatabase()
    database.save(KEPT, b"{}")
    assert replay_reduced(lambda _: True, database) is None
    assert set(database.fetch(KEPT)) == set()

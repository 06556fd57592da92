"""Schedules for targets that reap tombstones outlive them; and what a cluster that has shrunk can still suffer."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck.schedule import Delete, Elapse, Inject, Put, Schedule
from ringcheck_chaos.faults import CLIENT, Isolate, LinkFault
from ringcheck_properties import exploration
from ringcheck_properties.flaws import flaws
from ringcheck_properties.swarm import fault_in, hard_swarms

DRAWN = 160


@cache
def drawn() -> tuple[Schedule, ...]:
    """The schedules of the first seeds whose targets reap."""
    schedules = map(exploration.membership.draw, range(DRAWN))
    return tuple(each for each in schedules if each.configuration.tombstone_lifetime_ms)


def outlived(schedule: Schedule) -> list[int]:
    """The places of steps that last longer than twice the lifetime of a tombstone."""
    needed = 2 * schedule.configuration.tombstone_lifetime_ms / 1000
    return [place for place, step in enumerate(schedule.steps) if isinstance(step, Elapse) and step.seconds > needed]


def test_some_targets_reap_and_their_schedules_are_well_formed() -> None:
    """Not all do: keeping tombstones for ever is what most stores do."""
    assert DRAWN / 10 < len(drawn()) < DRAWN / 2
    for schedule in drawn():
        assert [flaw for flaw in flaws(schedule) if "ends with" not in flaw] == [], schedule


def test_tombstones_are_outlived() -> None:
    """Often; after deletes, and often with writes after that."""
    late = [(schedule, places[0]) for schedule in drawn() if (places := outlived(schedule))]
    assert len(late) > len(drawn()) / 3
    deleted = [place for schedule, place in late if any(isinstance(each, Delete) for each in schedule.steps[:place])]
    reborn = [place for schedule, place in late if any(isinstance(each, Put) for each in schedule.steps[place:])]
    assert len(deleted) > len(late) / 2
    assert len(reborn) > len(late) / 4


def test_somebody_is_away_meanwhile() -> None:
    """In some of them a node is cut off for as long as that."""

    def is_away(schedule: Schedule) -> bool:
        for place in outlived(schedule):
            before = schedule.steps[:place]
            healed = {getattr(step, "id", None) for step in before if type(step).__name__ == "Heal"}
            cuts = (step for step in before if isinstance(step, Inject) and isinstance(step.fault, Isolate))
            if any(cut.id not in healed for cut in cuts):
                return True
        return False

    assert any(map(is_away, drawn()))


@settings(deadline=None)
@given(st.data())
def test_one_node_that_is_left_has_links_to_its_clients_alone(data: st.DataObject) -> None:
    """A cluster that had more, and whose swarm knows of splits, may have shrunk."""
    swarm = data.draw(hard_swarms(5))
    fault = fault_in(data.draw, swarm, ("n1",))
    assert isinstance(fault, LinkFault)
    assert CLIENT in (fault.source, fault.target)

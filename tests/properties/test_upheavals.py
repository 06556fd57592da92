"""Schedules in which members change: well-formed, thinned without harm, and whatever finds bugs is among them."""

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringcheck.schedule import (
    CrashAfter,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    Put,
    Remove,
    Retire,
    Schedule,
    Settle,
    Step,
    Wipe,
)
from ringcheck_chaos.faults import Isolate, MessageFault, Split
from ringcheck_properties import exploration
from ringcheck_properties.flaws import flaws
from ringcheck_properties.thinning import thinned

DRAWN = 300
CHANGES = Join | Leave | Remove


@cache
def drawn() -> tuple[Schedule, ...]:
    """The schedules of the first seeds, for a target whose members may change."""
    return tuple(exploration.membership.draw(number) for number in range(DRAWN))


def test_every_schedule_is_well_formed() -> None:
    """Nobody joins twice, nobody goes who is not there, and no more disks are lost than may be, removals counted."""
    for schedule in drawn():
        assert [flaw for flaw in flaws(schedule) if "ends with" not in flaw] == [], schedule


def test_most_of_them_change_members() -> None:
    """And some do not: what a change needs not be there for is to be found as well."""
    changing = sum(schedule.changes_membership for schedule in drawn())
    assert DRAWN / 2 < changing < DRAWN


def test_they_are_for_those_that_declare_it() -> None:
    """A target without the profile gets none, and the same schedules as ever."""
    plain = exploration.for_profiles({"kv", "inspect"})
    assert not any(plain.draw(number).changes_membership for number in range(16))
    assert plain.draw(5) == exploration.draw(5)
    assert exploration.for_profiles({"kv", "membership"}) == exploration.membership


Situation = Callable[[Schedule], bool]


def soon_after(change: type[Join | Leave], misfortune: Callable[[Step, str], bool]) -> Situation:
    """Something befalls the very node that a change is about, with little in between."""

    def happens(schedule: Schedule) -> bool:
        steps = [step for step in schedule.steps if not isinstance(step, Get | Put)]
        return any(
            any(misfortune(each, step.node) for each in steps[place : place + 4])
            for place, step in enumerate(steps)
            if isinstance(step, Join | Leave) and isinstance(step, change)
        )

    return happens


def dies(step: Step, node: str) -> bool:
    """Whether this node dies."""
    return isinstance(step, Kill | Wipe) and node in step.nodes


def is_cut_off(step: Step, node: str) -> bool:
    """Whether this node is cut off."""
    return isinstance(step, Inject) and isinstance(step.fault, Isolate) and step.fault.node == node


def changes_on_both_sides(schedule: Schedule) -> bool:
    """Between the beginning of a split and its end, changes are asked for on either side of it."""
    for place, step in enumerate(schedule.steps):
        if isinstance(step, Inject) and isinstance(step.fault, Split):
            until = next(
                (n for n, each in enumerate(schedule.steps) if isinstance(each, Heal) and each.id == step.id),
                len(schedule.steps),
            )
            asked = {each.through for each in schedule.steps[place:until] if isinstance(each, CHANGES)}
            if asked & set(step.fault.left) and asked & set(step.fault.right):
                return True
    return False


def late_gossip(schedule: Schedule) -> bool:
    """Messages by which views spread suffer before a change."""
    suffers = False
    for step in schedule.steps:
        if isinstance(step, Inject) and isinstance(step.fault, MessageFault) and step.fault.kind == "gossip":
            suffers = True
        elif suffers and isinstance(step, CHANGES):
            return True
    return False


def nothing_but_changes(schedule: Schedule) -> bool:
    """Nothing breaks, a node comes or goes, and Puts ask for all copies."""
    broken = any(isinstance(step, Inject | Kill | Wipe | CrashAfter) for step in schedule.steps)
    quorums = {step.w for step in schedule.steps if isinstance(step, Put)}
    return schedule.changes_membership and not broken and schedule.configuration.n in quorums


SITUATIONS: dict[str, Situation] = {
    "who joins dies soon after": soon_after(Join, dies),
    "who joins is cut off soon after": soon_after(Join, is_cut_off),
    "who leaves dies soon after": soon_after(Leave, dies),
    "changes on both sides of a split": changes_on_both_sides,
    "gossip that is late": late_gossip,
    "nothing but changes": nothing_but_changes,
    "a single copy moves": lambda schedule: schedule.changes_membership and schedule.configuration.n == 1,
    "a node is removed": lambda schedule: any(isinstance(step, Remove) for step in schedule.steps),
    "a leaver is retired, and it goes on": lambda schedule: any(
        isinstance(step, Retire) and not isinstance(schedule.steps[place + 1], Settle)
        for place, step in enumerate(schedule.steps)
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_situations_that_find_bugs_are_drawn(situation: str) -> None:
    """Among the first seeds there are several of each."""
    assert sum(map(SITUATIONS[situation], drawn())) > 1


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 30), st.data())
def test_what_is_left_has_no_flaw(number: int, data: st.DataObject) -> None:
    """Whatever is dropped: who never joins is asked nothing, and nothing befalls it."""
    whole = drawn()[number]
    dropped = data.draw(st.sets(st.integers(0, len(whole.steps) - 1)))
    left = thinned(whole, dropped)
    assert not flaws(left)
    joiners = set(left.joiners())
    nodes = {*left.configuration.node_ids, *joiners}
    assert all(operation.node in nodes for operation in left.operations())

"""Random schedules: always well-formed, and every situation that finds bugs is among them."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ringcheck.schedule import Delete, Elapse, Get, Heal, Inject, Kill, Put, Restart, Schedule, Settle, Step
from ringcheck_chaos.faults import CLIENT, Isolate, LinkFault, Mechanism, NetworkFault, Split
from ringcheck_properties.clusters import usual
from ringcheck_properties.draft import Draft
from ringcheck_properties.flaws import flaws
from ringcheck_properties.strategies import schedules
from ringcheck_properties.swarm import MECHANISMS, Swarm

DRAWN = 120
SEVERAL = 3
"""Of so many schedules, so many at least must show a situation for it to count as drawn."""

Situation = Callable[[Schedule], bool]
QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(QUIET, max_examples=40)
@given(st.data(), st.integers(1, 7))
def test_every_schedule_is_well_formed(data: st.DataObject, nodes: int) -> None:
    """Whatever is drawn, the schedule has no flaw, and ends with a settle, so that all of it is judged."""
    schedule = data.draw(schedules(usual(nodes)))
    assert not flaws(schedule)
    assert isinstance(schedule.steps[-1], Settle)


@settings(QUIET, max_examples=20)
@given(st.data())
def test_salt_keeps_keys_apart(data: st.DataObject) -> None:
    """The keys of a schedule follow from what it does and from the salt, so runs can share a cluster."""
    schedule = data.draw(schedules(usual(3), salt="one"))
    swarm = Swarm(mechanisms=("down",), extents=("link",), crashes=True)
    one, same, other = (Draft(usual(3), swarm=swarm, keys=("a",), salt=salt).finish() for salt in ("1", "1", "2"))
    assert one == same
    assert len({one.namespace, other.namespace, schedule.namespace}) == 3


@cache
def drawn() -> tuple[Schedule, ...]:
    """Schedules of five nodes, the same in every run."""
    found: list[Schedule] = []

    @seed(1)
    @settings(QUIET, max_examples=DRAWN, phases=[Phase.generate])
    @given(schedules(usual(5)))
    def collect(schedule: Schedule) -> None:
        found.append(schedule)

    collect()
    return tuple(found)


def together(size: int) -> Situation:
    """So many nodes stay together, for longer than failure detection, and one of them is asked for a write."""

    def happens(schedule: Schedule) -> bool:
        for position, (step, after) in enumerate(pairwise(schedule.steps)):
            if isinstance(step, Inject) and isinstance(step.fault, Split) and after == Elapse(detections=1.5):
                side = step.fault.left
                rest = schedule.steps[position + 2 :]
                if len(side) == size and any(isinstance(each, Put | Delete) and each.node in side for each in rest):
                    return True
        return False

    return happens


def next_to(one: Callable[[Step], bool], other: Callable[[Step], bool]) -> Situation:
    """One step is followed at once by another."""
    return lambda schedule: any(one(step) and other(after) for step, after in pairwise(schedule.steps))


def any_step(wanted: Callable[[Step], bool]) -> Situation:
    """Some step is like this."""
    return lambda schedule: any(map(wanted, schedule.steps))


def suffers(how: Mechanism) -> Situation:
    """Some link suffers like this."""
    return any_step(lambda step: isinstance(step, Inject) and mechanism(step) == how)


def mechanism(step: Inject) -> Mechanism:
    """How the links suffer."""
    assert isinstance(step.fault, NetworkFault), "a live world is drawn no other faults"
    return step.fault.how


def overlapping(schedule: Schedule) -> bool:
    """Two faults are in force together."""
    active: set[int] = set()
    for step in schedule.steps:
        match step:
            case Inject(id=number):
                active.add(number)
            case Heal(id=number):
                active.discard(number)
            case Settle():
                active.clear()
        if len(active) > 1:
            return True
    return False


def shared_context(schedule: Schedule) -> bool:
    """Two puts carry one context."""
    used = [step.context for step in schedule.steps if isinstance(step, Put) and step.context is not None]
    return len(used) > len(set(used))


def older_context(schedule: Schedule) -> bool:
    """A client uses a context although it has read the key since."""
    last: dict[tuple[int, str], int] = {}
    for step in schedule.operations():
        used = None if isinstance(step, Get) else step.context
        if used is not None and used != last.get((step.client, step.key), used):
            return True
        if not isinstance(step, Delete):
            last[step.client, step.key] = step.id
    return False


def equal_values(schedule: Schedule) -> bool:
    """Two keys are given equal values."""
    written = [(step.key, step.value) for step in schedule.steps if isinstance(step, Put)]
    return len(set(written)) > len({value for _, value in written})


def asked_while_down(schedule: Schedule) -> bool:
    """An operation goes through a node that is dead."""
    down: set[str] = set()
    for step in schedule.steps:
        match step:
            case Kill(nodes=nodes):
                down.update(nodes)
            case Restart(nodes=nodes):
                down.difference_update(nodes)
            case Settle():
                down.clear()
            case Get() | Put() | Delete() if step.node in down:
                return True
    return False


SITUATIONS: dict[str, Situation] = {
    "exactly W together": together(2),
    "exactly W - 1 together": together(1),
    "overlapping faults": overlapping,
    "a crash right after an answer": next_to(
        lambda step: isinstance(step, Put) and step.wait, lambda step: isinstance(step, Kill)
    ),
    "all nodes die at once": any_step(lambda step: isinstance(step, Kill) and len(step.nodes) == 5),
    "a crash, and back at once": next_to(lambda step: isinstance(step, Kill), lambda step: isinstance(step, Restart)),
    "a node that is dead is asked": asked_while_down,
    "a settle in mid-run": lambda schedule: sum(isinstance(step, Settle) for step in schedule.steps) > 1,
    "a wait too short to notice": any_step(lambda step: step == Elapse(detections=0.4)),
    "a wait long enough to notice": any_step(lambda step: step == Elapse(detections=1.5)),
    "puts that share a context": shared_context,
    "a context one read behind": older_context,
    "deletes": any_step(lambda step: isinstance(step, Delete)),
    "equal values under different keys": equal_values,
    "W = 1": any_step(lambda step: isinstance(step, Put | Delete) and step.w == 1),
    "W = N": any_step(lambda step: isinstance(step, Put | Delete) and step.w == 3),
    "R = N": any_step(lambda step: isinstance(step, Get) and step.r == 3),
    "a one-way fault": any_step(
        lambda step: isinstance(step, Inject) and isinstance(step.fault, LinkFault) and step.fault.one_way
    ),
    "a node cut off": any_step(lambda step: isinstance(step, Inject) and isinstance(step.fault, Isolate)),
    "a client cut off from a node": any_step(
        lambda step: (
            isinstance(step, Inject)
            and isinstance(step.fault, LinkFault)
            and CLIENT in (step.fault.source, step.fault.target)
        )
    ),
    **{f"links that suffer {how}": suffers(how) for how in MECHANISMS},
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_finds_bugs_is_drawn(situation: str) -> None:
    """Each situation that is known to find bugs is in several of a hundred schedules, not only possible."""
    assert sum(map(SITUATIONS[situation], drawn())) >= SEVERAL


def test_each_schedule_uses_some_kinds_of_fault_only() -> None:
    """Swarm: nearly every schedule leaves a mechanism out, and the mechanisms left out differ."""
    used = [frozenset(mechanism(step) for step in schedule.steps if isinstance(step, Inject)) for schedule in drawn()]
    assert len(set(used)) > 6
    assert all(len(each) < len(MECHANISMS) for each in used)


def test_schedules_keep_to_the_budget() -> None:
    """No schedule is so long that a run of several would take minutes: at most two settles, few pauses."""
    for schedule in drawn():
        pauses = sum(step.detections for step in schedule.steps if isinstance(step, Elapse))
        assert pauses <= 6
        assert sum(isinstance(step, Settle) for step in schedule.steps) <= 2

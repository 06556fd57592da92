"""One seed: its schedule is drawn, carried out in the simulated world, and judged."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from ringcheck.history import History
from ringcheck.judging import judge
from ringcheck.judging.verdict import Breach, Judgement
from ringcheck.schedule import Schedule
from ringcheck.simulation.loading import load
from ringcheck.worlds.simulated import SimulatedWorld

SOURCE = "ringcheck_properties.exploration"
"""Where schedules come from unless somebody names another place."""

BROKE = "broke"
"""Stands for a requirement where a core failed instead of breaking one."""


class Source(Protocol):
    """Makes schedules of seeds; a module or an object that is found by its name."""

    def draw(self, number: int) -> Schedule:
        """The schedule of a seed: always the same."""

    def shrink(self, number: int, fails: Callable[[Schedule], bool], database: Path | None = None) -> Schedule:
        """The smallest schedule, from that of a seed, that still fails; kept in `database`."""

    def replay_saved(self, fails: Callable[[Schedule], bool], database: Path) -> Schedule | None:
        """The first schedule kept in `database` that still fails."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What a seed brought to light first. `cause` is alike for alarms that are about the same thing."""

    requirement: str
    cause: str
    breach: Breach | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed. Times are CPU seconds, but for `simulated_s`."""

    seed: int
    alarms: tuple[Alarm, ...] = ()
    held: dict[str, int] = {}
    events: dict[str, int] = {}
    steps: int = 0
    operations: int = 0
    messages: int = 0
    draws: int = 0
    simulated_s: float = 0.0
    drawing_s: float = 0.0
    running_s: float = 0.0
    judging_s: float = 0.0


class Trials:
    """Tries seeds on one core, one after another. Raises UsageError for names that lead nowhere."""

    def __init__(self, core: str, source: str = SOURCE) -> None:
        self.world = SimulatedWorld(core)
        self.source: Source = load(source)

    def __call__(self, seed: int) -> Result:
        """Draw, carry out, judge."""
        began = time.process_time()
        schedule = self.source.draw(seed)
        drawn = time.process_time()
        result, _ = self.carry_out(schedule, seed)
        return msgspec.structs.replace(result, drawing_s=drawn - began)

    def carry_out(self, schedule: Schedule, seed: int = 0, path: Path | None = None) -> tuple[Result, History]:
        """Carry one schedule out and judge it; its history goes to `path`, if one is given."""
        began = time.process_time()
        history = self.world.carry_out(schedule, path)
        carried_out = time.process_time()
        judgement = judge(history)
        judged = time.process_time()
        effort = self.world.effort
        result = Result(
            seed=seed,
            alarms=alarms(judgement),
            held={name: finding.held for name, finding in judgement.findings.items() if finding.held},
            events=dict(judgement.events),
            steps=len(schedule.steps),
            operations=judgement.events.get("operations", 0),
            messages=effort.messages,
            draws=effort.draws,
            simulated_s=effort.seconds,
            running_s=carried_out - began,
            judging_s=judged - carried_out,
        )
        return result, history

    def fails_alike(self, requirement: str) -> Callable[[Schedule], bool]:
        """Whether a schedule breaks this requirement: what shrinking has to keep."""

        def fails(schedule: Schedule) -> bool:
            result, _ = self.carry_out(schedule)
            return any(alarm.requirement == requirement for alarm in result.alarms)

        return fails


def alarms(judgement: Judgement) -> tuple[Alarm, ...]:
    """All that a judgement holds against the core, the first breach of each requirement, earliest first."""
    if judgement.broke:
        return (Alarm(requirement=BROKE, cause=_general(judgement.broke)),)
    if judgement.invalid:
        return ()
    first = [finding.breaches[0] for finding in judgement.findings.values() if finding.breaches]
    return tuple(
        Alarm(requirement=breach.requirement, cause=_general(breach.expected), breach=breach)
        for breach in sorted(first, key=lambda each: (each.time, each.requirement))
    )


def _general(sentence: str) -> str:
    """A sentence without what is particular to one run: names, values, numbers."""
    return re.sub(r"\s+", " ", re.sub(r"'[^']*'|\b[nvh]\d+\b|#?\d[\d.,]*", "…", sentence))

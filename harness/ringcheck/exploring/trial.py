"""One seed: its schedule is drawn, carried out in the simulated world, and judged."""

import re
import time
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from ringcheck.errors import TargetError, UsageError
from ringcheck.exploring.hermetic import forget_local_constants
from ringcheck.exploring.patience import patience
from ringcheck.history import History
from ringcheck.judging import judge
from ringcheck.judging.verdict import Breach, Judgement
from ringcheck.schedule import Schedule
from ringcheck.simulation.captivity import captivity
from ringcheck.simulation.core import Kit
from ringcheck.simulation.loading import load
from ringcheck.worlds.simulated import SimulatedWorld

SOURCE = "ringcheck_properties.exploration"
"""Where schedules come from unless somebody names another place."""

BROKE = "broke"
"""Stands for a requirement where a core failed instead of breaking one."""

TRACE_LINES = 12


class SourceError(TargetError):
    """A source of schedules raised an exception, or is none."""


class Source(Protocol):
    """Makes schedules of seeds; a module or an object that is found by its name."""

    def draw(self, number: int) -> Schedule:
        """The schedule of a seed: always the same."""

    def shrink(self, number: int, fails: Callable[[Schedule], bool], database: Path | None = None) -> Schedule:
        """The smallest schedule, from that of a seed, that still fails; kept in `database`."""

    def replay_saved(self, fails: Callable[[Schedule], bool], database: Path) -> Schedule | None:
        """The first schedule kept in `database` that still fails."""


@runtime_checkable
class SourceForAll(Source, Protocol):
    """A source that makes other schedules for some targets."""

    def for_profiles(self, profiles: Collection[str]) -> Source:
        """The source for a target that declares these profiles."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What a seed brought to light first. `cause` is alike for alarms that are about the same thing.

    `reason` is what happened this time, in a sentence; where a core failed, the last lines of its traceback follow.
    """

    requirement: str
    cause: str
    reason: str = ""
    breach: Breach | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed. Times are CPU seconds, but for `simulated_s`. `profiles` are what its nodes declared."""

    seed: int
    alarms: tuple[Alarm, ...] = ()
    profiles: tuple[str, ...] = ()
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
    """Tries seeds on one core, one after another. Raises UsageError for names that lead nowhere.

    A core or a source is named, or given as it is; a core that is given goes by `name` in histories.
    """

    def __init__(self, core: str | Kit, source: str | Source = SOURCE, *, name: str = "") -> None:
        with captivity():
            self.world = SimulatedWorld(core, name=name)
            profiles = self.world.profiles
        self.source = _suited(load_source(source) if isinstance(source, str) else source, profiles)
        forget_local_constants()

    def __call__(self, seed: int) -> Result:
        """Draw, carry out, judge."""
        return self.attempt(seed)[0]

    def attempt(self, seed: int, path: Path | None = None) -> tuple[Result, History | None]:
        """As carry_out, of a seed; there is no history when the core failed before the first step.

        Raises SourceError when the source fails.
        """
        began = time.process_time()
        schedule = self.draw(seed)
        drawn = time.process_time()
        history: History | None = None
        try:
            result, history = self.carry_out(schedule, seed, path)
        except TargetError as error:
            result = _never_began(error, seed)
        return msgspec.structs.replace(result, drawing_s=drawn - began), history

    def draw(self, seed: int) -> Schedule:
        """The schedule of a seed. Raises SourceError when the source fails."""
        try:
            return self.source.draw(seed)
        except Exception as error:
            said = f"{type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}"
            raise SourceError(f"The source of schedules failed on seed {seed}: {said}") from error

    def carry_out(self, schedule: Schedule, seed: int = 0, path: Path | None = None) -> tuple[Result, History]:
        """Carry one schedule out and judge it; its history goes to `path`, if one is given.

        Raises TargetError for a core that failed where no history can tell it.
        """
        began = time.process_time()
        try:
            with patience(), captivity():
                history = self.world.carry_out(schedule, path)
        except SystemExit as error:
            raise TargetError(f"The core wants its process to end: {type(error).__name__}: {error}") from error
        carried_out = time.process_time()
        judgement = judge(history)
        judged = time.process_time()
        effort = self.world.effort
        result = Result(
            seed=seed,
            alarms=alarms(judgement),
            profiles=judgement.profiles,
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

    def try_out(self, schedule: Schedule) -> Result:
        """What comes of a schedule, also when the core fails before its first step."""
        try:
            return self.carry_out(schedule)[0]
        except TargetError as error:
            return _never_began(error)

    def fails_alike(self, requirement: str) -> Callable[[Schedule], bool]:
        """Whether a schedule breaks this requirement: what shrinking has to keep."""

        def fails(schedule: Schedule) -> bool:
            return any(alarm.requirement == requirement for alarm in self.try_out(schedule).alarms)

        return fails


def alarms(judgement: Judgement) -> tuple[Alarm, ...]:
    """All that a judgement holds against the core, the first breach of each requirement, earliest first."""
    if judgement.broke:
        return (Alarm(requirement=BROKE, cause=_general(judgement.broke), reason=judgement.broke),)
    if judgement.invalid:
        return ()
    first = [finding.breaches[0] for finding in judgement.findings.values() if finding.breaches]
    return tuple(
        Alarm(requirement=breach.requirement, cause=_general(breach.expected), reason=breach.actual, breach=breach)
        for breach in sorted(first, key=lambda each: (each.time, each.requirement))
    )


def _suited(source: Source | SourceForAll, profiles: Collection[str]) -> Source:
    return source.for_profiles(profiles) if isinstance(source, SourceForAll) else source


def load_source(name: str) -> Source:
    """The source of that name. Raises UsageError, also for something that is none."""
    source: Source = load(name)
    missing = [each for each in ("draw", "shrink", "replay_saved") if not hasattr(source, each)]
    if missing:
        raise UsageError(
            f"{name} is no source of schedules: it lacks {', '.join(missing)}; see Source in ringcheck.exploring.trial."
        )
    return source


def _never_began(error: TargetError, seed: int = 0) -> Result:
    """A core that failed before the first step: there is no history to tell it, so the alarm does."""
    reason = str(error)
    cause = error.__cause__
    if cause is not None and cause.__cause__ is not None:
        lines = "".join(traceback.format_exception(cause.__cause__)).splitlines()
        reason = "\n".join([reason, *lines[-TRACE_LINES:]])
    return Result(seed=seed, alarms=(Alarm(requirement=BROKE, cause=_general(str(error)), reason=reason),))


def _general(sentence: str) -> str:
    """A sentence without what is particular to one run: names, values, numbers, and how many of them there are."""
    general = re.sub(r"'[^']*'|\b[nvh]\d+\b|#?\d[\d.,]*", "…", sentence)
    return re.sub(r"\s+", " ", re.sub(r"…(?:(?:,| and|, and) …)+", "…", general))

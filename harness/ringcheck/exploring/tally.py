"""What all seeds of an exploration came to: sums, and failures by cause. It does not grow with the number of seeds."""

from collections.abc import Iterable

import msgspec

from ringcheck.exploring.trial import BROKE, Alarm, Result
from ringcheck.requirements import all_requirements

SEEDS_NAMED = 5
MOST_GROUPS = 200
"""Failures of yet another cause are only counted."""


class Group(msgspec.Struct, kw_only=True):
    """Failures of one requirement for one cause.

    `seeds` are the lowest few, so that they are the same in whatever order results come; `alarm` is that of the first,
    and whether its worker was `lost`.
    """

    alarm: Alarm
    count: int = 0
    seeds: list[int] = []
    lost: bool = False

    @property
    def key(self) -> str:
        """Names the group in files."""
        return key_of(self.alarm)


class Tally(msgspec.Struct, kw_only=True):
    """The sums over all seeds that were tried. Times are as in Result; `seconds` is real time."""

    seeds: int = 0
    failing: int = 0
    uncounted: int = 0
    """Failing seeds whose cause came after too many others."""
    held: dict[str, int] = {}
    broken: dict[str, int] = {}
    """How many seeds broke each requirement, also those that nobody asked about."""
    broken_by: dict[str, list[int]] = {}
    """The lowest few of these seeds."""
    events: dict[str, int] = {}
    groups: dict[str, Group] = {}
    profiles: list[str] = []
    operations: int = 0
    messages: int = 0
    simulated_s: float = 0.0
    drawing_s: float = 0.0
    running_s: float = 0.0
    judging_s: float = 0.0
    audited: int = 0
    seconds: float = 0.0

    def add(self, result: Result, alarm: Alarm | None, *, lost: bool = False) -> Group | None:
        """Take a result into account; `alarm` is what it failed by. Returns the group if it is a new one."""
        self.seeds += 1
        _sum(self.held, result.held.items())
        _sum(self.events, result.events.items())
        _sum(self.broken, ((each.requirement, 1) for each in result.alarms if each.requirement != BROKE))
        for each in result.alarms:
            if each.requirement != BROKE:
                known = self.broken_by.get(each.requirement, [])
                self.broken_by[each.requirement] = sorted([*known, result.seed])[:SEEDS_NAMED]
        self.profiles = sorted({*self.profiles, *result.profiles})
        self.operations += result.operations
        self.messages += result.messages
        self.simulated_s += result.simulated_s
        self.drawing_s += result.drawing_s
        self.running_s += result.running_s
        self.judging_s += result.judging_s
        return self._grouped(result.seed, alarm, lost=lost) if alarm else None

    def untold(self, only: tuple[str, ...]) -> dict[str, int]:
        """Requirements that were asked about and broken, but by seeds alone that failed by another first: → a seed."""
        told = {group.alarm.requirement for group in self.groups.values()}
        return {
            name: seeds[0]
            for name, seeds in sorted(self.broken_by.items())
            if seeds and name not in told and (not only or name in only)
        }

    @property
    def cpu_s(self) -> float:
        """All CPU time that trying took."""
        return self.drawing_s + self.running_s + self.judging_s

    def _grouped(self, seed: int, alarm: Alarm, *, lost: bool) -> Group | None:
        self.failing += 1
        group = self.groups.get(key_of(alarm))
        new = group is None
        if group is None:
            if len(self.groups) >= MOST_GROUPS:
                self.uncounted += 1
                return None
            group = self.groups[key_of(alarm)] = Group(alarm=alarm)
        group.count += 1
        if not group.seeds or seed < group.seeds[0]:
            group.alarm, group.lost = alarm, lost
        group.seeds = sorted([*group.seeds, seed])[:SEEDS_NAMED]
        return group if new else None


def nonsense(tally: Tally) -> str:
    """What no exploration can have left; empty where it makes sense."""
    groups = tally.groups.values()
    numbers = [value for value in msgspec.structs.asdict(tally).values() if isinstance(value, int | float)]
    numbers += [count for counts in (tally.held, tally.broken, tally.events) for count in counts.values()]
    numbers += [number for group in groups for number in (group.count, *group.seeds)]
    numbers += [seed for seeds in tally.broken_by.values() for seed in seeds]
    if min(numbers) < 0:
        return f"something was counted {min(numbers)} times"
    alarms = [group.alarm for group in groups]
    named = {*tally.held, *tally.broken, *tally.broken_by, *(alarm.requirement for alarm in alarms)}
    named |= {alarm.breach.requirement for alarm in alarms if alarm.breach}
    if unknown := sorted(named - {BROKE} - all_requirements().keys()):
        return f"there is no requirement {unknown[0]!r}"
    if wrong := [name for name, group in tally.groups.items() if name != group.key]:
        return f"the cause {wrong[0]!r} goes by another name"
    if tally.failing > tally.seeds or any(group.count > tally.failing for group in groups):
        return "more seeds failed than were tried"
    return ""


def key_of(alarm: Alarm) -> str:
    """Alike for alarms that belong together."""
    return f"{alarm.requirement}: {alarm.cause}"


def chief(alarms: Iterable[Alarm], only: tuple[str, ...] = ()) -> Alarm | None:
    """What a seed failed by, among what was asked about: the first MUST or a failed core, else the first SHOULD."""
    asked = [each for each in alarms if is_asked_for(each, only)]
    grave = [each for each in asked if is_grave(each)]
    return next(iter(grave or asked), None)


def is_asked_for(alarm: Alarm, only: tuple[str, ...]) -> bool:
    """Whether an alarm is about a requirement that was selected, or about a core that failed."""
    return alarm.requirement == BROKE or not only or alarm.requirement in only


def is_grave(alarm: Alarm) -> bool:
    """Whether an alarm is more than a warning."""
    return alarm.requirement == BROKE or all_requirements()[alarm.requirement].level == "MUST"


def _sum(total: dict[str, int], counts: Iterable[tuple[str, int]]) -> None:
    for name, count in counts:
        total[name] = total.get(name, 0) + count

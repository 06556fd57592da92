"""From a failing seed to all that is known of it: carried out once more, shrunk, written down."""

from collections.abc import Callable

import msgspec

from ringcheck.errors import TargetError
from ringcheck.exploring.audit import Difference, difference
from ringcheck.exploring.executor import content
from ringcheck.exploring.folder import Folder
from ringcheck.exploring.news import Finding, ShrinkProgress
from ringcheck.exploring.shrinking import shrink
from ringcheck.exploring.tally import is_grave
from ringcheck.exploring.trial import Alarm, Result, Trials
from ringcheck.schedule import Schedule


class Storyteller:
    """Tells failures of one core; histories and examples go where `folder` says."""

    def __init__(
        self, trials: Trials, folder: Folder, *, say: Callable[[ShrinkProgress], None], stopped: Callable[[], bool]
    ) -> None:
        self._trials = trials
        self._folder = folder
        self._say = say
        self._stopped = stopped

    def tell(self, seed: int, alarm: Alarm, *, small: bool = True) -> Finding:
        """All of a seed's failure; with `small`, by the smallest schedule that fails alike."""
        schedule = self._trials.draw(seed)
        finding = self._carry_out(schedule, seed, alarm, f"seed-{seed}")
        if not small:
            return msgspec.structs.replace(finding, why_not="not shrunk, as was asked")
        shrunk = shrink(
            self._trials,
            seed,
            alarm,
            # What only warns is not worth beginning with the next time.
            self._folder.examples if is_grave(alarm) else None,
            tried=lambda tries, steps: self._say(ShrinkProgress(alarm=alarm, tries=tries, steps=steps)),
            stopped=self._stopped,
        )
        if shrunk.schedule != schedule:
            smaller = self._carry_out(shrunk.schedule, seed, alarm, f"seed-{seed}-shrunk")
            finding = msgspec.structs.replace(smaller, original=finding.history, steps=len(schedule.steps))
        return msgspec.structs.replace(finding, tries=shrunk.tries, why_not=shrunk.why_not)

    def tell_lost(self, seed: int, alarm: Alarm) -> Finding:
        """The failure of a seed that no process survives: its schedule is told, and not carried out here."""
        schedule = self._trials.draw(seed)
        why_not = "not shrunk, since a process is lost over it"
        return Finding(seed=seed, alarm=alarm, schedule=schedule, steps=len(schedule.steps), why_not=why_not)

    def tell_saved(self, schedule: Schedule, alarm: Alarm) -> Finding:
        """The failure of a schedule that an earlier exploration saved, small as it is."""
        return self._carry_out(schedule, None, alarm, "saved")

    def differs(self, seed: int, history: bytes) -> Difference | None:
        """How the history of a seed, tried in this process, differs from another one."""
        _, again = self._trials.attempt(seed)
        return difference(seed, history, content(again) if again else b"")

    def _carry_out(self, schedule: Schedule, seed: int | None, alarm: Alarm, name: str) -> Finding:
        """The failure of one schedule, whose history is written."""
        path = self._folder.histories / f"{name}.jsonl"
        finding = Finding(seed=seed, alarm=alarm, schedule=schedule, steps=len(schedule.steps))
        try:
            result, _ = self._trials.carry_out(schedule, seed or 0, path)
        except TargetError:
            # It failed before the first step: no history tells that, the alarm does.
            return finding
        return msgspec.structs.replace(
            finding,
            alarm=_as_it_is_now(alarm, result),
            history=str(path),
            also=tuple(each.requirement for each in result.alarms if each.requirement != alarm.requirement),
        )


def _as_it_is_now(alarm: Alarm, result: Result) -> Alarm:
    """The alarm of another schedule about the same requirement: its operations are others, its cause is the same."""
    now = next((each for each in result.alarms if each.requirement == alarm.requirement), alarm)
    return msgspec.structs.replace(now, cause=alarm.cause)

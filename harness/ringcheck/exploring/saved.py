"""The examples that earlier explorations of a core have saved: whoever mends a bug wants to know at once."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from ringcheck.exploring.tally import chief, is_grave
from ringcheck.exploring.trial import Alarm, Trials
from ringcheck.schedule import Schedule


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What came of them: so many were carried out, and the last failed by `alarm`, or none did."""

    schedules: int = 0
    schedule: Schedule | None = None
    alarm: Alarm | None = None


def try_saved(trials: Trials, database: Path, stopped: Callable[[], bool]) -> Saved:
    """Carry out what is saved in `database` until something fails gravely; what does not is forgotten.

    Whatever requirement fails counts, also one that was not selected: a selection must not make anything forgotten.
    """
    if not database.is_dir():
        return Saved()
    schedules: set[Schedule] = set()  # a source may try one several times, to be sure
    alarm: Alarm | None = None

    def fails(schedule: Schedule) -> bool:
        nonlocal alarm
        if stopped():
            raise KeyboardInterrupt
        schedules.add(schedule)
        alarm = chief(trials.try_out(schedule).alarms)
        return alarm is not None and is_grave(alarm)

    try:
        schedule = trials.source.replay_saved(fails, database)
    except KeyboardInterrupt:
        return Saved(schedules=len(schedules))
    return Saved(schedules=len(schedules), schedule=schedule, alarm=alarm if schedule else None)

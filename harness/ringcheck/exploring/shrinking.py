"""From the schedule of a failing seed to a small one that fails alike."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from ringcheck.exploring.trial import Alarm, Trials
from ringcheck.schedule import Schedule


class Shrunk(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest schedule that was found. `why_not` says why it may not be the smallest there is; empty if it is."""

    schedule: Schedule
    tries: int
    why_not: str = ""


class _Stopped(KeyboardInterrupt):
    """Somebody wants an end; of this kind, since Hypothesis takes an Exception for one more failure."""


def shrink(
    trials: Trials,
    seed: int,
    alarm: Alarm,
    database: Path | None,
    *,
    tried: Callable[[int, int], None] = lambda _tries, _steps: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Shrunk:
    """Shrink the schedule of a seed that fails by `alarm`; the source keeps what it finds in `database`.

    `tried` is told after each try how many there were, and the steps of the smallest so far. When `stopped` says so,
    the smallest so far is returned.
    """
    smallest = trials.draw(seed)
    tries = 0
    fails_alike = trials.fails_alike(alarm.requirement)

    def fails(schedule: Schedule) -> bool:
        nonlocal smallest, tries
        if stopped():
            raise _Stopped
        tries += 1
        failing = fails_alike(schedule)
        if failing and len(schedule.steps) <= len(smallest.steps):
            smallest = schedule
        tried(tries, len(smallest.steps))
        return failing

    try:
        return Shrunk(schedule=trials.source.shrink(seed, fails, database), tries=tries)
    except _Stopped:
        why_not = "shrinking was interrupted"
    except Exception as error:
        said = next(iter(str(error).splitlines()), "no message")
        why_not = f"shrinking gave up: {type(error).__name__}: {said}"
    return Shrunk(schedule=smallest, tries=tries, why_not=why_not)

"""An end to what never ends: a core that loops for ever, in this very process or in a worker.

It is told by real time, since a core may also wait for ever; but not by the time in which a process waits for one of
the machine's own cores, else a core would be called endless because somebody else is busy.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

PATIENCE_S = 45.0
"""So long, in real seconds, may one schedule take; the pool is less patient with its workers."""
SOON_S = 0.001


def queued_s(pid: int | str = "self") -> float:
    """How long the main thread of a process could have run and had to wait for a core, in all; 0 where nobody tells."""
    try:
        # Three numbers, see Documentation/scheduler/sched-stats.rst of Linux: ns on a core, ns waiting for one, turns.
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, LookupError, ValueError):
        return 0.0


class Stopwatch:
    """The seconds of real time since it was made, less those in which a process waited for a core of the machine."""

    def __init__(self, pid: int | str = "self", queued: Callable[[int | str], float] = queued_s) -> None:
        self._pid = pid
        self._queued = queued
        self._queued_before = queued(pid)
        self._began = time.monotonic()

    @property
    def real_s(self) -> float:
        """All of the real time."""
        return time.monotonic() - self._began

    @property
    def seconds(self) -> float:
        """See above."""
        return self.real_s - (self._queued(self._pid) - self._queued_before)

    def exceeds(self, limit_s: float) -> bool:
        """Whether it is more than that; hardly ever has to ask the system."""
        return self.real_s > limit_s and self.seconds > limit_s


class NeverEndsError(Exception):
    """One schedule took so long that a core must be looping."""


@contextlib.contextmanager
def patience(seconds: float = PATIENCE_S) -> Iterator[None]:
    """Raise NeverEndsError wherever the program is when time is over; in the main thread alone, elsewhere do nothing.

    Whoever has set the same alarm before gets it back, with what is left of its time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> None:
        if (left := seconds - stopwatch.seconds) > SOON_S:
            signal.setitimer(signal.ITIMER_REAL, left)
        else:
            raise NeverEndsError(f"it did not come to an end within {seconds:g} s of real time")

    stopwatch = Stopwatch()
    handler = signal.signal(signal.SIGALRM, over)
    left, again = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - stopwatch.real_s, SOON_S), again)

"""An end to what never ends: a core that loops for ever in this very process."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

PATIENCE_S = 45.0
"""So long, in real seconds, may one schedule take; the pool is less patient with its workers."""


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
        raise NeverEndsError(f"it did not come to an end within {seconds:g} s of real time")

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, over)
    left, again = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), again)

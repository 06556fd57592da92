"""Ctrl-C and SIGTERM, taken as a wish to stop and not as a death."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stop_signals(*, insist: bool = False) -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the list that it gives, instead of dying of them. For the main thread.

    With `insist`, the second of them raises KeyboardInterrupt wherever the program is: something may be stuck.
    """
    stopped: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)
        if insist and len(stopped) > 1:
            raise KeyboardInterrupt

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

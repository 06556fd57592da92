"""Patience with what runs in this process: it ends, and whoever had an alarm keeps it."""

import signal
import time

import pytest

from ringcheck.exploring.patience import NeverEndsError, patience


def loop() -> None:
    """Never end."""
    while True:
        pass


def test_a_loop_is_ended() -> None:
    """Wherever it is."""
    with pytest.raises(NeverEndsError, match=r"within 0\.05 s"), patience(0.05):
        loop()


def test_what_ends_in_time_is_left_alone_and_so_is_an_earlier_alarm() -> None:
    """The alarm that was set before is set again, and its handler is back."""
    heard: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    left = signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with patience(30):
            assert heard == []
        deadline = time.monotonic() + 10
        while not heard and time.monotonic() < deadline:
            signal.sigtimedwait([], 0.05)
        assert heard == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *left)

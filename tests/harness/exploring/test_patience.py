"""Patience with what runs in this process: it ends, and whoever had an alarm keeps it."""

import signal
import time

import pytest

from ringcheck.exploring.patience import NeverEndsError, Stopwatch, patience, queued_s


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


class Queue:
    """Says how long a process has waited for a core, so much longer every time."""

    def __init__(self, more_s: float) -> None:
        self._more_s = more_s
        self._waited_s = 0.0

    def __call__(self, pid: int | str) -> float:
        """For the process `pid`."""
        self._waited_s += self._more_s
        return self._waited_s


def test_waiting_for_a_core_does_not_count() -> None:
    """A machine that is busy with something else makes nothing endless."""
    assert not Stopwatch(queued=Queue(1_000)).exceeds(0.0)
    assert Stopwatch(queued=Queue(0)).exceeds(-1.0)
    assert Stopwatch(queued=Queue(1_000)).seconds < 0


def test_the_alarm_is_put_off_by_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set again for what is left, and ends a loop in the end."""
    delays = iter([0.0, 0.2])
    monkeypatch.setattr("ringcheck.exploring.patience.Stopwatch", lambda: Stopwatch(queued=lambda _: next(delays, 0.2)))
    began = time.monotonic()
    with pytest.raises(NeverEndsError), patience(0.1):
        loop()
    assert time.monotonic() - began >= 0.3


def test_who_does_not_run_waits_for_nothing() -> None:
    """Where nobody tells, all time counts."""
    assert queued_s(0) == queued_s("nobody") == 0.0

"""Virtual time: a heap of moments, and the clocks that nodes go by."""

import itertools
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

ROUNDING_S = 1e-9
"""Two clocks are never compared more finely."""


class Scheduler:
    """Carries out what was put down for later, in the order of its moments; equal ones in the order of putting down.

    `now` is in seconds since the world began; it moves only in `run_for` and `run_until`.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = itertools.count()

    def at(self, moment: float, happening: Callable[..., object], *arguments: Any) -> None:
        """Let something happen at a moment; one that has passed counts as now."""
        heappush(self._heap, (moment, next(self._numbers), happening, arguments))

    def later(self, seconds: float, happening: Callable[..., object], *arguments: Any) -> None:
        """Let something happen so much later."""
        heappush(self._heap, (self.now + seconds, next(self._numbers), happening, arguments))

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        heap, deadline = self._heap, self.now + seconds
        while heap and heap[0][0] <= deadline:
            moment, _, happening, arguments = heappop(heap)
            if moment > self.now:
                self.now = moment
            happening(*arguments)
        self.now = max(self.now, deadline)

    def run_until(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Let time pass until a condition holds, asked after each happening; False if it does not by the deadline."""
        if condition():
            return True
        heap = self._heap
        while heap and heap[0][0] <= deadline:
            moment, _, happening, arguments = heappop(heap)
            if moment > self.now:
                self.now = moment
            happening(*arguments)
            if condition():
                return True
        self.now = max(self.now, deadline)
        return False


class NodeClock:
    """A node's own clock: it never goes back, but it may jump forward and run fast or slow."""

    def __init__(self) -> None:
        self.is_true = True
        """Whether it shows the world's time."""
        self._rate = 1.0
        self._since = 0.0
        self._shown = 0.0

    def read(self, now: float) -> float:
        """What it shows at a moment of the world."""
        if self.is_true:
            return now
        return self._shown + (now - self._since) * self._rate

    def moment(self, shown: float) -> float:
        """A moment of the world at which it shows this, or a nanosecond more, as it runs now."""
        if self.is_true:
            return shown
        return self._since + (shown - self._shown) / self._rate + ROUNDING_S

    def set(self, now: float, *, rate: float, jump: float) -> None:
        """From now on it runs at this rate; `jump` seconds are gone at once."""
        self._shown = self.read(now) + jump
        self._since = now
        self._rate = rate
        self.is_true = not self._shown and rate == 1.0

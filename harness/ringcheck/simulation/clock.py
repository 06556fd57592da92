"""Virtual time: a heap of moments, and the clocks that nodes go by."""

import heapq
from collections.abc import Callable
from typing import Any

ROUNDING_S = 1e-9
"""Two clocks are never compared more finely."""


class Scheduler:
    """Carries out what was put down for later, in the order of its moments; equal ones in the order of putting down.

    `now` is in seconds since the world began; it moves only in `run_until`.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, moment: float, happening: Callable[..., object], *arguments: Any) -> None:
        """Let something happen at a moment; one that has passed counts as now."""
        self._count += 1
        heapq.heappush(self._heap, (moment, self._count, happening, arguments))

    def later(self, seconds: float, happening: Callable[..., object], *arguments: Any) -> None:
        """Let something happen so much later."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + seconds, self._count, happening, arguments))

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until(_never, self.now + seconds)

    def run_until(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Let time pass until a condition holds, asked after each happening; False if it does not by the deadline."""
        if condition():
            return True
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= deadline:
            moment, _, happening, arguments = pop(heap)
            if moment > self.now:
                self.now = moment
            happening(*arguments)
            if condition is not _never and condition():
                return True
        self.now = max(self.now, deadline)
        return False


def _never() -> bool:
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

"""When the machine was too busy with something else to judge by: what took long then is nobody's fault.

Others on the machine slow the nodes as a fault would that nobody injected, and no node is to blame. A target that is
slow by itself, or fills the cores by its own work, starves nobody in this sense (see `Starved`) and is judged as ever.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from ringcheck.history import Event, Starved


class Starvation:
    """When threads of a run had to wait for cores that others had, and for how long. Times are seconds."""

    def __init__(self, events: Iterable[Event]) -> None:
        # One watch writes them one after another, so they are in order and do not overlap.
        self._stretches = [each for each in events if isinstance(each, Starved)]
        self._begins = [each.began for each in self._stretches]
        self._ends = [each.time for each in self._stretches]

    @property
    def total_s(self) -> float:
        """How long the machine was too busy."""
        return sum(each.time - each.began for each in self._stretches)

    def waited_s(self, start: float, stop: float) -> float:
        """How long one of them waited at the most, in the stretches that `start` to `stop` touches together."""
        return sum(each.waited_s for each in self._touching(start, stop))

    def share(self, start: float, stop: float) -> float:
        """Which part of the time from `start` to `stop` was taken away, from 0 to 1."""
        taken = sum(min(each.time, stop) - max(each.began, start) for each in self._touching(start, stop))
        return taken / (stop - start) if stop > start else 0.0

    def _touching(self, start: float, stop: float) -> Sequence[Starved]:
        return self._stretches[bisect_left(self._ends, start) : bisect_right(self._begins, stop)]

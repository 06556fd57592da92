"""Which disks were destroyed, and of what a copy must be left.

A disk is *destroyed* when it is wiped, or put back to an older copy of itself. What some distinct disks held is lost
only when as many distinct nodes had theirs destroyed; but from each convergence on, all owners hold it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from math import inf
from typing import Literal

from ringcheck.history import DiskLost

How = Literal["wiped", "rolled back"]


class Disks:
    """All losses of a run.

    `convergences`: time of each convergence → on how many disks what it showed lies for certain: N where the replicas
    were looked into, 1 where it was shown by reads alone.
    """

    def __init__(self, losses: Iterable[DiskLost], convergences: Mapping[float, int]) -> None:
        self._losses = sorted(losses, key=lambda loss: loss.time)
        self._times = [loss.time for loss in self._losses]
        self._copies = dict(sorted(convergences.items()))
        self.ever_destroyed = bool(self._losses)

    def destroyed(self, start: float, stop: float, how: How | None = None) -> tuple[str, ...]:
        """The nodes whose disk was destroyed from `start` to `stop`, each once, in order; by `how` alone if given."""
        if not self.ever_destroyed:
            return ()
        losses = self._losses[bisect_left(self._times, start) : bisect_right(self._times, stop)]
        return tuple(dict.fromkeys(loss.node for loss in losses if how in (None, loss.how)))

    def last_destroyed(self, until: float, how: How) -> float:
        """When a disk was last destroyed in this way before `until`."""
        return max((loss.time for loss in self._losses if loss.how == how and loss.time <= until), default=-inf)

    def keep(self, copies: int, start: float, until: float) -> bool:
        """Whether a copy is left at `until` for certain of what began at `start` and was on `copies` disks."""
        if not self.ever_destroyed:
            return True
        for convergence, shown in self._copies.items():
            if start < convergence < until:
                if len(self.destroyed(start, convergence)) >= copies:
                    return False
                start, copies = convergence, shown
        return len(self.destroyed(start, until)) < copies

    def keep_state(self, convergence: float, until: float) -> bool:
        """Whether a copy is left at `until` for certain of what was converged then."""
        return self.keep(self._copies.get(convergence, 1), convergence, until)

"""Admission control: how many clients' requests a node takes on, and how much background work it does beside them.

Dynamo's section 6.5: background work (handoff, anti-entropy, transfer) gets slices of what the node can do, and a
controller changes their number by the latency of the foreground, the requests of clients. While the 99th percentile
is above the threshold, slices are halved; while it is not, they grow by one. One always stays, so that a cluster
converges however busy it is; and a node that nobody asks has nothing to protect and does as much as it can.

The paper looks at the last 60 seconds at each decision. Here every decision has a window of its own, which is over
once it has seen enough requests to speak of a percentile: what began before a decision says nothing of what that
decision has brought about, and would have the controller punish background work a minute long for one bad second.
"""

import math
from collections.abc import Hashable, Iterable
from itertools import takewhile
from typing import Final

MOST_SLICES: Final = 16
THRESHOLD: Final = 0.05
"""Seconds, the paper's; the 99th percentile is to stay below."""
_SLOW_SHARE: Final = 0.01
"""The 99th percentile is above the threshold exactly when more than this share is."""
_ENOUGH: Final = 100
"""So many requests have a 99th percentile that is not simply the slowest of them."""
_SHORTEST: Final = 0.5
_LONGEST: Final = 10.0
"""Seconds that a window lasts: as long as it takes to see enough requests, within these bounds."""

_IDLE: Final = 1.0
"""A node that has answered nobody for so many seconds, and has nobody waiting, is not asked at present."""


class Admission:
    """Counts the requests in flight, at most `most_in_flight`, and sets the slices by how long each takes."""

    def __init__(self, most_in_flight: int, threshold: float = THRESHOLD) -> None:
        self.refused = 0
        """How many requests were too many."""
        self._most = most_in_flight
        self._threshold = threshold
        self._began: dict[Hashable, float] = {}
        """When each request in flight began, the oldest first."""
        self._slices = MOST_SLICES
        self._since = 0.0
        self._due = 0.0
        self._last = -math.inf
        """When a request was answered last."""
        self._count = 0
        """Requests that began in this window and were answered, and how many of them were slow."""
        self._slow = 0

    def begin(self, request: Hashable, now: float) -> bool:
        """Whether the node takes one more request on; from then on it is in flight."""
        if len(self._began) >= self._most:
            self.refused += 1
            return False
        self._began[request] = now
        return True

    def end(self, request: Hashable, now: float) -> None:
        """It was answered, well or not. One that is not in flight is ignored."""
        began = self._began.pop(request, None)
        if began is None:
            return
        self._last = now
        if began >= self._since:
            self._count += 1
            if now - began > self._threshold:
                self._slow += 1
        if now >= self._due:
            self._decide(now)

    def holds(self, request: Hashable) -> bool:
        """Whether a request is in flight."""
        return request in self._began

    @property
    def in_flight(self) -> int:
        """Requests taken on and not answered yet."""
        return len(self._began)

    def slices(self, now: float) -> int:
        """How much background work to do, 1 to MOST_SLICES."""
        if now >= self._due:
            self._decide(now)
        return self._slices

    def share(self, most: int, now: float) -> int:
        """How many of `most` background requests may be under way; at least 1."""
        return max(1, most * self.slices(now) // MOST_SLICES)

    def _decide(self, now: float) -> None:
        """Close the window, unless it has not seen enough yet."""
        overdue = _overdue(self._began.values(), now - self._threshold)
        count, slow = self._count + overdue, self._slow + overdue
        if not self._began and now - self._last >= _IDLE:
            self._slices = MOST_SLICES
        elif slow > _SLOW_SHARE * max(count, _ENOUGH):
            # With fewer than enough, whatever the others of the first hundred are like.
            self._slices = max(1, self._slices // 2)
        elif count < _ENOUGH and (not count or now - self._since < _LONGEST):
            self._due = now + _SHORTEST
            return
        else:
            self._slices = min(MOST_SLICES, self._slices + 1)
        self._since, self._due = now, now + _SHORTEST
        self._count = self._slow = 0


def _overdue(began: Iterable[float], latest: float) -> int:
    """How many of those in flight, the oldest first, have taken too long already."""
    return sum(1 for _ in takewhile(lambda at: at < latest, began))

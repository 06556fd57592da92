"""What goes on while an operation is under way: the same for all that begin and end between the same moments.

Disturbances change at few moments, and many operations lie between two of them. What is worked out for one of these
holds for the others.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import inf, isfinite

from ringcheck.judging.groups import largest_group, mutual_reach, reach_under
from ringcheck.judging.operations import Operation
from ringcheck.judging.passage import Passage
from ringcheck.judging.timeline import Disturbance, Timeline
from ringcheck.judging.views import Views
from ringcheck_chaos.faults import CLIENT

ROUNDING_S = 1e-6
"""Far more than what is lost when a time is shifted there and back."""


class Situation:
    """What may disturb, and what surely disturbs, an operation from `start` to `stop` that is owed since `begin`.

    disturbed  something may have suffered since `begin`
    cut        a link of it was cut, or a node down
    steady     for certain nothing changed among the nodes since `begin`, and it is known what works
    critical   something is to be said of an operation that was answered OK, too

    passage    who counts while members change, where `views` are given and they do

    Where `views` are given, only nodes count as together that any of them names.
    """

    def __init__(self, timeline: Timeline, begin: float, start: float, stop: float, views: Views | None = None) -> None:
        touching = timeline.touching(begin, stop)
        throughout = [each for each in touching if each.blocking and each.surely_throughout(start, stop)]
        self.disturbed = bool(touching)
        self.cut = any(each.blocking for each in touching)
        self.steady = begin >= 0 and all(_unchanging(each, begin, stop) for each in touching)
        self.critical = bool(throughout) or (self.steady and self.disturbed)
        present = timeline.present(start, stop)
        self.passage = None if views is None else Passage.of(views, timeline, begin, stop)
        named = present
        if views is not None:
            members = self.passage.there if self.passage else views.certain(begin, stop)
            named = tuple(node for node in present if node in members)
        self._together = Remembered(partial(largest_group, reach=reach_under(named, touching)))
        self._connected = Remembered(partial(mutual_reach, reach=reach_under(present, throughout)))
        self._shaken_since_begin = _shaken(touching)
        self._shaken_since_start = _shaken(each for each in touching if each.possibly_within(start, stop))

    def together(self, node: str) -> frozenset[str]:
        """The largest group with `node` in which everybody can send to everybody, at the least."""
        return self._together[node]

    def connected(self, node: str) -> frozenset[str]:
        """All that can have exchanged messages with `node`, over others too, at the most; empty when it is down."""
        return self._connected[node]

    def at_hand(self, node: str) -> bool:
        """Whether `node` ran since `begin`, and the client's way to it was open."""
        return node not in self._shaken_since_begin

    def asked_freely(self, node: str) -> bool:
        """Whether `node` ran since `start`, and the client's way to it was open."""
        return node not in self._shaken_since_start


class Situations:
    """The situations of operations that are owed since `lead_s` before they began."""

    def __init__(self, timeline: Timeline, lead_s: float, views: Views | None = None) -> None:
        moments = {moment for each in timeline.disturbances for moment in each.moments()}
        moments |= {moment for life in timeline.lives.values() for moment in life}
        moments |= set(views.moments) if views else set()
        self._moments = sorted(moment for moment in {0.0, *moments} if isfinite(moment))
        self._timeline = timeline
        self._views = views
        self._lead_s = lead_s
        self._found: dict[tuple[int, int, int], Situation] = {}
        self._last: Situation | None = None
        self._after_begin = self._after_start = self._after_stop = inf
        self._before_begin = self._before_start = self._before_stop = -inf

    def striking(self, operations: Iterable[Operation]) -> Iterator[tuple[Operation, Situation]]:
        """The operations of which something may be to say: not those answered OK while nothing critical went on.

        One comparison of its start and its stop settles an operation in the situation that was found uncritical last.
        """
        after_start = after_stop = inf
        before_start = before_stop = -inf
        for operation in operations:
            start, stop = operation.start, operation.stop
            if after_start < start < before_start and after_stop < stop < before_stop and operation.ok:
                continue
            situation = self.of(start, stop)
            if situation.critical or not operation.ok:
                yield operation, situation
            elif situation.disturbed:
                after_start = max(self._after_begin + self._lead_s + ROUNDING_S, self._after_start)
                before_start = min(self._before_begin + self._lead_s - ROUNDING_S, self._before_start)
                after_stop, before_stop = self._after_stop, self._before_stop
            else:
                # Nor is anything disturbed between the two, whichever moments lie there.
                after_start, before_start = self._after_begin + self._lead_s + ROUNDING_S, inf
                after_stop, before_stop = -inf, self._before_stop

    def of(self, start: float, stop: float) -> Situation:
        """The situation of an operation."""
        begin = start - self._lead_s
        if (
            self._last is None
            or not self._after_begin < begin < self._before_begin
            or not self._after_start < start < self._before_start
            or not self._after_stop < stop < self._before_stop
        ):
            key = self._place(begin), self._place(start), self._place(stop)
            if key not in self._found:
                self._found[key] = Situation(self._timeline, begin, start, stop, self._views)
            self._last = self._found[key]
            self._after_begin, self._before_begin = self._around(begin)
            self._after_start, self._before_start = self._around(start)
            self._after_stop, self._before_stop = self._around(stop)
        return self._last

    def _place(self, time: float) -> int:
        """Even numbers lie between two moments, odd ones are a moment itself."""
        return bisect_left(self._moments, time) + bisect_right(self._moments, time)

    def _around(self, time: float) -> tuple[float, float]:
        """The moments next to a time, before and after; itself twice if it is one."""
        before, after = bisect_right(self._moments, time) - 1, bisect_left(self._moments, time)
        return (
            self._moments[before] if before >= 0 else -inf,
            self._moments[after] if after < len(self._moments) else inf,
        )


class Remembered(dict[str, frozenset[str]]):
    """Node → its group; worked out when it is first asked for."""

    def __init__(self, find: Callable[[str], frozenset[str]]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, node: str) -> frozenset[str]:
        return self.setdefault(node, self._find(node))


def _unchanging(each: Disturbance, begin: float, stop: float) -> bool:
    return not each.erratic and (each.surely_throughout(begin, stop) or not each.between_nodes())


def _shaken(touching: Iterable[Disturbance]) -> set[str]:
    """The nodes that were down, or to which the client's way suffered."""
    shaken = set[str]()
    for each in touching:
        shaken |= {each.node} if each.node else {end for way in each.directions if CLIENT in way for end in way}
    return shaken

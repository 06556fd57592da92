"""Stretches of a run in which every quorum was met by home nodes, as far as the nodes' counters show.

Such a stretch begins with an observation of a converged cluster ("start", "held"). It lasts as long as no fault, kill,
restart or membership change may have happened, and later observations find the same incarnations with the same counts
of hints stored and of fallback reads.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, nextafter
from operator import attrgetter

from ringcheck.history import Counters, Observation
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run


@dataclass(frozen=True, slots=True)
class Stretch:
    """What follows one observation of a converged cluster, in seconds.

    proven      the counters had not moved until then
    moved       how they had moved when next looked at; empty when they never did
    disturbed   when something may first have been disturbed, and `what`
    """

    begin: float
    proven: float
    moved: str
    disturbed: float
    what: str


class Quiet:
    """All quiet stretches of a run. With `through_changes` a membership change does not end one."""

    def __init__(self, run: Run, *, through_changes: bool = False) -> None:
        held = [each.seen["held"].time for each in run.settlements if each.by_inspection and "held" in each.seen]
        bases = [
            place
            for place, each in enumerate(run.observations)
            if (each.why == "start" or each.time in held) and _counters(each)
        ]
        self._stretches = [
            _stretch(run, run.observations[begin:end], through_changes=through_changes)
            for begin, end in pairwise([*bases, len(run.observations)])
        ]
        self._begins = [each.begin for each in self._stretches]
        self._timeline = run.timeline

    def proven(self, start: float, stop: float) -> bool:
        """Whether it was quiet for certain from the last convergence before `start` until `stop`."""
        stretch = self._at(start)
        return stretch is not None and stop <= stretch.proven and stop < stretch.disturbed

    def gets(self, reads: Sequence[Operation]) -> list[Operation]:
        """Of Gets in the order in which they were asked, those answered OK for which `proven` holds."""
        found: list[Operation] = []
        for stretch in self._stretches:
            last = min(stretch.proven, stretch.disturbed)
            begin = bisect_left(reads, stretch.begin, key=attrgetter("start"))
            end = bisect_right(reads, last, lo=begin, key=attrgetter("start"))
            proven, disturbed = stretch.proven, stretch.disturbed
            found += [get for get in reads[begin:end] if get.ok and get.stop <= proven and get.stop < disturbed]
        return found

    def divided(self, operations: Sequence[Operation]) -> Iterator[tuple[float, Sequence[Operation]]]:
        """Operations in the order of their starts, by stretch, with the last stop for which `proven` holds of them."""
        begin, proven = 0, -inf
        for stretch in self._stretches:
            end = bisect_left(operations, stretch.begin, lo=begin, key=attrgetter("start"))
            yield proven, operations[begin:end]
            begin, proven = end, min(stretch.proven, nextafter(stretch.disturbed, -inf))
        yield proven, operations[begin:]

    def suspicion(self, start: float, stop: float) -> str:
        """What speaks against quiet from the last convergence before `start` until `stop`; empty for nothing known.

        Where no convergence was looked into, only what a world of its own can do to messages, disks and clocks.
        """
        stretch = self._at(start)
        if stretch is None:
            return next((each.what for each in self._timeline.touching(0.0, stop) if each.erratic or each.disk), "")
        if stretch.disturbed <= stop:
            return stretch.what
        return stretch.moved if stop > stretch.proven else ""

    def _at(self, start: float) -> Stretch | None:
        place = bisect_right(self._begins, start) - 1
        return self._stretches[place] if place >= 0 else None


def _stretch(run: Run, observations: Sequence[Observation], *, through_changes: bool) -> Stretch:
    """From the first of these observations on; the others are all until the next converged cluster but one."""
    base = observations[0]
    disturbed = [(each.may_begin, each.what) for each in run.timeline.touching(base.time, inf)]
    if not through_changes:
        disturbed += [(change.start, str(change)) for change in run.views.unsettled(base.time, inf)]
    first, what = min(disturbed, default=(inf, ""))
    proven, moved = base.time, ""
    for later in observations[1:]:
        if moved := _difference(base, later):
            break
        proven = later.began
    return Stretch(base.time, proven, moved, first, what)


def _counters(observation: Observation) -> dict[str, tuple[str, Counters]]:
    """Incarnation and counters of every node; empty where a node shows none."""
    nodes = observation.nodes.items()
    found = {name: (node.incarnation, node.counters) for name, node in nodes if node.counters is not None}
    return found if len(found) == len(observation.nodes) else {}


def _difference(base: Observation, later: Observation) -> str:
    """What has moved, in a few words. Who was not there counts from 0."""
    before, after = _counters(base), _counters(later)
    for name in before:
        if name not in after or after[name][0] != before[name][0]:
            return f"{name} was restarted"
    for name, (_, counters) in after.items():
        hints, reads = (before[name][1].hints_stored, before[name][1].fallback_reads) if name in before else (0, 0)
        if counters.hints_stored > hints:
            return f"{name} stored a hint"
        if counters.fallback_reads > reads:
            return f"{name} counted a stand-in's reply to a Get"
    return ""

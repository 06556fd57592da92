"""When which links and nodes suffered, as far as is certain.

A fault sets in somewhere between two moments and ends somewhere between two others. Between the inner two it was in
force for certain; outside the outer two it was not. Judges ask for the side that cannot accuse anybody wrongly.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf

from ringcheck.history import DiskLost, Event, FaultBegan, FaultEnded, NodeDown, NodeUp, SettleBegan
from ringcheck_chaos.faults import (
    CLIENT,
    Direction,
    DiskErrors,
    Fault,
    MessageFault,
    SimulatedFault,
    blocks,
    describe,
    directions,
)


@dataclass(frozen=True, slots=True, eq=False)
class Disturbance:
    """One fault (`directions`), one node that was down or one disk destroyed (`node`), with its moments in seconds.

    blocking  whether no byte gets through, or the node does not run
    erratic   whether nobody can say what still works, for certain or for the most: messages, disks, clocks
    disk      the node whose disk was destroyed or fails
    """

    may_begin: float
    begun: float
    ends: float
    ended: float
    what: str
    directions: frozenset[Direction] = frozenset()
    blocking: bool = True
    node: str = ""
    erratic: bool = False
    disk: str = ""

    def surely_throughout(self, start: float, stop: float) -> bool:
        """In force for certain at every moment from `start` to `stop`."""
        return self.begun <= start and stop <= self.ends

    def possibly_within(self, start: float, stop: float) -> bool:
        """Possibly in force at some moment from `start` to `stop`."""
        return self.may_begin <= stop and start <= self.ended

    def between_nodes(self) -> bool:
        """Whether it concerns the nodes among themselves, not only a client's way to one of them."""
        return bool(self.node) or any(CLIENT not in direction for direction in self.directions)

    def moments(self) -> tuple[float, float, float, float]:
        """When it may begin, has begun, ends and has ended."""
        return self.may_begin, self.begun, self.ends, self.ended


class Timeline:
    """All disturbances of a history, found by the stretch of time that they touch.

    lives  node → from its first start until it was gone for good, of those that were not there all the time
    """

    def __init__(
        self,
        disturbances: Iterable[Disturbance],
        nodes: Iterable[str],
        lives: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.nodes = tuple(nodes)
        self.lives = lives or {}
        self.disturbances: Sequence[Disturbance] = sorted(disturbances, key=lambda each: each.may_begin)
        self._begins = [each.may_begin for each in self.disturbances]
        self._latest_end = list(accumulate((each.ended for each in self.disturbances), max))

    def touching(self, start: float, stop: float) -> tuple[Disturbance, ...]:
        """Those possibly in force at some moment from `start` to `stop`, in the order in which they began."""
        found: list[Disturbance] = []
        for place in range(bisect_right(self._begins, stop) - 1, -1, -1):
            if self._latest_end[place] < start:
                break
            if self.disturbances[place].ended >= start:
                found.append(self.disturbances[place])
        return tuple(reversed(found))

    def present(self, start: float, stop: float) -> tuple[str, ...]:
        """The nodes that were there at some moment from `start` to `stop`, up or down."""
        if not self.lives:
            return self.nodes
        return tuple(node for node in self.nodes if self.begin(node) <= stop and start < self._end(node))

    def calm(self, start: float, stop: float) -> bool:
        """Whether for certain nothing was disturbed from `start` to `stop`."""
        return self.last_trouble(stop) < start

    def last_trouble(self, until: float) -> float:
        """When the last of all disturbances that had possibly begun by `until` had ended, which may be later."""
        place = bisect_right(self._begins, until) - 1
        return self._latest_end[place] if place >= 0 else -inf

    def surely_down(self, node: str, start: float, stop: float) -> bool:
        """Whether `node` did not run for certain, from `start` to `stop` without a break."""
        touching = self.touching(start, stop)
        return any(each.node == node and each.blocking and each.surely_throughout(start, stop) for each in touching)

    def erratic(self, start: float, stop: float) -> bool:
        """Whether messages may have been late or lost at random from `start` to `stop`, a disk or a clock unsound."""
        return any(each.erratic for each in self.touching(start, stop))

    def sound_disk(self, node: str, start: float, stop: float) -> bool:
        """Whether for certain the disk of `node` was not destroyed, and none of its writes failed."""
        return all(each.disk != node for each in self.touching(start, stop))

    def blacked_out(self, start: float, stop: float) -> bool:
        """Whether between `start` and `stop` all nodes went down, so that at one moment none ran."""
        return start <= self.last_blackout(stop)

    def last_blackout(self, until: float) -> float:
        """When the first node may have gone of the last moment before `until` at which none ran."""
        return max((first for first, last in self._blackouts if last <= until), default=-inf)

    @cached_property
    def _blackouts(self) -> list[tuple[float, float]]:
        """Moments at which no node ran: when the first of them may have gone, and when the last was gone."""
        outages = [each for each in self.disturbances if each.node and each.blocking]
        found = []
        for last in outages:
            down = [each for each in outages if each.surely_throughout(last.begun, last.begun)]
            if {each.node for each in down} >= set(self.present(last.begun, last.begun)):
                found.append((min(each.may_begin for each in down), last.begun))
        return found

    def begin(self, node: str) -> float:
        """When `node` was started for the first time, as far as it was not there from the start."""
        return self.lives[node][0] if node in self.lives else -inf

    def _end(self, node: str) -> float:
        return self.lives[node][1] if node in self.lives else inf


def timeline(
    events: Sequence[Event], nodes: Iterable[str], settled_without: Callable[[str, float], float] = lambda *_: inf
) -> Timeline:
    """The disturbances that a history tells of in a cluster that begins with `nodes`.

    `settled_without`: when, after a moment, a node that is down is missed by nobody any more (see `Views`).
    """
    started = {event.node: event.began for event in reversed(events) if isinstance(event, NodeUp)}
    initial = tuple(nodes)
    joiners = {node: began for node, began in started.items() if node not in initial}
    names = (*initial, *sorted(joiners))
    outages = list(_outages(events, settled_without))
    gone = {each.node: each.ended for each in outages if each.ends == inf and each.ended < inf}
    lives = {node: (joiners.get(node, -inf), gone.get(node, inf)) for node in joiners.keys() | gone.keys()}
    return Timeline([*_faults(events, names), *outages, *_losses(events)], names, lives)


def _faults(events: Sequence[Event], nodes: tuple[str, ...]) -> Iterable[Disturbance]:
    ends = {event.fault_id: event for event in events if isinstance(event, FaultEnded)}
    settles = [event.time for event in events if isinstance(event, SettleBegan)]
    for event in events:
        if not isinstance(event, FaultBegan):
            continue
        end = ends.get(event.fault_id)
        # A fault whose end was not recorded is healed by the next Settle at the soonest, and nobody knows when.
        healing = next((time for time in settles if time >= event.time), inf)
        yield Disturbance(
            may_begin=event.began,
            begun=event.time,
            ends=end.began if end else healing,
            ended=end.time + _aftermath_s(event.fault) if end else inf,
            what=describe(event.fault),
            directions=directions(event.fault, nodes),
            blocking=blocks(event.fault),
            erratic=isinstance(event.fault, SimulatedFault),
            disk=event.fault.node if isinstance(event.fault, DiskErrors) else "",
        )


def _aftermath_s(fault: Fault) -> float:
    """How long after its end a message may still arrive that it made late."""
    return fault.delay_ms / 1000 if isinstance(fault, MessageFault) else 0.0


def _outages(events: Sequence[Event], settled_without: Callable[[str, float], float]) -> Iterable[Disturbance]:
    down: dict[str, NodeDown] = {}
    for event in events:
        match event:
            case NodeDown(node=node):
                down.setdefault(node, event)
            case NodeUp(node=node) if node in down:
                gone = down.pop(node)
                yield Disturbance(gone.began, gone.time, event.began, event.time, _outage(gone), node=node)
    for node, gone in down.items():
        missed_until = settled_without(node, gone.time)
        yield Disturbance(gone.began, gone.time, inf, missed_until, _outage(gone), node=node)


def _outage(gone: NodeDown) -> str:
    return f"{gone.node} {'killed' if gone.killed else 'died by itself'}"


def _losses(events: Sequence[Event]) -> Iterable[Disturbance]:
    """A disk is destroyed in a moment."""
    for event in events:
        if isinstance(event, DiskLost):
            time, what = event.time, f"the disk of {event.node} {event.how}"
            yield Disturbance(time, time, time, time, what, blocking=False, node=event.node, disk=event.node)

"""Who is a member when, as far as is certain: the changes of a run, and what converged views showed.

A change takes effect at some nodes sooner than at others. From the moment in which it is asked for until the next
convergence nobody can say whose view holds it; an answer other than OK leaves open whether anybody's does. Judges ask
for the side that cannot accuse anybody wrongly: who may have been a member, or who was one in every view.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Literal

from ringcheck.client import DEFINITE
from ringcheck.history import Change, ChangeDone, DiskLost, Event, Observation
from ringcheck.judging.settlements import Settlement

OK = "OK"
NEVER = frozenset(code.name for code in DEFINITE)


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A change that an operator asked for. `done` is None for one that was still open when the history ended."""

    asked: Change
    done: ChangeDone | None

    @property
    def kind(self) -> Literal["join", "leave", "remove"]:
        """What was asked for."""
        return self.asked.kind

    @property
    def node(self) -> str:
        """Whom it is about."""
        return self.asked.node

    @property
    def start(self) -> float:
        """When it was sent."""
        return self.asked.time

    @property
    def stop(self) -> float:
        """When it was answered; infinite where it never was."""
        return inf if self.done is None else self.done.time

    @property
    def ok(self) -> bool:
        """Whether it was answered OK, so that W nodes hold it durably."""
        return self.done is not None and self.done.code == OK

    @property
    def refused(self) -> bool:
        """Whether it certainly never takes effect."""
        return self.done is not None and self.done.code in NEVER

    def __str__(self) -> str:
        verb = {"join": "joining", "leave": "leaving", "remove": "removal"}[self.kind]
        return f"the {verb} of {self.node}"


class Views:
    """The changes of a history, and who belongs to the cluster between them.

    initial  the members at the start
    settled  of each Settle that converged: when it began, and when it was known
    seen     when it was known → the members that all views showed then, where they were looked into
    """

    def __init__(
        self,
        changes: Iterable[MembershipChange],
        initial: Iterable[str],
        settled: Iterable[tuple[float, float]],
        seen: Mapping[float, Sequence[str]],
    ) -> None:
        self.changes = tuple(changes)
        self.effective = tuple(change for change in self.changes if not change.refused)
        """Those that took effect, or may have."""
        self.initial = frozenset(initial)
        self._seen = dict(sorted(seen.items()))
        self._settled = tuple(settled)
        self._found: dict[tuple[float, float], tuple[frozenset[str], frozenset[str]]] = {}

    @classmethod
    def of(cls, events: Sequence[Event], initial: Iterable[str], settlements: Sequence[Settlement]) -> "Views":
        """What a history tells of them."""
        done = {event.number: event for event in events if isinstance(event, ChangeDone)}
        changes = [MembershipChange(event, done.get(event.number)) for event in events if isinstance(event, Change)]
        converged = [each for each in settlements if each.converged]
        return cls(changes, initial, [(each.began, _known(each)) for each in converged], _members_seen(converged))

    def possible(self, start: float, stop: float) -> frozenset[str]:
        """Who may have been a member, in anybody's view, at some moment from `start` to `stop`."""
        return self._members(start, stop)[0]

    def certain(self, start: float, stop: float) -> frozenset[str]:
        """Who was a member in every view, at every moment from `start` to `stop`."""
        return self._members(start, stop)[1]

    def unsettled(self, start: float, stop: float) -> Sequence[MembershipChange]:
        """The changes begun by `stop` that did not lie behind a convergence by `start`."""
        if not self.effective:
            return ()
        return [change for change in self.effective if change.start <= stop and self.settled_at(change) > start]

    def settled_at(self, change: MembershipChange) -> float:
        """When the first Settle that began after a change had converged; infinite without one."""
        return next((known for began, known in self._settled if change.stop <= began), inf)

    def asked(self, kind: str, start: float, stop: float) -> Sequence[MembershipChange]:
        """The changes of a kind that were sent from `start` to `stop` and not refused."""
        return [change for change in self.effective if change.kind == kind and start <= change.start <= stop]

    def told(self, seen: Observation) -> frozenset[str]:
        """Who hears of changes, by the end of a look: members, and those that have left.

        Nobody does who may have been removed by then. Whose joining is in doubt does where somebody who does lists it.
        """
        asked = self.asked("join", -inf, seen.time)
        removed = {change.node for change in self.asked("remove", -inf, seen.time)}
        certain = (self.initial | {change.node for change in asked if change.ok and change.stop <= seen.time}) - removed
        voices = [node for name, node in seen.nodes.items() if name in certain]
        listed = {name for node in voices for names in (node.members, node.draining) for name in names}
        return certain | ({change.node for change in asked} & listed - removed)

    def host(self, node: str) -> str:
        """The physical machine that a node was said to be on when it joined; its own id where nothing is known."""
        return next((change.asked.host for change in self.changes if change.node == node and change.asked.host), node)

    def losses(self) -> Sequence[DiskLost]:
        """A removed node never runs again, so its disk is as good as lost, from the moment of its removal."""
        return [
            DiskLost(time=change.start, node=change.node, how="wiped") for change in self.asked("remove", -inf, inf)
        ]

    def settled_without(self, node: str, since: float) -> float:
        """From when on, after `since`, nobody misses `node`: converged views do not name it. Infinite if never."""
        if not self.effective:
            return inf
        if node not in self.possible(since, since):
            return since
        later = (known for _, known in self._settled if known >= since and node not in self.possible(known, known))
        return next(later, inf)

    def _members(self, start: float, stop: float) -> tuple[frozenset[str], frozenset[str]]:
        if not self.effective:
            return self.initial, self.initial
        key = self._place(start), self._place(stop)
        if key not in self._found:
            self._found[key] = self._worked_out(start, stop)
        return self._found[key]

    def _place(self, moment: float) -> float:
        """The last moment of any importance up to `moment`; all between two such are alike."""
        return max((each for each in self.moments if each <= moment), default=-inf)

    @cached_property
    def moments(self) -> Sequence[float]:
        """When something is asked for, answered, or found settled."""
        asked = {moment for each in self.effective for moment in (each.start, each.stop)}
        return sorted({known for _, known in self._settled} | asked)

    def _worked_out(self, start: float, stop: float) -> tuple[frozenset[str], frozenset[str]]:
        shown = max((time for time in self._seen if time <= start and self._seen[time]), default=-inf)
        possible = set(self._seen[shown]) if shown in self._seen else set(self.initial)
        certain = set(possible)
        left: set[str] = set()
        for change in self.effective:
            if change.start > stop:
                break
            settled = self.settled_at(change)
            if settled <= shown:
                continue
            known = change.ok and settled <= start
            if change.kind == "join" and change.node not in left:
                possible.add(change.node)
                if known:
                    certain.add(change.node)
            elif change.kind != "join":
                certain.discard(change.node)
                left.add(change.node)
                if known:
                    possible.discard(change.node)
        return frozenset(possible), frozenset(certain)


def _known(settlement: Settlement) -> float:
    """When the last look at a converged cluster began; without one, when it was told that it had converged."""
    return settlement.seen["held"].began if "held" in settlement.seen else settlement.ended


def _members_seen(converged: Iterable[Settlement]) -> Mapping[float, Sequence[str]]:
    found: dict[float, Sequence[str]] = {}
    for settlement in converged:
        seen = settlement.seen.get("held")
        views = {node.members for node in seen.nodes.values()} if seen is not None else set()
        if len(views) == 1:
            found[_known(settlement)] = views.pop()
    return found

"""The Settles of a history: whether the cluster converged, and what every node returned then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from ringcheck.history import Converged, Diverged, Event, Observation, SettleBegan
from ringcheck.judging.operations import Operation


@dataclass(slots=True)
class Settlement:
    """One Settle.

    index     its place among the Settles of the schedule, from 0
    began     when all operations were awaited and healing began
    ended     when it converged, or was given up; infinite where the history ends before
    outcome   None where the history ends before
    seen      the last observation made in it of each kind ("converged", "held", "diverged")
    finals    key → node → the final read that was answered OK
    """

    index: int
    began: float
    ended: float = inf
    outcome: Converged | Diverged | None = None
    seen: dict[str, Observation] = field(default_factory=dict)
    finals: dict[str, dict[str, Operation]] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether a converged state was reached."""
        return isinstance(self.outcome, Converged)

    @property
    def by_inspection(self) -> bool:
        """Whether a converged state was reached and seen in the replicas, not by reads alone."""
        return isinstance(self.outcome, Converged) and self.outcome.by == "inspect"


def settlements(events: Iterable[Event], finals: Iterable[Operation]) -> tuple[Settlement, ...]:
    """All Settles that were begun, in order, with these final reads."""
    found: list[Settlement] = []
    for event in events:
        match event:
            case SettleBegan(time=time, index=index):
                found.append(Settlement(index=index, began=time))
            case Observation(why="converged" | "held" | "diverged") if found and found[-1].outcome is None:
                found[-1].seen[event.why] = event
            case Converged(time=time) | Diverged(time=time) if found:
                found[-1].ended = time
                found[-1].outcome = event
    _sort_in(found, finals)
    return tuple(found)


def _sort_in(found: Sequence[Settlement], finals: Iterable[Operation]) -> None:
    """Give each final read to the Settle that had ended last; a later answer of a node replaces an earlier one."""
    current = -1
    for read in finals:
        while current + 1 < len(found) and found[current + 1].began <= read.start:
            current += 1
        if read.ok and current >= 0 and read.start >= found[current].ended:
            found[current].finals.setdefault(read.key, {})[read.node] = read

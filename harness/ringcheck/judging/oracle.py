"""The causal oracle: whether what a converged cluster returns for a key can be explained by what was asked of it.

Let S be the values that the nodes return for a key in a converged state; that all return the same ones is judged apart.

* A write is *effective for certain* when it was acknowledged, when a converged S holds its value, or when any Get
  returned its value; as long as not so many disks were destroyed that every copy may be gone. An acknowledged write
  lay on W disks, a value that was read on one at the least, and what was converged on all N.
* A Delete that ended indefinitely, or whose copies may be gone, *may be effective* when it supersedes no member of S.
  Such a Put that is not in S hides nothing: had it taken effect, it would be in S, or what supersedes it supersedes
  all that it did.

S is right exactly when
  (1) every member of S is a Put that was begun and did not fail definitely (`reads` judges this, at every Get);
  (2) no member of S is superseded by a write that is effective for certain;
  (3) every Put that is effective for certain and not in S is superseded by a write that is, or may be, effective;
  (4) no Put that had ended before an earlier convergence and was absent from its S is in a later S; but a disk that
      was rolled back since the last convergence may bring back one that was lost with a disk before.

Every convergence is judged, so that a later write cannot hide an earlier loss. The tests compare this rule with the
enumeration of every subset of indefinite writes. The cost is linear in the operations of the key, for each
convergence only in those that are new and those that something is wrong with.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from math import inf

from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.disks import Disks
from ringcheck.judging.operations import Operation
from ringcheck.judging.waiting import Waiting


@dataclass(frozen=True, slots=True)
class ConvergedState:
    """What one convergence showed of one key: the final read of each node, and when it was reached."""

    time: float
    answers: Mapping[str, Operation]


class Wrong(Enum):
    """The ways in which a converged state can be wrong."""

    LOST = "lost"
    FALSE_SIBLING = "false sibling"
    RESURRECTED = "resurrected"


@dataclass(frozen=True, slots=True)
class Defect:
    """A Put that a converged state should hold and does not, or holds and should not.

    by          a write that supersedes it, for a false sibling or a resurrection
    nodes       those that returned it; for a loss, all that were asked
    remaining   the Puts that were returned
    gone_since  for a resurrection: the time of the earlier convergence that lacked it
    """

    wrong: Wrong
    put: Operation
    state: ConvergedState
    nodes: tuple[str, ...]
    by: Operation | None = None
    remaining: tuple[Operation, ...] = ()
    gone_since: float | None = None


class Oracle:
    """Judges the converged states of one key, in order; knows afterwards what was gone in which."""

    def __init__(self, causality: Causality, disks: Disks) -> None:
        self.gone: dict[int, float] = {}
        """Puts that had ended before a convergence and were absent from its S: id → time of the first such one."""
        self.mislaid: set[int] = set()
        """Those of them that may have been lost with a disk, not superseded: a disk rolled back may hold them."""
        self.effective: dict[int, Operation] = {}
        """Writes effective for certain at the last convergence judged."""
        self.newly_gone: Mapping[int, Operation] = {}
        """What was found gone at the last convergence judged, and had not been before."""
        self._returned: dict[int, list[tuple[float, float]]] = {}
        self._times: list[float] = []
        self._disks = disks
        self._causality = causality
        self._superseded = Superseded(causality)
        self._writes = Waiting(causality.writes)
        self._witnesses = Waiting(_witnesses(causality))
        self._visible: dict[int, Operation] = {}
        self._to_vanish: dict[int, Operation] = {}
        self._told: set[tuple[int, Wrong]] = set()

    @property
    def superseded(self) -> Set[int]:
        """What is superseded by a write that is effective for certain, and the Gets on the way."""
        return self._superseded.ids

    @property
    def ever_brought_back(self) -> bool:
        """Whether a disk rolled back brought something back that had been lost."""
        return bool(self._returned)

    def lacked(self, put: Operation, start: float, stop: float) -> float | None:
        """Since when converged states had lacked `put`, when nothing can bring it back from `start` to `stop`.

        None when they had not, and when a disk was destroyed between the last of them and `stop`.
        """
        absences: Sequence[tuple[float, float]] = self._returned.get(put.id, ())
        for since, until in (*absences, (self.gone.get(put.id, inf), inf)):
            if since < start <= until and not self._disks.destroyed(self._last_before(start), stop):
                return since
        return None

    def judge(self, state: ConvergedState) -> Iterator[Defect]:
        """All that is wrong with `state` and was not told of an earlier one."""
        present = {put.id: put for each in state.answers.values() for put in self._causality.writes_returned(each)}
        self._forget(state)
        self._take_in(state, present)
        yield from self._unexpected(state, present)
        yield from self._missing(state, present)
        self._remember(state, present)

    def _last_before(self, moment: float) -> float:
        return self._times[bisect_left(self._times, moment) - 1]

    def _forget(self, state: ConvergedState) -> None:
        """Start anew when so many disks were destroyed that nothing of the last state is certain to be left."""
        if self._times and not self._disks.keep_state(self._times[-1], state.time):
            self.mislaid |= self.gone.keys()
            self.effective = {}
            self._visible = {}
            self._superseded = Superseded(self._causality)

    def _take_in(self, state: ConvergedState, present: Mapping[int, Operation]) -> None:
        """Add the writes of which this state makes certain that they took effect."""
        effective, ended = self.effective, self._writes.take(state.time, state.time)
        self._to_vanish |= {write.id: write for write in ended if write.kind == "put"}
        shown = [*present.values(), *self._acknowledged(ended, state.time), *self._witnessed(state.time)]
        new = {write.id: write for write in shown if write.id not in effective}
        effective |= new
        superseded = self._superseded.by(new.values()).ids
        unsuperseded = [write for write in (self._visible | new).values() if write.id not in superseded]
        self._visible = {write.id: write for write in unsuperseded if write.kind == "put"}

    def _acknowledged(self, ended: Iterable[Operation], time: float) -> Iterable[Operation]:
        """The writes that were acknowledged, if a copy is left at `time` for certain."""
        found = [write for write in ended if write.ok]
        if not self._disks.ever_destroyed:
            return found
        return [write for write in found if self._disks.keep(write.quorum, write.start, time)]

    def _witnessed(self, time: float) -> Iterable[Operation]:
        """The Puts whose values were read, if no disk was destroyed since."""
        reads = self._witnesses.take(time, time)
        found = (put for read in reads for put in self._causality.writes_returned(read))
        return [put for put in found if not self._disks.destroyed(put.start, time)]

    def _unexpected(self, state: ConvergedState, present: Mapping[int, Operation]) -> Iterator[Defect]:
        """Rules (2) and (4)."""
        rolled_back = self._times and self._disks.destroyed(self._times[-1], state.time, "rolled back")
        for number, put in present.items():
            since = self.gone.get(number)
            wrong = Wrong.FALSE_SIBLING if since is None else Wrong.RESURRECTED
            if since is not None and rolled_back and number in self.mislaid and number not in self.superseded:
                self._bring_back(put, since, state)
            elif (since is not None or number in self.superseded) and self._new(put, wrong):
                nodes = tuple(node for node, answer in state.answers.items() if put.value in answer.values)
                remaining = tuple(present.values())
                yield Defect(wrong, put, state, nodes, self._superseder(put), remaining, gone_since=since)

    def _missing(self, state: ConvergedState, present: Mapping[int, Operation]) -> Iterator[Defect]:
        """Rule (3)."""
        missing = sorted(self._visible.keys() - present.keys())
        if not missing:
            return
        covering = self._causality.reaching(present.values())
        doubtful = (
            write
            for write in self._causality.writes
            if write.kind == "delete" and write.start <= state.time and self._may_be_effective(write)
        )
        excused = Superseded(self._causality).by(
            delete
            for delete in doubtful
            if (context := self._causality.context_of(delete)) is None or context.id not in covering
        )
        for put in (self._visible[number] for number in missing):
            if put.id not in excused and self._new(put, Wrong.LOST):
                yield Defect(Wrong.LOST, put, state, tuple(state.answers), remaining=tuple(present.values()))

    def _may_be_effective(self, write: Operation) -> bool:
        return write.in_doubt or (write.ok and write.id not in self.effective)

    def _remember(self, state: ConvergedState, present: Mapping[int, Operation]) -> None:
        gone = {number: put for number, put in self._to_vanish.items() if number not in present}
        self._to_vanish = {number: put for number, put in present.items() if number in self._to_vanish}
        self.gone |= dict.fromkeys(gone, state.time)
        self.newly_gone = gone
        self._times.append(state.time)
        if self._disks.ever_destroyed:
            unexplained = gone.keys() - self.effective.keys() - self.superseded
            self.mislaid |= {each for each in unexplained if self._disks.destroyed(gone[each].start, state.time)}

    def _bring_back(self, put: Operation, since: float, state: ConvergedState) -> None:
        """A disk rolled back held a Put that had been lost."""
        self._returned.setdefault(put.id, []).append((since, state.time))
        del self.gone[put.id]
        self.mislaid.discard(put.id)
        self._to_vanish[put.id] = put

    def _superseder(self, put: Operation) -> Operation | None:
        """The first write effective for certain that supersedes `put`; an acknowledged one if there is one."""
        covering = self._causality.reaching([put])
        found = (write for write in self.effective.values() if write.context_of in covering)
        return min(found, key=lambda write: (not write.ok, write.stop, write.id), default=None)

    def _new(self, put: Operation, wrong: Wrong) -> bool:
        known = (put.id, wrong) in self._told
        self._told.add((put.id, wrong))
        return not known


def _witnesses(causality: Causality) -> Iterable[Operation]:
    """The Gets that returned what was not acknowledged; whatever else they returned, they are not needed to show it."""
    doubtful = {value for value, put in causality.puts.items() if not put.ok}
    if not doubtful:
        return ()
    return [read for read in causality.reads if not doubtful.isdisjoint(read.values)]

"""Alibis: keys of which one glance at each operation proves that the oracle would find nothing wrong.

Nearly every key of an honest store has one, at a fraction of what the oracle costs. The glance goes through all
operations in the order in which they were asked, and remembers little of each key. A key has an alibi when

* every value that a Get returned is that of one Put, which was begun before the Get ended, was not refused, and either
  is in the last converged state or was begun since;
* every context is that of a Get or Put of the key that had been answered OK before;
* what took effect for certain, the writes that were acknowledged and the Puts whose values any Get returned, had ended
  by the next convergence;
* every converged state holds, at every node, just what so took effect and no context of theirs had returned.

Then whatever a context covers took effect too, so that what is superseded at first hand is all that is superseded. A
converged state holds nothing that is, lacks nothing that is not, and what it lacks is in none of the later ones; no Get
returns it. What does not fit proves nothing against a key, which is the oracle's then. Where a disk was destroyed,
members changed, or operations are not told in the order of their starts, no key has an alibi.

A Get is up to date (KV-13) that returned just what was live when it was asked: what had been acknowledged by then is
live, or superseded by what is or by a Delete that had begun. It is up to date, too, if what it lacks of that was on its
way, and if it returned instead what is superseded by nothing but what was on its way. The `odd` ones are left to judge.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import cast

from ringcheck.judging.causality import Causality
from ringcheck.judging.operations import Operation
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held

NOTHING: tuple[str, ...] = ()


def alibis(run: Run, quiet: Quiet) -> Mapping[str, "Alibi"]:
    """The keys that have one. What their Gets reflect is looked at where it was `quiet`."""
    if run.disks.ever_destroyed or run.views.effective or not run.in_order:
        return {}
    settlements = [each for each in run.settlements if run.at_rest(each)]
    operations = list(run.operations.values())
    found = {key: Alibi(causality) for key, causality in run.keys.items()}
    begin, last = 0, -inf
    for settlement in (*settlements, None):
        until = inf if settlement is None else settlement.ended
        if until < last:
            return {}
        end = bisect_right(operations, until, lo=begin, key=attrgetter("start"))
        for proven, span in quiet.divided(operations[begin:end]):
            glance(span, found, run.operations.get, proven, until)
        for key, alibi in found.items():
            alibi.solve()
            if settlement is not None:
                alibi.converge(settlement, settlement.finals.get(key, {}), run.nodes)
        begin, last = end, until
    return {key: alibi for key, alibi in found.items() if alibi.is_proved()}


def glance(
    span: Iterable[Operation],
    alibis: Mapping[str, "Alibi"],
    find: Callable[[int], Operation | None],
    proven: float,
    until: float,
) -> None:
    """The one look at each operation, where it was quiet until `proven`, and the next convergence is at `until`."""
    for operation in span:
        alibi = alibis[operation.key]
        if operation.is_write:
            number = operation.context_of
            alibi.take(operation, None if number is None else find(number), until)
            continue
        values, live = operation.values, alibi.live
        fits = len(values) == len(live)
        for value in values:
            if value not in live:
                alibi.puzzles.append((value, operation))
                fits = False
        stop = operation.stop
        if stop < operation.start or (len(values) > 1 and len(set(values)) < len(values)):
            alibi.holds = False
        if stop <= proven and operation.ok:
            if not fits and not alibi.explains(operation, find):
                alibi.odd.append(operation)
            elif values:
                alibi.current += 1


@dataclass(slots=True, eq=False)
class Alibi:
    """What is remembered of one key on the way: little and in few places, so that thousands of keys stay at hand.

    holds    nothing has spoken against it
    live     value → its Put, of what took effect and no context has returned yet
    told     of every Put its value and, as the next item, what its context had returned
    deletes  each with what its context had returned
    missed   writes that were not acknowledged
    vain     those Puts among them that never took effect, as far as anybody saw
    puzzles  values that Gets returned though they were not live, with the Get
    odd      Gets in quiet stretches of which nothing shows that they are up to date
    current  how many others there returned anything
    """

    causality: Causality
    holds: bool = True
    live: dict[str, Operation] = field(default_factory=dict)
    told: list[Sequence[str]] = field(default_factory=list)
    deletes: list[tuple[Operation, Sequence[str]]] = field(default_factory=list)
    missed: list[Operation] = field(default_factory=list)
    vain: list[Operation] = field(default_factory=list)
    puzzles: list[tuple[str, Operation]] = field(default_factory=list)
    odd: list[Operation] = field(default_factory=list)
    current: int = 0
    # Of the last converged state: its time, what it held, and how much had been told, was superseded, or was gone.
    _time: float = -inf
    _visible: Set[str] = frozenset()
    _mark: int = 0
    _superseded: int = 0
    _gone: int = 0
    # Of all converged states: what had been gone before, each time it was, and how many held siblings.
    _still_gone: int = 0
    _sibling_states: int = 0

    def take(self, write: Operation, context: Operation | None, until: float) -> None:
        """Take in a write that was given this context, and that should end before the next convergence, at `until`."""
        value, seen = write.value, NOTHING
        if context is not None:
            strange = not context.ok or context.stop > write.start or context.key != write.key
            if context.value is not None:
                seen = (context.value,)
            else:
                seen, strange = context.values, strange or context.is_write
        else:
            strange = write.context_of is not None or write.asked.malformed
        if (strange or (value is None) == (write.kind == "put")) and not write.refused:
            self.holds = False
        if value is None:
            self.deletes.append((write, seen))
        else:
            self.told.append(value)
            self.told.append(seen)
        if not write.ok:
            self.missed.append(write)
            if value not in self.causality.returned or write.refused:
                self.vain += [write] if value is not None else ()
                return
        if write.stop > until:
            self.holds = False
        live = self.live
        for each in seen:
            live.pop(each, None)
        if value is not None:
            live[value] = write

    def explains(self, get: Operation, find: Callable[[int], Operation | None]) -> bool:
        """Whether only writes that were on their way when a Get was asked make what it returned differ from `live`."""
        live, returned = self.live, set(get.values)
        # What a Put on its way supersedes is there still, or superseded by what is there.
        reflected = returned.union(*(_seen(put, find) for value, put in live.items() if value in returned))
        for value, put in live.items():
            if value not in returned and (put.stop <= get.start or not reflected.issuperset(_seen(put, find))):
                return False
        writes = self.causality.writes
        end = bisect_left(writes, get.start, key=attrgetter("start"))
        for value in returned.difference(live):
            if (old := self.causality.put_of(value, get.stop)) is None:
                return False
            begin = bisect_right(writes, old.start, hi=end, key=attrgetter("start"))
            for write in writes[begin:end]:
                under_way = write.stop > get.start and (write.value is None or write.value in live)
                if not under_way and not write.refused and value in _seen(write, find):
                    return False
        return True

    def solve(self) -> None:
        """Whether what Gets returned had been there since the last converged state, if no longer or not yet."""
        for value, get in self.puzzles if self.holds else ():
            put = self.causality.put_of(value, get.stop)
            begun = put is not None and not put.refused and put.start <= get.stop
            if put is None or not begun or (put.start <= self._time and value not in self._visible):
                self.holds = False
        self.puzzles.clear()

    def converge(self, settlement: Settlement, answers: Mapping[str, Operation], nodes: Iterable[str]) -> None:
        """Compare what took effect with the answers of a converged state."""
        live, returned = self.live, {answer.values for answer in answers.values()}
        if not answers.keys() >= set(nodes) or any(sorted(values) != sorted(live) for values in returned):
            self.holds = False
        if not self.holds:
            return
        self._time, self._visible, self._mark = settlement.ended, frozenset(live), len(self.told)
        self._superseded = len(self.told) // 2 - len(self.vain) - len(live)
        self._still_gone += self._gone
        self._gone = self._superseded + len(self._ended_in_vain())
        self._sibling_states += len([put for put in live.values() if put.ok]) > 1

    def is_proved(self) -> bool:
        """Whether nothing has spoken against the key, and no two Puts were to write one value."""
        return self.holds and 2 * len(set(self.told[::2])) == len(self.told)

    def held(self, run: Run) -> Iterator[Held]:
        """What the judge of the key's converged states would say of them all together."""
        if self._time < 0:
            return
        yield Held("DUR-01", self._acknowledged_since(run.timeline.last_trouble(self._time)))
        yield Held("DUR-02", self._acknowledged_since(run.timeline.last_blackout(self._time)))
        yield Held("SIB-01", self._sibling_states)
        yield Held("SIB-02", self._superseded)
        shaky = [seen for each, seen in self.deletes if each.ok and not run.timeline.calm(each.start, each.stop)]
        gone = self._covered_by(shaky).intersection(self.told[: self._mark : 2]) - self._visible if shaky else ()
        yield Held("SIB-03", self._still_gone + len(gone))
        yield Held("KV-14", sum(put.refused for put in self._ended_in_vain()))

    def _ended_in_vain(self) -> Sequence[Operation]:
        """Those in vain that had ended by the last convergence."""
        return [put for put in self.vain if put.stop <= self._time]

    def _acknowledged_since(self, happened: float) -> int:
        """How many acknowledged writes were judged after something had happened since they began."""
        until = min(happened, self._time)
        begun = bisect_right(self.causality.writes, until, key=attrgetter("start"))
        return begun - len([write for write in self.missed if write.start <= until])

    def _covered_by(self, contexts: Iterable[Sequence[str]]) -> set[str]:
        """The values that contexts of these values cover, at whichever hand."""
        seen = dict(zip(cast("list[str]", self.told[::2]), self.told[1::2], strict=True))
        found = set[str]()
        stack = [value for values in contexts for value in values]
        while stack:
            value = stack.pop()
            if value not in found:
                found.add(value)
                stack += seen[value]
        return found


def _seen(write: Operation, find: Callable[[int], Operation | None]) -> Sequence[str]:
    """The values that the context of a write covers at first hand."""
    context = None if write.context_of is None else find(write.context_of)
    if context is None:
        return NOTHING
    return context.values if context.value is None else (context.value,)

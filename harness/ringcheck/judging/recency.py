"""KV-13: in quiet times, with R+W>N, a Get reflects every write that was acknowledged before it began."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from math import inf
from operator import attrgetter

from ringcheck.judging import words
from ringcheck.judging.alibis import Alibi
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.disks import Disks
from ringcheck.judging.operations import Operation
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_recency(run: Run, quiet: Quiet, cleared: Mapping[str, Alibi]) -> Iterator[Statement]:
    """Every Get that was answered in a stretch proved quiet; of the keys that are `cleared`, the odd ones."""
    if "inspect" not in run.profiles:
        return
    held = 0
    for key, causality in run.keys.items():
        if (alibi := cleared.get(key)) is not None:
            gets, held = alibi.odd, held + alibi.current
        else:
            gets = quiet.gets(causality.reads)
            if not gets or causality.ambiguous:
                continue
        held += len([get for get in gets if get.values])
        for quorum in sorted({get.quorum for get in gets}):
            reflection = Reflection(causality, run.n - quorum, run.disks)
            for get in (get for get in gets if get.quorum == quorum):
                breaches = reflection.judge(get)
                yield from breaches
                held -= bool(breaches and get.values)
    yield Held("KV-13", held)


class Reflection:
    """What Gets of one key must reflect: the writes acknowledged by more than `least` nodes before they began.

    A write of which every copy may have gone with a disk is not looked for.

    Gets are judged in the order in which they began. Only the newest writes have to be looked for: what they supersede
    is reflected when they are.
    """

    def __init__(self, causality: Causality, least: int, disks: Disks) -> None:
        self._causality = causality
        strong = [write for write in causality.writes if write.ok and write.asked.quorum > least]
        if disks.ever_destroyed:
            strong = [write for write in strong if disks.keep(write.quorum, write.start, inf)]
        self._acknowledged = sorted(strong, key=attrgetter("stop"), reverse=True)
        self._superseded = Superseded(causality)
        self._newest: dict[int, Operation] = {}
        self._to_begin = [each for each in reversed(causality.writes) if each.kind == "delete" and not each.refused]
        self._begun: list[Operation] = []

    def judge(self, get: Operation) -> Sequence[Breach]:
        """What is wrong with one Get that was answered OK."""
        self._advance(get.start)
        returned = {put.id: put for put in self._causality.writes_returned(get)}
        if returned.keys() == self._newest.keys():
            return ()
        stale = returned.keys() & self._superseded.ids
        missing = self._newest.keys() - returned.keys()
        if missing:
            missing = missing - self._reflected(get, returned.values())
        return [
            *(self._stale(get, put) for number, put in returned.items() if number in stale),
            *(self._missing(get, put) for number, put in self._newest.items() if number in missing),
        ]

    def _reflected(self, get: Operation, returned: Iterable[Operation]) -> Set[int]:
        """What is superseded by what a Get returned, or by a Delete that may have taken effect before it ended."""
        superseded = self._superseded.ids
        while self._to_begin and self._to_begin[-1].start < get.stop:
            self._begun.append(self._to_begin.pop())
        # What is superseded already supersedes none of the newest, so neither it nor these Deletes are looked at again.
        self._begun = [delete for delete in self._begun if delete.context_of not in superseded]
        deletes = (delete for delete in self._begun if delete.start < get.stop)
        return Superseded(self._causality, superseded).by([*returned, *deletes]).ids

    def _advance(self, until: float) -> None:
        """Take in the writes acknowledged before `until`."""
        new = []
        while self._acknowledged and self._acknowledged[-1].stop <= until:
            new.append(self._acknowledged.pop())
        if not new:
            return
        superseded = self._superseded.by(new).ids
        self._newest |= {write.id: write for write in new if write.kind == "put"}
        self._newest = {number: put for number, put in self._newest.items() if number not in superseded}

    def _stale(self, get: Operation, put: Operation) -> Breach:
        expected = f"A write acknowledged before {words.at(get.start)} supersedes {words.named(put)}, so it is gone."
        return self._breach(get, put, expected)

    def _missing(self, get: Operation, put: Operation) -> Breach:
        expected = (
            f"{words.named(put)} was acknowledged at {words.at(put.stop)} by W={put.quorum} nodes, and nothing "
            f"disturbed the cluster, so a Get with R={get.quorum} that began later reflects it."
        )
        return self._breach(get, put, expected)

    def _breach(self, get: Operation, put: Operation, expected: str) -> Breach:
        return Breach(
            requirement="KV-13",
            expected=expected,
            actual=f"{words.named(get)} through {get.node}, asked at {words.at(get.start)}, returned "
            f"{words.values(get.values)}.",
            key=get.key,
            operations=tuple(each.id for each in sorted([get, put], key=lambda each: each.start)),
            nodes=(get.node,),
            time=get.stop,
        )

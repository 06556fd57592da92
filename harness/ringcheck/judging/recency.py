"""KV-13: in quiet times, with R+W>N, a Get reflects every write that was acknowledged before it began."""

from collections.abc import Iterator

from ringcheck.judging import words
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.operations import Operation
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_recency(run: Run, quiet: Quiet) -> Iterator[Statement]:
    """Every Get that was answered in a stretch proved quiet."""
    if "inspect" not in run.profiles:
        return
    for causality in run.keys.values():
        if causality.ambiguous:
            continue
        everything = causality.operations.values()
        gets = [each for each in everything if not each.is_write and each.ok and quiet.proven(each.start, each.stop)]
        for quorum in sorted({get.asked.quorum for get in gets}):
            reflection = Reflection(causality, run.n - quorum)
            for get in (get for get in gets if get.asked.quorum == quorum):
                yield from reflection.judge(get)


class Reflection:
    """What Gets of one key must reflect: the writes acknowledged by more than `least` nodes before they began.

    Gets are judged in the order in which they began. Only the newest writes have to be looked for: what they supersede
    is reflected when they are.
    """

    def __init__(self, causality: Causality, least: int) -> None:
        self._causality = causality
        strong = (each for each in causality.operations.values() if each.is_write and each.ok)
        self._acknowledged = sorted(
            (write for write in strong if write.asked.quorum > least), key=lambda write: write.stop, reverse=True
        )
        self._superseded = Superseded(causality)
        self._newest: dict[int, Operation] = {}
        self._deletes = [each for each in causality.operations.values() if each.asked.kind == "delete"]

    def judge(self, get: Operation) -> Iterator[Statement]:
        """One Get that was answered OK."""
        self._advance(get.start)
        returned = {put.id: put for put in self._causality.writes_returned(get)}
        stale = [put for number, put in returned.items() if number in self._superseded]
        missing = [put for number, put in self._newest.items() if number not in returned]
        if missing:
            deletes = (each for each in self._deletes if each.start < get.stop and not each.refused)
            reflected = Superseded(self._causality).by([*returned.values(), *deletes])
            missing = [put for put in missing if put.id not in reflected]
        for put in stale:
            expected = (
                f"A write acknowledged before {words.at(get.start)} supersedes {words.named(put)}, so it is gone."
            )
            yield self._breach(get, put, expected)
        for put in missing:
            expected = (
                f"{words.named(put)} was acknowledged at {words.at(put.stop)} by W={put.asked.quorum} nodes, and "
                f"nothing disturbed the cluster, so a Get with R={get.asked.quorum} that began later reflects it."
            )
            yield self._breach(get, put, expected)
        if not stale and not missing and (self._newest or returned):
            yield Held("KV-13")

    def _advance(self, until: float) -> None:
        """Take in the writes acknowledged before `until`."""
        new = []
        while self._acknowledged and self._acknowledged[-1].stop <= until:
            new.append(self._acknowledged.pop())
        if not new:
            return
        self._superseded.by(new)
        self._newest |= {write.id: write for write in new if write.asked.kind == "put"}
        self._newest = {number: put for number, put in self._newest.items() if number not in self._superseded}

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

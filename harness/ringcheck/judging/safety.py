"""Safety of every key: its converged states by the oracle, and each of its reads."""

from collections.abc import Iterator, Mapping
from math import inf
from operator import attrgetter

from ringcheck.judging import words
from ringcheck.judging.alibis import Alibi
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.charging import charge, disagreement
from ringcheck.judging.disks import How
from ringcheck.judging.dissent import parties, said
from ringcheck.judging.operations import Operation
from ringcheck.judging.oracle import ConvergedState, Defect, Oracle, Wrong
from ringcheck.judging.reads import judge_reads
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck.judging.waiting import Waiting

JUDGED_AT_CONVERGENCE = ("DUR-01", "DUR-02", "SIB-01", "SIB-02", "SIB-03", "KV-14")

LOSSES: Mapping[str, How] = {"DUR-03": "wiped", "DUR-04": "rolled back"}
"""What is judged where disks were destroyed, and how."""


def judge_safety(run: Run, cleared: Mapping[str, Alibi]) -> Iterator[Statement]:
    """DUR-01 to DUR-04, SIB-01 to SIB-04 and KV-14, KV-01, KV-02 of every key, and agreement of the final reads.

    `cleared` are the keys that have an alibi.
    """
    judged = (*JUDGED_AT_CONVERGENCE, *(name for name, how in LOSSES.items() if run.disks.destroyed(0.0, inf, how)))
    if run.views.effective:
        judged += ("MEM-02",)
    for settlement in run.settlements:
        if not settlement.converged:
            reason = f"the cluster did not converge in settle {settlement.index + 1}"
        elif not run.at_rest(settlement):
            reason = f"messages may still have been on their way after settle {settlement.index + 1}"
        else:
            continue
        yield from (Unclear(requirement, reason) for requirement in judged)
    for key, causality in run.keys.items():
        if (alibi := cleared.get(key)) is not None:
            yield from alibi.held(run)
            yield from judge_reads(run, causality)
            continue
        keeper = KeyJudge(run, key, causality)
        if causality.ambiguous:
            yield from (Unclear(each, f"key {words.value(key)}: {causality.ambiguous}") for each in judged)
        else:
            yield from keeper.judge_states()
        yield from judge_reads(run, causality, keeper.oracle)


class KeyJudge:
    """Goes through the converged states of one key, in order."""

    def __init__(self, run: Run, key: str, causality: Causality) -> None:
        self.oracle = Oracle(causality, run.disks)
        self._run = run
        self._key = key
        self._causality = causality
        self._accused: set[int] = set()
        acknowledged = [write for write in causality.writes if write.ok]
        self._undisturbed = Waiting(acknowledged)
        self._unkilled = Waiting(acknowledged)
        self._unmoved = Waiting(acknowledged)
        stop = attrgetter("stop")
        losses = LOSSES if run.disks.ever_destroyed else ()
        self._kept = {name: Waiting(sorted(acknowledged, key=stop), stop) for name in losses}
        deletes = [write for write in acknowledged if write.kind == "delete"]
        shaky = [delete for delete in deletes if not run.timeline.calm(delete.start, delete.stop)]
        self._deleted_under_fault = Superseded(causality).by(shaky)

    def judge_states(self) -> Iterator[Statement]:
        """Every converged state that showed this key."""
        for settlement in self._run.settlements:
            answers = settlement.finals.get(self._key, {})
            if not self._run.at_rest(settlement) or not answers:
                continue
            for node in (node for node in self._run.answering(settlement) if node not in answers):
                yield Unclear("DUR-01", f"{node} answered no final read of {words.value(self._key)}")
            state = ConvergedState(settlement.ended, answers)
            defects = list(self.oracle.judge(state))
            self._accused |= {defect.put.id for defect in defects}
            yield from (self._breach(defect) for defect in defects)
            yield from self._disagreement(state)
            yield from self._held(state)
            yield from self._moved(settlement, state)

    def _breach(self, defect: Defect) -> Breach:
        put, state = defect.put, defect.state
        reads = [state.answers[node] for node in defect.nodes]
        story = [*filter(None, (self._causality.context_of(put), put, defect.by)), *reads[:2]]
        if defect.by is not None and (context := self._causality.context_of(defect.by)) is not None:
            story.append(context)
        return Breach(
            requirement=charge(defect, self._run, self._causality),
            expected=_expected(defect),
            actual=_actual(defect, tuple(defect.state.answers)),
            key=self._key,
            operations=tuple(each.id for each in sorted(set(story), key=lambda each: (each.start, each.id))),
            nodes=defect.nodes,
            time=state.time,
        )

    def _disagreement(self, state: ConvergedState) -> Iterator[Breach]:
        if len({answer.values for answer in state.answers.values()}) < 2:
            return
        groups = parties(state.answers)
        if len(groups) > 1:
            yield Breach(
                requirement=disagreement(self._run),
                expected=f"In a converged state every node returns the same values for {words.value(self._key)}.",
                actual="; ".join(said(groups)) + ".",
                key=self._key,
                operations=tuple(sorted(state.answers[nodes[0]].id for nodes in groups.values())),
                nodes=tuple(nodes[0] for nodes in groups.values()),
                time=state.time,
            )

    def _held(self, state: ConvergedState) -> Iterator[Held | Unclear]:
        timeline, disks, accused = self._run.timeline, self._run.disks, self._accused
        yield Held("DUR-01", self._count(self._undisturbed, timeline.last_trouble(state.time), state))
        yield Held("DUR-02", self._count(self._unkilled, timeline.last_blackout(state.time), state))
        for name, waiting in self._kept.items():
            destroyed = disks.last_destroyed(state.time, LOSSES[name])
            yield from (Unclear(name, reason) for reason in self._beyond_budget(waiting, destroyed, state))
            yield Held(name, self._count(waiting, destroyed, state))
        present = [put for put in self._returned_everywhere(state) if put.ok and put.id not in accused]
        yield Held("SIB-01", int(len(present) > 1))
        oracle, newly_gone = self.oracle, self.oracle.newly_gone
        superseded = (newly_gone.keys() & oracle.superseded) - accused
        yield Held("SIB-02", len(superseded))
        uncounted = sum(oracle.gone.get(number, state.time) < state.time for number in oracle.mislaid | accused)
        still_gone = len(oracle.gone) - len(newly_gone) - uncounted
        yield Held("SIB-03", still_gone + len(superseded & self._deleted_under_fault.ids))
        yield Held("KV-14", sum([put.refused for put in newly_gone.values() if not put.ok]))

    def _moved(self, settlement: Settlement, state: ConvergedState) -> Iterator[Held]:
        """MEM-02: every write so far that came through a change that the last convergence had not seen."""
        views, since = self._run.views, self._run.converged_before(settlement.began)
        if any(change.ok for change in views.unsettled(since, settlement.began)):
            yield Held("MEM-02", self._count(self._unmoved, state.time, state))

    def _count(self, waiting: Waiting, happened: float, state: ConvergedState) -> int:
        """Count, once each, the writes effective for certain since which something has happened."""
        ripe, accused = waiting.take(happened, state.time), self._accused
        if self._run.disks.ever_destroyed:
            ripe = [write for write in ripe if write.id in self.oracle.effective]
        return len([write for write in ripe if write.id not in accused] if accused else ripe)

    def _beyond_budget(self, waiting: Waiting, happened: float, state: ConvergedState) -> Iterator[str]:
        """Which writes are not judged: those that may have lost every copy."""
        for write in waiting.ripe(happened, state.time):
            if write.id not in self.oracle.effective:
                lost = words.nodes(self._run.disks.destroyed(write.start, state.time))
                quorum = f"a write that W={write.quorum} nodes acknowledged"
                yield f"{lost} lost their disks, on which every copy of {quorum} may have been"

    def _returned_everywhere(self, state: ConvergedState) -> list[Operation]:
        common = set.intersection(*(set(answer.values) for answer in state.answers.values()))
        return [put for value in sorted(common) if (put := self._causality.puts.get(value)) is not None]


def _expected(defect: Defect) -> str:
    put = defect.put
    match defect.wrong:
        case Wrong.LOST if put.ok:
            return (
                f"{words.named(put)} was acknowledged at {words.at(put.stop)} and no later write had seen it, "
                "so every node returns it after healing."
            )
        case Wrong.LOST:
            return f"{words.named(put)} had been returned by a Get and no later write had seen it, so it stays."
        case Wrong.RESURRECTED:
            since = words.at(defect.gone_since or 0.0)
            return f"{words.named(put)} was absent from the converged state of {since}, so it never returns."
        case Wrong.FALSE_SIBLING:
            by = words.named(defect.by) if defect.by else "A later write"
            return f"{by} was given a context that covers {words.named(put)}, so that is not returned after healing."


def _actual(defect: Defect, nodes: tuple[str, ...]) -> str:
    everywhere = set(defect.nodes) >= set(nodes)
    who = "every node" if everywhere else words.nodes(defect.nodes)
    what = words.values(put.value or "" for put in defect.remaining)
    return f"In the converged state of {words.at(defect.state.time)} {who} returned {what}."

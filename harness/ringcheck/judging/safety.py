"""Safety of every key: its converged states by the oracle, and each of its reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from math import inf

from ringcheck.judging import words
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.charging import charge, disagreement
from ringcheck.judging.disks import How
from ringcheck.judging.operations import Operation
from ringcheck.judging.oracle import ConvergedState, Defect, Oracle, Wrong
from ringcheck.judging.reads import judge_reads
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach

JUDGED_AT_CONVERGENCE = ("DUR-01", "DUR-02", "SIB-01", "SIB-02", "SIB-03", "KV-14")

LOSSES: Mapping[str, How] = {"DUR-03": "wiped", "DUR-04": "rolled back"}
"""What is judged where disks were destroyed, and how."""


def judge_safety(run: Run) -> Iterator[Statement]:
    """DUR-01 to DUR-04, SIB-01 to SIB-04 and KV-14, KV-01, KV-02 of every key, and agreement of the final reads."""
    judged = (*JUDGED_AT_CONVERGENCE, *(name for name, how in LOSSES.items() if run.disks.destroyed(0.0, inf, how)))
    for settlement in run.settlements:
        if not settlement.converged:
            reason = f"the cluster did not converge in settle {settlement.index + 1}"
        elif not run.at_rest(settlement):
            reason = f"messages may still have been on their way after settle {settlement.index + 1}"
        else:
            continue
        yield from (Unclear(requirement, reason) for requirement in judged)
    for key, causality in run.keys.items():
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
        self._undisturbed = [each for each in causality.operations.values() if each.is_write and each.ok]
        self._unkilled = list(self._undisturbed)
        self._kept = {name: list(self._undisturbed) for name in LOSSES if run.disks.ever_destroyed}
        shaky = (each for each in self._undisturbed if each.asked.kind == "delete" and self._disturbed(each, each.stop))
        self._deleted_under_fault = Superseded(causality).by(shaky)

    def judge_states(self) -> Iterator[Statement]:
        """Every converged state that showed this key."""
        for settlement in self._run.settlements:
            answers = settlement.finals.get(self._key, {})
            if not self._run.at_rest(settlement) or not answers:
                continue
            for node in (node for node in self._run.nodes if node not in answers):
                yield Unclear("DUR-01", f"{node} answered no final read of {words.value(self._key)}")
            state = ConvergedState(settlement.ended, answers)
            defects = list(self.oracle.judge(state))
            self._accused |= {defect.put.id for defect in defects}
            yield from (self._breach(defect) for defect in defects)
            yield from self._disagreement(state)
            yield from self._held(state)

    def _breach(self, defect: Defect) -> Breach:
        put, state = defect.put, defect.state
        reads = [state.answers[node] for node in defect.nodes]
        story = [*filter(None, (self._causality.context_of(put), put, defect.by)), *reads[:2]]
        if defect.by is not None and (context := self._causality.context_of(defect.by)) is not None:
            story.append(context)
        return Breach(
            requirement=charge(defect, self._run, self._causality),
            expected=_expected(defect),
            actual=_actual(defect, self._run.nodes),
            key=self._key,
            operations=tuple(each.id for each in sorted(set(story), key=lambda each: (each.start, each.id))),
            nodes=defect.nodes,
            time=state.time,
        )

    def _disagreement(self, state: ConvergedState) -> Iterator[Breach]:
        groups: dict[tuple[str, ...], list[str]] = {}
        for node, answer in state.answers.items():
            groups.setdefault(tuple(sorted(set(answer.values))), []).append(node)
        if len(groups) > 1:
            said = [f"{words.nodes(nodes)} returned {words.values(answer)}" for answer, nodes in groups.items()]
            yield Breach(
                requirement=disagreement(self._run),
                expected=f"In a converged state every node returns the same values for {words.value(self._key)}.",
                actual="; ".join(said) + ".",
                key=self._key,
                operations=tuple(sorted(state.answers[nodes[0]].id for nodes in groups.values())),
                nodes=tuple(nodes[0] for nodes in groups.values()),
                time=state.time,
            )

    def _held(self, state: ConvergedState) -> Iterator[Held | Unclear]:
        yield Held("DUR-01", self._count(self._undisturbed, state, self._disturbed))
        yield Held("DUR-02", self._count(self._unkilled, state, self._blacked_out))
        for name, waiting in self._kept.items():
            lost_disk = partial(self._lost_disk, LOSSES[name])
            yield from (Unclear(name, reason) for reason in self._beyond_budget(waiting, state, lost_disk))
            yield Held(name, self._count(waiting, state, lost_disk))
        present = [put for put in self._returned_everywhere(state) if put.ok and put.id not in self._accused]
        yield Held("SIB-01", int(len(present) > 1))
        operations = self._causality.operations
        gone = self.oracle.gone.items()
        newly_gone = [operations[number] for number, since in gone if since == state.time]
        superseded = [put for put in newly_gone if self.oracle.superseded(put) and put.id not in self._accused]
        yield Held("SIB-02", len(superseded))
        still_gone = {number for number, since in gone if since < state.time} - self.oracle.mislaid - self._accused
        yield Held("SIB-03", len(still_gone) + sum(put.id in self._deleted_under_fault for put in superseded))
        yield Held("KV-14", sum(put.refused for put in newly_gone))

    def _count(
        self, waiting: list[Operation], state: ConvergedState, happened: Callable[[Operation, float], bool]
    ) -> int:
        """Count, once each, the writes effective for certain since which something has happened."""
        ripe = [write for write in waiting if write.stop <= state.time and happened(write, state.time)]
        done = {write.id for write in ripe}
        waiting[:] = [write for write in waiting if write.id not in done]
        return len((done & self.oracle.effective.keys()) - self._accused)

    def _disturbed(self, write: Operation, until: float) -> bool:
        return not self._run.timeline.calm(write.start, until)

    def _blacked_out(self, write: Operation, until: float) -> bool:
        return self._run.timeline.blacked_out(write.start, until)

    def _lost_disk(self, how: How, write: Operation, until: float) -> bool:
        return bool(self._run.disks.destroyed(write.stop, until, how))

    def _beyond_budget(
        self, waiting: Iterable[Operation], state: ConvergedState, happened: Callable[[Operation, float], bool]
    ) -> Iterator[str]:
        """Which writes are not judged: those that may have lost every copy."""
        unkept = (write for write in waiting if write.stop <= state.time and write.id not in self.oracle.effective)
        for write in unkept:
            if happened(write, state.time):
                lost = words.nodes(self._run.disks.destroyed(write.start, state.time))
                quorum = f"a write that W={write.asked.quorum} nodes acknowledged"
                yield f"{lost} lost their disks, on which every copy of {quorum} may have been"

    def _returned_everywhere(self, state: ConvergedState) -> list[Operation]:
        answers = [set(answer.values) for answer in state.answers.values()]
        common = set.intersection(*answers)
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
    everywhere = set(defect.nodes) == set(nodes)
    who = "every node" if everywhere else words.nodes(defect.nodes)
    what = words.values(put.asked.value or "" for put in defect.remaining)
    return f"In the converged state of {words.at(defect.state.time)} {who} returned {what}."

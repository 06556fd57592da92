"""Safety of every key: its converged states by the oracle, and each of its reads."""

from collections.abc import Callable, Iterator

from ringcheck.judging import words
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.charging import charge, disagreement
from ringcheck.judging.operations import Operation
from ringcheck.judging.oracle import ConvergedState, Defect, Oracle, Wrong
from ringcheck.judging.reads import judge_reads
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach

JUDGED_AT_CONVERGENCE = ("DUR-01", "DUR-02", "SIB-01", "SIB-02", "SIB-03", "KV-14")


def judge_safety(run: Run) -> Iterator[Statement]:
    """DUR-01, DUR-02, SIB-01 to SIB-04 and KV-14, KV-01, KV-02 of every key, and agreement of the final reads."""
    for settlement in run.settlements:
        if not settlement.converged:
            reason = f"the cluster did not converge in settle {settlement.index + 1}"
            yield from (Unclear(requirement, reason) for requirement in JUDGED_AT_CONVERGENCE)
    for key, causality in run.keys.items():
        keeper = KeyJudge(run, key, causality)
        if causality.ambiguous:
            yield from (
                Unclear(each, f"key {words.value(key)}: {causality.ambiguous}") for each in JUDGED_AT_CONVERGENCE
            )
        else:
            yield from keeper.judge_states()
        yield from judge_reads(run, causality, keeper.oracle.gone)


class KeyJudge:
    """Goes through the converged states of one key, in order."""

    def __init__(self, run: Run, key: str, causality: Causality) -> None:
        self.oracle = Oracle(causality)
        self._run = run
        self._key = key
        self._causality = causality
        self._accused: set[int] = set()
        self._undisturbed = [each for each in causality.operations.values() if each.is_write and each.ok]
        self._unkilled = list(self._undisturbed)
        shaky = (each for each in self._undisturbed if each.asked.kind == "delete" and self._disturbed(each, each.stop))
        self._deleted_under_fault = Superseded(causality).by(shaky)

    def judge_states(self) -> Iterator[Statement]:
        """Every converged state that showed this key."""
        for settlement in self._run.settlements:
            answers = settlement.finals.get(self._key, {})
            if not settlement.converged or not answers:
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

    def _held(self, state: ConvergedState) -> Iterator[Held]:
        yield Held("DUR-01", self._count(self._undisturbed, state, self._disturbed))
        yield Held("DUR-02", self._count(self._unkilled, state, self._blacked_out))
        present = [put for put in self._returned_everywhere(state) if put.ok and put.id not in self._accused]
        yield Held("SIB-01", int(len(present) > 1))
        operations = self._causality.operations
        newly_gone = [operations[number] for number, since in self.oracle.gone.items() if since == state.time]
        superseded = [put for put in newly_gone if self.oracle.superseded(put) and put.id not in self._accused]
        yield Held("SIB-02", len(superseded))
        still_gone = len(self.oracle.gone) - len(newly_gone) - len(self._accused & self.oracle.gone.keys())
        yield Held("SIB-03", max(0, still_gone) + sum(put.id in self._deleted_under_fault for put in superseded))
        yield Held("KV-14", sum(put.refused for put in newly_gone))

    def _count(
        self, waiting: list[Operation], state: ConvergedState, happened: Callable[[Operation, float], bool]
    ) -> int:
        """Count, once each, the writes judged here since which something has happened."""
        ripe = [write for write in waiting if write.stop <= state.time and happened(write, state.time)]
        done = {write.id for write in ripe}
        waiting[:] = [write for write in waiting if write.id not in done]
        return len(done - self._accused)

    def _disturbed(self, write: Operation, until: float) -> bool:
        return not self._run.timeline.calm(write.start, until)

    def _blacked_out(self, write: Operation, until: float) -> bool:
        return self._run.timeline.blacked_out(write.start, until)

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

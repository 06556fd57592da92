"""Dissent: what the nodes returned for a key, where it is not the same everywhere."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ringcheck.history import Diverged
from ringcheck.judging import words
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.operations import Operation
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.verdict import Breach

Parties: TypeAlias = Mapping[tuple[str, ...], Sequence[str]]
"""Values, sorted → the nodes that returned just these."""


def parties(answers: Mapping[str, Operation]) -> Parties:
    """Sort nodes by what they returned; several parties are a dissent."""
    found: dict[tuple[str, ...], list[str]] = {}
    for node, answer in answers.items():
        found.setdefault(tuple(sorted(set(answer.values))), []).append(node)
    return found


def said(groups: Parties) -> Sequence[str]:
    """Who returned what: "n1, n2 returned nothing", "n3 returned 'a'"."""
    return [f"{words.nodes(nodes)} returned {words.values(values)}" for values, nodes in groups.items()]


def dissent(run: Run, settlement: Settlement, outcome: Diverged, requirement: str) -> Breach | None:
    """What a Settle that was given up ended in, by its final reads, for the first key that nodes answer differently.

    None where they differ nowhere. Told are the write that a client was promised and that some do not show, and one
    read of each party.
    """
    differing = [key for key, answers in settlement.finals.items() if len(parties(answers)) > 1]
    if not differing:
        return None
    key = differing[0]
    answers = settlement.finals[key]
    groups = parties(answers)
    silent = [node for node in run.answering(settlement) if node not in answers]
    also = [f"{words.nodes(silent)} did not answer"] if silent else []
    more = f" So it is with {words.times(len(differing) - 1, 'more key')}." if differing[1:] else ""
    promise, writes = _promise(run, run.keys[key], groups, outcome.time)
    speakers = [answers[nodes[0]] for nodes in groups.values()]
    told = sorted({*writes, *speakers}, key=lambda each: (each.start, each.id))
    return Breach(
        requirement=requirement,
        expected=f"All nodes run and all links are open since {words.at(outcome.healed)}, so within the convergence "
        f"deadline every node returns the same values for {words.value(key)}{promise}.",
        actual=f"At {words.at(outcome.time)} they did not: {'; '.join([*said(groups), *also])}.{more}",
        key=key,
        operations=tuple(each.id for each in told),
        nodes=(*(each.node for each in speakers), *silent),
        time=outcome.time,
    )


def _promise(run: Run, causality: Causality, groups: Parties, until: float) -> tuple[str, Sequence[Operation]]:
    """What an acknowledged write had promised of the values that not all nodes return, and the writes to tell of.

    It is a Put that nothing may have superseded, or else what superseded one.
    """
    everywhere = set.intersection(*(set(values) for values in groups))
    disputed = {value for values in groups for value in values} - everywhere
    puts = [write for write in causality.writes if write.value in disputed]
    if causality.ambiguous or run.disks.destroyed(0.0, until):
        return "", puts
    possible = [write for write in causality.writes if not write.refused]
    hidden = Superseded(causality).by(possible)
    for put in puts:
        if put.ok and put.id not in hidden:
            return f", among them that of {_acknowledged(put)}", _explained(causality, put)
    for put in puts:
        covering = causality.reaching([put])
        for write in possible:
            if write.ok and write.context_of in covering:
                promise = f", but not that of {words.named(put)}, which is covered by {_acknowledged(write)}"
                return promise, _explained(causality, put, write)
    return "", puts


def _acknowledged(write: Operation) -> str:
    """A write with who acknowledged it, and when."""
    return f"{words.named(write)}, which {write.node} acknowledged at {words.at(write.stop)}"


def _explained(causality: Causality, *writes: Operation) -> Sequence[Operation]:
    """Writes, and the operations whose contexts they were given."""
    return [*writes, *filter(None, map(causality.context_of, writes))]

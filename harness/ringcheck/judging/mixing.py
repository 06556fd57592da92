"""PEER-01: on a cluster of which the reference is a part, every requirement holds that both declare.

What such a history shows is said of the two together, so it counts for PEER-01 alone: a breach may be the fault of
either, and what holds among nodes of one kind is judged among these. A SHOULD that is broken is no breach of a MUST.
"""

from collections.abc import Iterator, Mapping

from ringcheck.history import Change, ChangeDone
from ringcheck.judging.run import Run
from ringcheck.judging.verdict import Breach, Finding
from ringcheck.requirements import all_requirements

MIXED = "PEER-01"

CHANGED = {"join": "joined", "leave": "left", "remove": "was removed"}


def judge_mixed(run: Run, findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """What the findings of a mixed cluster come to; nothing unless all its nodes declare `peer`."""
    if "peer" not in run.profiles:
        return {}
    declared = [finding for name, finding in findings.items() if all_requirements()[name].profile in run.profiles]
    owed = [finding for finding in declared if all_requirements()[finding.requirement].level == "MUST"]
    found = Finding(
        requirement=MIXED,
        held=sum(finding.held for finding in declared),
        breaches=tuple(_together(breach) for finding in owed for breach in finding.breaches),
        unclear=tuple(f"{finding.requirement}: {reason}" for finding in declared for reason in finding.unclear),
        remarks=(_who(run), *_moved(run), *_kept(run)),
    )
    return {MIXED: found}


def _together(breach: Breach) -> Breach:
    return Breach(
        requirement=MIXED,
        expected=f"{breach.requirement} holds on a mixed cluster too: {breach.expected}",
        actual=f"{breach.requirement} is broken ({all_requirements()[breach.requirement].sentence}) {breach.actual}",
        key=breach.key,
        operations=breach.operations,
        nodes=breach.nodes,
        time=breach.time,
    )


def _who(run: Run) -> str:
    """Of whom the cluster was made; alike for all sizes, so that it is told once."""
    kinds: dict[str, str] = {}
    for node in run.descriptions:
        kinds.setdefault(_kind(run, node), node)
    if len(kinds) == 1:
        return f"the target is {next(iter(kinds))}, as the reference is: this was a cluster of the same"
    return f"seen on clusters of {' and '.join(kinds)}, in turn ({', '.join(kinds.values())}, …)"


def _moved(run: Run) -> Iterator[str]:
    """Which kinds of nodes came and went."""
    if "membership" not in run.profiles:
        yield "no member came or went there: the target does not declare membership"
    agreed = {event.number for event in run.events if isinstance(event, ChangeDone) and event.code == "OK"}
    for event in run.events:
        if isinstance(event, Change) and event.number in agreed and event.node in run.descriptions:
            yield f"a node of {_kind(run, event.node)} {CHANGED[event.kind]} there"


def _kept(run: Run) -> Iterator[str]:
    """Who reaps no tombstones where it was asked to; then nobody does, since all have to agree."""
    if run.configuration.tombstone_lifetime_ms:
        for node, description in run.descriptions.items():
            if not description.tombstone_lifetime_ms:
                yield f"no tombstone was reaped there: {_kind(run, node)} keeps them for ever"


def _kind(run: Run, node: str) -> str:
    description = run.descriptions[node]
    return f"{description.implementation} {description.version}"

"""PEER-01: on a cluster of which the reference is a part, every requirement holds that both declare.

What such a history shows is said of the two together, so it counts for PEER-01 alone: a breach may be the fault of
either, and what holds among nodes of one kind is judged among these. A SHOULD that is broken is no breach of a MUST.
"""

from collections.abc import Mapping

from ringcheck.judging.run import Run
from ringcheck.judging.verdict import Breach, Finding
from ringcheck.requirements import all_requirements

MIXED = "PEER-01"


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
        remarks=(_who(run),),
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
    """Of whom the cluster was made."""
    kinds: dict[str, list[str]] = {}
    for node, description in run.descriptions.items():
        kinds.setdefault(f"{description.implementation} {description.version}", []).append(node)
    if len(kinds) == 1:
        return f"the target is {next(iter(kinds))}, as the reference is: this was a cluster of the same"
    return "seen on clusters of " + " and ".join(f"{kind} ({', '.join(nodes)})" for kind, nodes in kinds.items())

"""HND-04: what was kept for a node that has left, the new owners have."""

import math
from collections.abc import Iterator, Mapping

from ringcheck.history import HintSeen, Observation
from ringcheck.judging import words
from ringcheck.judging.causality import Causality, Superseded
from ringcheck.judging.convergence import owners_of, too_few_hosts
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach
from ringcheck.judging.views import MembershipChange
from ringcheck.lifetime import lifetime_s


def judge_inheritance(run: Run) -> Iterator[Statement]:
    """Every hint that was seen pending, for somebody whom the next convergence showed to be no member any more."""
    if not {"membership", "inspect"} <= set(run.profiles):
        return
    gone = [change for change in run.views.effective if change.kind != "join"]
    begin = 0.0
    for settlement in run.settlements if gone else ():
        last = settlement.seen.get("held")
        if last is not None and settlement.converged and not too_few_hosts(run, settlement):
            for change in gone:
                if begin <= change.start <= settlement.began:
                    yield from _judge(run, settlement, last, change, begin)
        if settlement.converged:
            begin = settlement.ended


def _judge(
    run: Run, settlement: Settlement, last: Observation, change: MembershipChange, begin: float
) -> Iterator[Statement]:
    if any(change.node in node.members for node in last.nodes.values()):
        return
    found: dict[tuple[str, str, bytes], tuple[Observation, HintSeen]] = {}
    for seen in (each for each in run.observations if begin <= each.began and each.time <= settlement.began):
        for holder, node in seen.nodes.items():
            for hint in node.hints:
                if hint.target == change.node and _is_kept(run, holder, change, seen, settlement):
                    found[holder, hint.entry.key, hint.entry.state] = seen, hint
    for (holder, _, _), (seen, hint) in found.items():
        yield _inherited(run, last, holder, seen, hint)


def _is_kept(run: Run, holder: str, change: MembershipChange, seen: Observation, settlement: Settlement) -> bool:
    """Whether neither the hint nor, after it reached its target, what it held went with a disk."""
    destroyed = run.disks.destroyed(seen.began, settlement.ended)
    if holder in destroyed or not run.timeline.sound_disk(holder, seen.began, settlement.ended):
        return False
    if change.node not in destroyed:
        return True
    return change.kind == "remove" and run.timeline.surely_down(change.node, seen.began, change.start)


def _inherited(run: Run, last: Observation, holder: str, seen: Observation, hint: HintSeen) -> Statement:
    key = hint.entry.key
    owners = owners_of(last, last.partitions.get(key, -1))
    held = _values(last, key)
    if lifetime_s(run.descriptions.values()) < math.inf:
        # What is superseded may have been reaped, with all that was left of its key.
        held = {name: values or () for name, values in held.items()}
    lacking = [owner for owner in owners if _lacks(run.keys.get(key), hint.entry.values, held[owner])]
    if owners and not lacking:
        return Held("HND-04")
    return Breach(
        requirement="HND-04",
        expected=f"{holder} held a hint of {words.value(key)} with {words.values(hint.entry.values)} at "
        f"{words.at(seen.time)} for {hint.target}, which is no member any more, so the owners have that, or what "
        "supersedes it.",
        actual=f"At {words.at(last.time)} {words.nodes(lacking)} did not.",
        key=key,
        nodes=(holder, *lacking),
        time=last.time,
    )


def _values(seen: Observation, key: str) -> Mapping[str, tuple[str, ...] | None]:
    """What each node's own replica holds of a key; None for nothing, not even a tombstone."""
    return {
        name: next((entry.values for each in node.replicas for entry in each.entries if entry.key == key), None)
        for name, node in seen.nodes.items()
    }


def _lacks(causality: Causality | None, kept: tuple[str, ...], held: tuple[str, ...] | None) -> bool:
    if held is None:
        return True
    missing = [value for value in kept if value not in held]
    if not missing or causality is None:
        return bool(missing)
    superseded = Superseded(causality).by(write for write in causality.writes if not write.refused).ids
    return any(value in causality.puts and causality.puts[value].id not in superseded for value in missing)

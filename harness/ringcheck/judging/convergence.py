"""AE-01, AE-03, AE-05: what a Settle must end in, and what a converged cluster must not do."""

from collections.abc import Iterator

from ringcheck.history import Converged, Counters, Diverged, Observation, ReplicaSeen
from ringcheck.judging import words
from ringcheck.judging.dissent import dissent
from ringcheck.judging.run import Run
from ringcheck.judging.settlements import Settlement
from ringcheck.judging.statements import Held, Statement, Unclear
from ringcheck.judging.verdict import Breach
from ringcheck.quiet import owners_seen, states_of

IDLE = {
    "read_repairs": ("read repair", "read repairs"),
    "anti_entropy_repairs": ("anti-entropy repair", "anti-entropy repairs"),
    "transfers": ("transfer", "transfers"),
    "hints_stored": ("hint stored", "hints stored"),
    "hints_delivered": ("hint delivered", "hints delivered"),
}
"""The counters that stand still in a converged, idle cluster: what one and what many of them are called."""


def judge_convergence(run: Run) -> Iterator[Statement]:
    """Every Settle of the run."""
    last = 0.0
    for settlement in run.settlements:
        match settlement.outcome:
            case _ if too_few_hosts(run, settlement):
                yield Unclear("AE-01", "fewer hosts than copies were left, so that no convergence is owed")
            case Converged(by="inspect"):
                if not run.timeline.calm(last, settlement.ended):
                    yield Held("AE-01")
                yield from _equal_owners(settlement)
                yield from _idle(run, settlement)
                yield from _no_strangers(run, settlement)
            case Diverged():
                yield from _diverged(run, settlement, settlement.outcome)
        last = settlement.ended


def _diverged(run: Run, settlement: Settlement, outcome: Diverged) -> Iterator[Statement]:
    """Charge what still differs. Hints, views and handing over have judges of their own, silent nodes too."""
    seen = settlement.seen.get("diverged")
    inspected = "inspect" in run.profiles and seen is not None
    requirement = "AE-01" if inspected else "DUR-01"
    if inspected and seen is not None and not any(differing_keys(seen)):
        nodes = seen.nodes.values()
        hints = any(node.counters is not None and node.counters.hints_pending for node in nodes)
        moving = any(node.unconfirmed_partitions or node.draining for node in nodes) or any(strangers(seen))
        elsewhere = hints or moving or len({node.view_digest for node in nodes}) > 1
    else:
        answers = ({tuple(sorted(read.values)) for read in each.values()} for each in settlement.finals.values())
        elsewhere = not inspected and all(len(different) < 2 for different in answers)
    if elsewhere:
        yield Unclear(requirement, "the cluster did not converge, though no difference in its data was seen")
        return
    if not inspected and (breach := dissent(run, settlement, outcome, requirement)) is not None:
        yield breach
        return
    yield Breach(
        requirement=requirement,
        expected=f"All nodes run and all links are open since {words.at(outcome.healed)}, so all owners of every "
        "partition hold equal data within the convergence deadline.",
        actual=f"At {words.at(outcome.time)} they did not: {' '.join(outcome.reasons)}",
        time=outcome.time,
    )


def too_few_hosts(run: Run, settlement: Settlement) -> bool:
    """Whether some view that a Settle ended with names fewer hosts than there are to be copies."""
    seen = settlement.seen.get("held" if settlement.converged else "diverged")
    if seen is None or not run.views.changes:
        return False
    views = [node for node in seen.nodes.values() if node.members]
    return any(len({node.hosts.get(member, member) for member in node.members}) < run.n for node in views)


def _equal_owners(settlement: Settlement) -> Iterator[Statement]:
    """What the observations of a converged state show must bear it out."""
    for why in ("converged", "held"):
        if (seen := settlement.seen.get(why)) is None:
            continue
        for key, holders in differing_keys(seen):
            yield Breach(
                requirement="AE-01",
                expected=f"In a converged cluster all owners of {words.value(key)} hold the same state.",
                actual=f"At {words.at(seen.time)} {words.nodes(holders)} hold different ones.",
                key=key,
                nodes=holders,
                time=seen.time,
            )


def differing_keys(seen: Observation) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The keys of which two running owners hold different states, or one holds none; with all running owners."""
    for key, partition in seen.partitions.items():
        if len(set(states_of(seen, key))) > 1:
            yield key, owners_of(seen, partition)


def owners_of(seen: Observation, partition: int) -> tuple[str, ...]:
    """The running homes of a partition, first owner first."""
    return tuple(owner for owner in owners_seen(seen).get(partition, ()) if owner in seen.nodes)


def entry_state(seen: Observation, node: str, key: str) -> bytes | None:
    """The state of `key` in a node's own replica; None when it holds none."""
    entries = (entry for replica in seen.nodes[node].replicas for entry in replica.entries)
    return next((entry.state for entry in entries if entry.key == key), None)


def _idle(run: Run, settlement: Settlement) -> Iterator[Statement]:
    """AE-03: from the converged observation to the one a request time-out later, if no late message arrived."""
    first, later = settlement.seen.get("converged"), settlement.seen.get("held")
    if first is None or later is None or run.timeline.erratic(first.began, later.time):
        return
    compared = False
    for name, node in first.nodes.items():
        after = later.nodes.get(name)
        if after is None or node.counters is None or after.counters is None or node.incarnation != after.incarnation:
            continue
        compared = True
        if moved := list(_moved(node.counters, after.counters)):
            yield Breach(
                requirement="AE-03",
                expected=f"The cluster had converged at {words.at(first.time)} and nobody asked it anything, so {name} "
                "repairs, transfers and hints nothing.",
                actual=f"Until {words.at(later.time)} it counted {', '.join(moved)}.",
                nodes=(name,),
                time=later.time,
            )
            return
    if compared and holds_data(first):
        yield Held("AE-03")


def _moved(before: Counters, after: Counters) -> Iterator[str]:
    for name, (one, many) in IDLE.items():
        if (more := getattr(after, name) - getattr(before, name)) > 0:
            yield words.times(more, one, many)


def holds_data(seen: Observation) -> bool:
    """Whether anybody's replica holds any key."""
    return any(replica.entries or replica.others for node in seen.nodes.values() for replica in node.replicas)


def _no_strangers(run: Run, settlement: Settlement) -> Iterator[Statement]:
    """AE-05: only owners hold a replica."""
    seen = settlement.seen.get("held")
    if seen is None:
        return
    strange = list(strangers(seen))
    for name, replica, owners in strange:
        yield Breach(
            requirement="AE-05",
            expected=f"Partition {replica.partition} is owned by {words.nodes(owners)}, so nobody else holds a "
            "replica of it after convergence.",
            actual=f"At {words.at(seen.time)} {name} held {keys_of(replica)} of it.",
            nodes=(name,),
            time=seen.time,
        )
    owned = any(node.owners for node in seen.nodes.values())
    if not strange and owned and len(run.nodes) > run.n and holds_data(seen):
        yield Held("AE-05")


def strangers(seen: Observation) -> Iterator[tuple[str, ReplicaSeen, tuple[str, ...]]]:
    """Who holds data of a partition without owning it: the node, what it holds, and the owners that run."""
    for name, node in seen.nodes.items():
        for replica in node.replicas:
            owners = owners_of(seen, replica.partition)
            if owners and name not in owners and (replica.entries or replica.others):
                yield name, replica, owners


def keys_of(replica: ReplicaSeen) -> str:
    """How much a replica holds, in words."""
    return words.times(len(replica.entries) + replica.others, "key")

"""AE-04: a node whose disk was wiped holds again, after the next Settle, what the other owners hold."""

from collections.abc import Iterator

from ringcheck.history import NodeSeen, Observation, ReplicaSeen
from ringcheck.judging import words
from ringcheck.judging.convergence import owners_of
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach
from ringcheck.quiet import owners_seen


def judge_rebuilding(run: Run) -> Iterator[Statement]:
    """Every node that was wiped since the last convergence, at every Settle."""
    begin = 0.0
    for settlement in run.settlements:
        seen = settlement.seen.get("held" if settlement.by_inspection else "diverged")
        if seen is not None and "inspect" in run.profiles:
            for node in run.disks.destroyed(begin, settlement.ended, "wiped"):
                if node in seen.nodes:
                    yield from _judge(seen, node)
        if settlement.converged:
            begin = settlement.ended


def _judge(seen: Observation, node: str) -> Iterator[Statement]:
    rebuilt = False
    for partition, owners in owners_seen(seen).items():
        if node not in owners:
            continue
        own = _replica(seen.nodes[node], partition)
        for other in owners_of(seen, partition):
            theirs = _replica(seen.nodes[other], partition)
            if lacking := _lacking(own, theirs):
                yield _breach(seen, node, partition, other, lacking)
                return
            rebuilt = rebuilt or (other != node and _equal(own, theirs))
    yield Held("AE-04", int(rebuilt))


def _replica(node: NodeSeen, partition: int) -> ReplicaSeen | None:
    return next((replica for replica in node.replicas if replica.partition == partition), None)


def _lacking(own: ReplicaSeen | None, theirs: ReplicaSeen | None) -> int:
    """How many keys one replica holds and another does not; those of earlier schedules are only counted."""
    if theirs is None:
        return 0
    keys, others = (frozenset[str](), 0) if own is None else (_keys(own), own.others)
    return len(_keys(theirs) - keys) + max(0, theirs.others - others)


def _equal(own: ReplicaSeen | None, theirs: ReplicaSeen | None) -> bool:
    """Whether both hold the same data, and any."""
    if own is None or theirs is None or not (own.entries or own.others):
        return False
    return own.computed_root == theirs.computed_root


def _keys(replica: ReplicaSeen) -> frozenset[str]:
    return frozenset(entry.key for entry in replica.entries)


def _breach(seen: Observation, node: str, partition: int, other: str, lacking: int) -> Breach:
    return Breach(
        requirement="AE-04",
        expected=f"The disk of {node} was wiped; all nodes run and all links are open for the convergence deadline, "
        "so it holds again what the other owners of its partitions hold.",
        actual=f"At {words.at(seen.time)} {node} lacked {words.times(lacking, 'key')} of partition {partition} that "
        f"{other} held.",
        nodes=(node, other),
        time=seen.time,
    )

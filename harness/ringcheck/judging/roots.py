"""AE-02: Merkle roots are equal exactly when data are equal.

Each scan carries the root of its own snapshot, so root and data can always be compared there. What MerkleRoots says
was asked at another moment; it is compared only in a converged state that was still the same a request time-out later.
"""

from collections.abc import Iterator

from ringcheck.history import Observation, ReplicaSeen
from ringcheck.judging import words
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_roots(run: Run) -> Iterator[Statement]:
    """Every replica of every observation."""
    for seen in run.observations:
        breaches = list(_snapshots(seen))
        yield from breaches
        if not breaches:
            yield Held("AE-02", _pairs(seen))
    for settlement in run.settlements:
        if "converged" in settlement.seen and "held" in settlement.seen:
            yield from _standing(settlement.seen["converged"], settlement.seen["held"])


def _snapshots(seen: Observation) -> Iterator[Breach]:
    for name, node in seen.nodes.items():
        for replica in node.replicas:
            if replica.scan_root != replica.computed_root:
                yield _breach(
                    f"What {name} holds of partition {replica.partition} has the root {_short(replica.computed_root)} "
                    "by the rule of the contract.",
                    f"Its scan carries the root {_short(replica.scan_root)}.",
                    seen,
                    name,
                )


def _standing(first: Observation, later: Observation) -> Iterator[Breach]:
    """Data that did not change between two observations had one root all the time."""
    for name, node in later.nodes.items():
        before = {replica.partition: replica for replica in first.nodes[name].replicas} if name in first.nodes else {}
        for replica in node.replicas:
            earlier = before.get(replica.partition)
            if earlier is None or earlier.computed_root != replica.computed_root or _right(replica):
                continue
            listed = "no root" if replica.root is None else f"the root {_short(replica.root)}"
            yield _breach(
                f"{name} held partition {replica.partition} unchanged since {words.at(first.time)}, so MerkleRoots "
                f"says {_short(replica.computed_root)}, which is the root of what it holds.",
                f"MerkleRoots says {listed}.",
                later,
                name,
            )


def _right(replica: ReplicaSeen) -> bool:
    listed = replica.root == replica.computed_root
    return listed or (replica.root is None and not (replica.entries or replica.others))


def _pairs(seen: Observation) -> int:
    """How many pairs of replicas of one partition, at least one of them with data, were told apart or found equal."""
    holders: dict[int, int] = {}
    filled: set[int] = set()
    for node in seen.nodes.values():
        for replica in node.replicas:
            holders[replica.partition] = holders.get(replica.partition, 0) + 1
            if replica.entries or replica.others:
                filled.add(replica.partition)
    return sum(holders[partition] * (holders[partition] - 1) // 2 for partition in filled)


def _breach(expected: str, actual: str, seen: Observation, node: str) -> Breach:
    return Breach(requirement="AE-02", expected=expected, actual=actual, nodes=(node,), time=seen.time)


def _short(root: str) -> str:
    return f"{root[:12]}…" if len(root) > 12 else root or "(empty)"

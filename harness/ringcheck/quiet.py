"""Is a cluster quiet? Pure questions to one observation."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ringcheck.history import NodeSeen, Observation, ReplicaSeen
from ringcheck.schedule import Observe

MANY = 3
"""So many keys, nodes or partitions are named; the rest is counted."""


def unrest(observation: Observation, expected: Iterable[str], *, moved: bool = False) -> Iterator[str]:
    """What keeps the cluster of the nodes `expected` from having converged, one sentence each.

    Nobody may hold a hint, all views must be equal, nothing is being handed over, and the owners of each partition hold
    the same data under the same root. Once membership has `moved`, nobody else may hold any of it. Needs the profile
    inspect; without ring, who lists a partition counts as owner.
    """
    expected = tuple(expected)
    seen = observation.nodes
    for name in expected:
        if name not in seen:
            yield f"{name} does not run or could not be looked into."
    concerned = {name: node for name, node in seen.items() if name in expected}
    for name, node in seen.items():
        yield from _hints_at(name, node)
        if name in concerned:
            yield from _moves_at(name, node)
    digests = {node.view_digest for node in concerned.values()}
    if len(digests) > 1:
        views = ", ".join(f"{name} has {node.view_digest[:8] or 'none'}" for name, node in concerned.items())
        yield f"The nodes have different views of the ring: {views}."
    owners = owners_seen(msgspec.structs.replace(observation, nodes=concerned))
    for partition, names in sorted(owners.items()):
        yield from _differences(observation, partition, [name for name in names if name in seen])
    if moved:
        yield from _strays(seen, owners)


def owners_seen(observation: Observation) -> dict[int, tuple[str, ...]]:
    """Partition → its owners, by the first node that knows the ring; else those that list the partition."""
    for node in observation.nodes.values():
        if node.owners:
            return node.owners
    holders: dict[int, tuple[str, ...]] = {}
    for name, node in observation.nodes.items():
        for replica in node.replicas:
            holders[replica.partition] = (*holders.get(replica.partition, ()), name)
    return holders


def states_of(observation: Observation, key: str) -> list[bytes]:
    """The states of `key` at those of its owners that were seen; empty bytes where an owner holds nothing."""
    partition = observation.partitions.get(key)
    names = owners_seen(observation).get(partition, ()) if partition is not None else ()
    return [_states(node, partition).get(key, b"") for name in names if (node := observation.nodes.get(name))]


def holds(step: Observe, observation: Observation) -> bool:
    """Whether the condition of an Observe step holds in an observation."""
    match step.until:
        case "now":
            return True
        case "hint":
            hints = [hint for node in observation.nodes.values() for hint in node.hints]
            return any(hint.target == step.node or not step.node for hint in hints)
        case "differ":
            return len(set(states_of(observation, step.key))) > 1
        case "equal":
            states = set(states_of(observation, step.key))
            return len(states) == 1 and states != {b""}
        case "copy":
            there = observation.nodes.get(step.node)
            return there is not None and any(replica.entries for replica in there.replicas)


def same_data(one: Observation, other: Observation) -> bool:
    """Whether two quiet observations show the same data, and no hint was taken in between."""
    return {name: _fingerprint(node) for name, node in one.nodes.items()} == {
        name: _fingerprint(node) for name, node in other.nodes.items()
    }


def _hints_at(name: str, node: NodeSeen) -> Iterator[str]:
    if node.counters and node.counters.hints_pending:
        targets = sorted({hint.target for hint in node.hints})
        suffix = f", for {', '.join(targets)}" if targets else ""
        yield f"{name} still holds {_count(node.counters.hints_pending, 'hint')}{suffix}."
    elif node.hints:
        yield f"{name} lists {_count(len(node.hints), 'hint')} although it counts none as pending."


def _moves_at(name: str, node: NodeSeen) -> Iterator[str]:
    if node.unconfirmed_partitions:
        yield f"{name} has not confirmed {_some('partition', map(str, node.unconfirmed_partitions))}."
    if node.draining:
        yield f"{name} sees {_some('node', node.draining)} leaving and not drained."


def _differences(observation: Observation, partition: int, names: Sequence[str]) -> Iterator[str]:
    """For each owner that differs from the first one: in what."""
    replicas = {name: _replica(observation.nodes[name], partition) for name in names}
    for one, other in itertools.pairwise(names):
        left, right = replicas[one], replicas[other]
        if left is None or right is None:
            if left is not right:
                yield f"Partition {partition}: {one if left is None else other} owns it and shows no replica of it."
        elif left.computed_root != right.computed_root:
            yield f"Partition {partition}: {one} and {other} differ in {_different_keys(left, right)}."
        elif left.root != right.root:
            yield f"Partition {partition}: {one} and {other} hold equal data and tell different roots."


def _strays(seen: Mapping[str, NodeSeen], owners: Mapping[int, tuple[str, ...]]) -> Iterator[str]:
    """The nodes that hold something of partitions that they do not own."""
    for name, node in seen.items():
        held = [
            str(replica.partition)
            for replica in node.replicas
            if (replica.entries or replica.others) and name not in owners.get(replica.partition, ())
        ]
        if held:
            yield f"{name} still holds something of {_some('partition', held)}, which it does not own."


def _different_keys(left: ReplicaSeen, right: ReplicaSeen) -> str:
    ours = {entry.key: entry.state for entry in left.entries}
    theirs = {entry.key: entry.state for entry in right.entries}
    keys = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
    return _some("key", map(repr, keys)) if keys else "keys of earlier schedules"


def _replica(node: NodeSeen, partition: int) -> ReplicaSeen | None:
    return next((replica for replica in node.replicas if replica.partition == partition), None)


def _states(node: NodeSeen, partition: int | None) -> dict[str, bytes]:
    return {
        entry.key: entry.state
        for replica in node.replicas
        if replica.partition == partition
        for entry in replica.entries
    }


def _fingerprint(node: NodeSeen) -> tuple[object, ...]:
    replicas = tuple((replica.partition, replica.computed_root) for replica in node.replicas)
    return node.incarnation, node.view_digest, node.counters.hints_stored if node.counters else 0, replicas


def _some(noun: str, items: Iterable[str]) -> str:
    listed = list(items)
    rest = f" and {len(listed) - MANY} more" if len(listed) > MANY else ""
    return f"{noun}{'s' if len(listed) > 1 else ''} {', '.join(listed[:MANY])}{rest}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

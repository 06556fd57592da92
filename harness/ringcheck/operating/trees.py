"""Whether the owners of every partition hold the same, by the roots of their trees, and which keys differ."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc
from ringcheck.errors import UsageError
from ringcheck.operating.contacts import ANSWER_S, Contact, Contacts, ask
from ringcheck.operating.hints import SCAN_S
from ringcheck.operating.keys import shown
from ringcheck.operating.ring import ask_ring

Verdict: TypeAlias = Literal["equal", "differ", "unknown"]
"""`unknown`: what was seen is equal, but not every owner was seen."""

Entries: TypeAlias = Mapping[bytes, inspect_pb2.ReplicaEntry]


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: its owners, and the root (hexadecimal) at each node that keeps a copy.

    `besides` are nodes that hold some of its keys and own it no more, or not yet.
    """

    partition: int
    owners: tuple[str, ...]
    roots: dict[str, str]
    besides: tuple[str, ...]
    verdict: Verdict


class Copy(msgspec.Struct, frozen=True):
    """One node's copy of a key: how many live siblings (0 = deleted), and its whole state, hexadecimal."""

    siblings: int
    state: str


class Difference(msgspec.Struct, frozen=True):
    """A key of which owners hold different states; None where the owner has never heard of it."""

    partition: int
    key: str
    copies: dict[str, Copy | None]


class TreesReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every partition that anybody owns or keeps. `differences` is None unless keys were asked for.

    Without the profile `ring` all that keep a partition count as its owners, and `owners_known` is false.
    """

    trees: tuple[Tree, ...]
    differences: tuple[Difference, ...] | None
    owners_known: bool
    missed: dict[str, str]


async def read_trees(contacts: Contacts, *, diff: bool) -> TreesReport:
    """Ask every node for its roots, and with `diff` for the keys of partitions whose owners differ.

    Raises UsageError or TargetError if no node answers.
    """
    found = await contacts.ask_all("inspect", _ask_roots)
    owners = await _ask_owners(contacts)
    trees = compare(found.answers, owners)
    return TreesReport(
        trees=trees,
        differences=await _differences(contacts, trees) if diff else None,
        owners_known=owners is not None,
        missed=found.missed,
    )


def compare(roots: Mapping[str, Mapping[int, bytes]], owners: Mapping[int, Sequence[str]] | None) -> tuple[Tree, ...]:
    """Set the roots (node → partition → root) against one another, and against who should have them."""
    keepers: dict[int, dict[str, bytes]] = {partition: {} for partition in owners or ()}
    for node, theirs in roots.items():
        for partition, root in theirs.items():
            keepers.setdefault(partition, {})[node] = root
    return tuple(
        _tree(partition, keeping, tuple(keeping) if owners is None else tuple(owners.get(partition, ())), roots.keys())
        for partition, keeping in sorted(keepers.items())
    )


def _tree(partition: int, keeping: Mapping[str, bytes], owners: tuple[str, ...], seen: Collection[str]) -> Tree:
    # An owner that was looked at and shows no root keeps nothing: that is a difference too, unless nobody keeps any.
    found = {keeping.get(owner) for owner in owners if owner in seen}
    whole = all(owner in seen for owner in owners)
    return Tree(
        partition=partition,
        owners=owners,
        roots={node: root.hex() for node, root in keeping.items()},
        besides=tuple(node for node in keeping if node not in owners),
        verdict="differ" if len(found) > 1 else "equal" if whole else "unknown",
    )


async def _differences(contacts: Contacts, trees: Sequence[Tree]) -> tuple[Difference, ...]:
    differing = [tree for tree in trees if tree.verdict == "differ"]
    found = {}
    for contact in contacts.reachable:
        partitions = [tree.partition for tree in differing if contact.id in tree.owners and contact.id in tree.roots]
        found[contact.id] = await ask(contact, "inspect", _scan(contact, partitions))
    return tuple(
        difference
        for tree in differing
        for difference in _between(
            tree.partition, {owner: found[owner].get(tree.partition, {}) for owner in tree.owners if owner in found}
        )
    )


def _between(partition: int, replicas: Mapping[str, Entries]) -> list[Difference]:
    differences = []
    for key in sorted({key for entries in replicas.values() for key in entries}):
        entries = {node: replica.get(key) for node, replica in replicas.items()}
        if len({entry.state if entry else None for entry in entries.values()}) > 1:
            copies = {node: entry and Copy(len(entry.values), entry.state.hex()) for node, entry in entries.items()}
            differences.append(Difference(partition, shown(key), copies))
    return differences


async def _ask_owners(contacts: Contacts) -> dict[int, tuple[str, ...]] | None:
    """The owners of every partition by the first node that tells; None if nobody declares `ring`."""
    try:
        found = await contacts.ask_all("ring", ask_ring)
    except UsageError:
        return None
    ring = next(iter(found.answers.values()))
    return {each.partition: tuple(each.owners) for each in ring.partitions}


async def _ask_roots(contact: Contact) -> dict[int, bytes]:
    stub: inspect_pb2_grpc.InspectAsyncStub = inspect_pb2_grpc.InspectStub(contact.channel)
    answer = await stub.MerkleRoots(inspect_pb2.MerkleRootsRequest(), timeout=ANSWER_S)
    return {each.partition: each.root for each in answer.roots}


async def _scan(contact: Contact, partitions: Sequence[int]) -> dict[int, dict[bytes, inspect_pb2.ReplicaEntry]]:
    stub: inspect_pb2_grpc.InspectAsyncStub = inspect_pb2_grpc.InspectStub(contact.channel)
    found: dict[int, dict[bytes, inspect_pb2.ReplicaEntry]] = {}
    if not partitions:  # to the node, none would mean all
        return found
    request = inspect_pb2.ScanReplicaRequest(partitions=partitions)
    async for piece in stub.ScanReplica(request, timeout=SCAN_S):
        found.setdefault(piece.partition, {}).update((entry.key, entry) for entry in piece.entries)
    return found

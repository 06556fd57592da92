"""A look into all running nodes at once, by calls that go past every proxy and change nothing."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import grpc
import msgspec

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc, ring_pb2, ring_pb2_grpc
from ringcheck import merkle
from ringcheck.codec import Codec
from ringcheck.health import ANSWER_S
from ringcheck.history import Counters, EntrySeen, HintSeen, NodeSeen, ReplicaSeen
from ringcheck.node import Node

FIRST_BYTES = 8
ATTEMPTS = 3
"""So often is a node asked whose view changes while it is asked; then its preference lists are left out."""


class Look(msgspec.Struct, frozen=True):
    """What was seen of each node, and why nothing was seen of the others (node → one sentence)."""

    nodes: dict[str, NodeSeen]
    missed: dict[str, str]


async def look(nodes: Sequence[Node], codec: Codec, keys: Sequence[str], *, lists: bool) -> Look:
    """Look into `nodes`; `keys` are the schedule's, and `lists` asks for their preference lists too."""
    found = await asyncio.gather(*(_look_into(node, codec, keys if lists else ()) for node in nodes))
    return Look(
        {node.id: seen for node, seen in zip(nodes, found, strict=True) if isinstance(seen, NodeSeen)},
        {node.id: seen for node, seen in zip(nodes, found, strict=True) if isinstance(seen, str)},
    )


async def statuses(nodes: Sequence[Node]) -> list[inspect_pb2.StatusResponse] | None:
    """The status of every node; None when one gives no answer. Cheap enough to be polled."""
    asked = (_inspect(node).Status(inspect_pb2.StatusRequest(), timeout=ANSWER_S) for node in nodes)
    try:
        return list(await asyncio.gather(*asked))
    except grpc.aio.AioRpcError:
        return None


def membership_seen(status: inspect_pb2.StatusResponse) -> NodeSeen:
    """What a status says of the view, and nothing else."""
    return NodeSeen(
        view_digest=status.view_digest.hex(), members=tuple(status.members), draining=tuple(status.draining)
    )


async def roots_agree(nodes: Sequence[Node]) -> bool:
    """Whether every partition has one and the same root wherever it is kept."""
    asked = (_inspect(node).MerkleRoots(inspect_pb2.MerkleRootsRequest(), timeout=ANSWER_S) for node in nodes)
    try:
        answers = await asyncio.gather(*asked)
    except grpc.aio.AioRpcError:
        return False
    found: defaultdict[int, set[bytes]] = defaultdict(set)
    for answer in answers:
        for each in answer.roots:
            found[each.partition].add(each.root)
    return all(len(roots) == 1 for roots in found.values())


def partition_of(key: bytes, partition_count: int) -> int:
    """The partition of a key, by the rule of config.proto."""
    place = int.from_bytes(hashlib.sha256(key).digest()[:FIRST_BYTES], "big")
    return place * partition_count >> 8 * FIRST_BYTES


async def _look_into(node: Node, codec: Codec, keys: Sequence[str]) -> NodeSeen | str:
    """What a node shows, all of one view: where that changed between two of the questions they are asked again."""
    try:
        for _ in range(ATTEMPTS):
            seen, of_one_view = await _look_once(node, codec, keys)
            if of_one_view:
                return seen
    except grpc.aio.AioRpcError as error:
        return f"{node.id} could not be looked into: {error.code().name} {error.details()}"
    return msgspec.structs.replace(seen, preference_lists={})


async def _look_once(node: Node, codec: Codec, keys: Sequence[str]) -> tuple[NodeSeen, bool]:
    assert node.description is not None
    seen = NodeSeen()
    if "inspect" in node.description.profiles:
        seen = await _inspected(node, codec)
    if "ring" in node.description.profiles:
        return await _with_ring(seen, node, codec, keys)
    return seen, True


async def _inspected(node: Node, codec: Codec) -> NodeSeen:
    stub = _inspect(node)
    status, roots, replicas, hints = await asyncio.gather(
        stub.Status(inspect_pb2.StatusRequest(), timeout=ANSWER_S),
        stub.MerkleRoots(inspect_pb2.MerkleRootsRequest(), timeout=ANSWER_S),
        _scan(stub, codec),
        _hints(stub, codec),
    )
    root_of = {each.partition: each.root.hex() for each in roots.roots}
    return NodeSeen(
        incarnation=status.incarnation,
        counters=_counters(status),
        replicas=tuple(msgspec.structs.replace(each, root=root_of.get(each.partition)) for each in replicas),
        hints=hints,
        view_digest=status.view_digest.hex(),
        members=tuple(status.members),
        unconfirmed_partitions=tuple(status.unconfirmed_partitions),
        draining=tuple(status.draining),
    )


async def _scan(stub: "inspect_pb2_grpc.InspectAsyncStub", codec: Codec) -> list[ReplicaSeen]:
    scanned: dict[int, tuple[bytes, list[inspect_pb2.ReplicaEntry]]] = {}
    async for piece in stub.ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=ANSWER_S):
        scanned.setdefault(piece.partition, (piece.root, []))[1].extend(piece.entries)
    return [_replica(partition, root, entries, codec) for partition, (root, entries) in sorted(scanned.items())]


def _replica(partition: int, root: bytes, entries: Sequence[inspect_pb2.ReplicaEntry], codec: Codec) -> ReplicaSeen:
    ours = [seen for entry in entries if (seen := _entry(entry, codec))]
    return ReplicaSeen(
        partition=partition,
        root=None,
        scan_root=root.hex(),
        computed_root=merkle.root((entry.key, entry.state) for entry in entries).hex(),
        entries=tuple(sorted(ours, key=lambda entry: entry.key)),
        others=len(entries) - len(ours),
    )


async def _hints(stub: "inspect_pb2_grpc.InspectAsyncStub", codec: Codec) -> tuple[HintSeen, ...]:
    hints: list[HintSeen] = []
    async for piece in stub.ListHints(inspect_pb2.ListHintsRequest(), timeout=ANSWER_S):
        hints.extend(
            HintSeen(target=hint.target, entry=seen) for hint in piece.hints if (seen := _entry(hint.entry, codec))
        )
    return tuple(hints)


def _entry(entry: inspect_pb2.ReplicaEntry, codec: Codec) -> EntrySeen | None:
    """The entry in the schedule's words; None for a key of another schedule."""
    key = codec.key_text(entry.key)
    if key is None:
        return None
    return EntrySeen(key=key, values=tuple(codec.value_text(key, value) for value in entry.values), state=entry.state)


async def _with_ring(seen: NodeSeen, node: Node, codec: Codec, keys: Iterable[str]) -> tuple[NodeSeen, bool]:
    """What was seen, and the ring; and whether both were of one view, as far as it shows in members and owners."""
    stub = ring_pb2_grpc.RingStub(node.channel)
    keys = tuple(keys)
    ring = await stub.GetRing(ring_pb2.GetRingRequest(), timeout=ANSWER_S)
    lists = await asyncio.gather(*(_preference_list(stub, codec.known_key(key)) for key in keys))
    after = await stub.GetRing(ring_pb2.GetRingRequest(), timeout=ANSWER_S) if keys else ring
    members = tuple(member.node_id for member in ring.members)
    still = list(ring.members) == list(after.members) and list(ring.partitions) == list(after.partitions)
    whole = msgspec.structs.replace(
        seen,
        view_digest=ring.view_digest.hex(),
        members=members,
        hosts={member.node_id: member.host or member.node_id for member in ring.members},
        weights={member.node_id: member.weight for member in ring.members},
        owners={each.partition: tuple(each.owners) for each in ring.partitions},
        preference_lists=dict(zip(keys, lists, strict=True)),
    )
    return whole, still and (not seen.members or set(seen.members) == set(members))


async def _preference_list(stub: "ring_pb2_grpc.RingAsyncStub", key: bytes) -> tuple[str, ...]:
    request = ring_pb2.GetPreferenceListRequest(key=key)
    return tuple((await stub.GetPreferenceList(request, timeout=ANSWER_S)).node_ids)


def _counters(status: inspect_pb2.StatusResponse) -> Counters:
    return Counters(**{name: getattr(status, name).count for name in Counters.__struct_fields__})


def _inspect(node: Node) -> "inspect_pb2_grpc.InspectAsyncStub":
    return inspect_pb2_grpc.InspectStub(node.channel)

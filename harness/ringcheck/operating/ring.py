"""Who owns what: the ring as one node sees it, whether the others see the same, and where one key belongs."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from dynamo_node.v1 import config_pb2, ring_pb2, ring_pb2_grpc
from ringcheck.operating.contacts import ANSWER_S, Contact, Contacts, ask
from ringcheck.operating.keys import shown


class MemberShare(msgspec.Struct, frozen=True, kw_only=True):
    """What a member asked for by its weight and got: `share` partitions as first owner, `copies` in any place."""

    node: str
    host: str
    weight: int
    share_asked: float
    share: int
    copies: int


class Partition(msgspec.Struct, frozen=True):
    """Its owners, first owner first."""

    partition: int
    owners: tuple[str, ...]


class RingReport(msgspec.Struct, frozen=True, kw_only=True):
    """The ring by `node`. `others` are the nodes whose view is another one, `missed` those that did not tell."""

    node: str
    view_digest: str
    members: tuple[MemberShare, ...]
    partitions: tuple[Partition, ...]
    same: tuple[str, ...]
    others: tuple[str, ...]
    missed: dict[str, str]


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where `key` belongs by `node`: the first `n` of the list are its homes, the others stand in for them."""

    node: str
    key: str
    partition: int
    n: int
    preference_list: tuple[str, ...]


async def read_ring(contacts: Contacts) -> RingReport:
    """The ring by the first node that tells it. Raises UsageError or TargetError if none does."""
    found = await contacts.ask_all("ring", ask_ring)
    node, ring = next(iter(found.answers.items()))
    views = {each: answer.view_digest for each, answer in found.answers.items() if each != node}
    partitions = tuple(Partition(each.partition, tuple(each.owners)) for each in ring.partitions)
    return RingReport(
        node=node,
        view_digest=ring.view_digest.hex(),
        members=_shares(ring.members, partitions),
        partitions=partitions,
        same=tuple(each for each, digest in views.items() if digest == ring.view_digest),
        others=tuple(each for each, digest in views.items() if digest != ring.view_digest),
        missed=found.missed,
    )


async def read_key(contacts: Contacts, key: bytes) -> KeyReport:
    """Where a key belongs, by the first node that can be reached. Raises UsageError or TargetError."""
    first = contacts.first()
    assert first.description is not None
    stub: ring_pb2_grpc.RingAsyncStub = ring_pb2_grpc.RingStub(first.channel)
    request = ring_pb2.GetPreferenceListRequest(key=key)
    answer = await ask(first, "ring", stub.GetPreferenceList(request, timeout=ANSWER_S))
    return KeyReport(
        node=first.id,
        key=shown(key),
        partition=answer.partition,
        n=first.description.n,
        preference_list=tuple(answer.node_ids),
    )


async def ask_ring(contact: Contact) -> ring_pb2.GetRingResponse:
    """The node's answer to Ring.GetRing. Raises UsageError or TargetError."""
    stub: ring_pb2_grpc.RingAsyncStub = ring_pb2_grpc.RingStub(contact.channel)
    return await ask(contact, "ring", stub.GetRing(ring_pb2.GetRingRequest(), timeout=ANSWER_S))


def _shares(members: Sequence[config_pb2.Member], partitions: Sequence[Partition]) -> tuple[MemberShare, ...]:
    total = sum(member.weight for member in members) or 1
    first = Counter(each.owners[0] for each in partitions if each.owners)
    every = Counter(owner for each in partitions for owner in each.owners)
    return tuple(
        MemberShare(
            node=member.node_id,
            host=member.host or member.node_id,
            weight=member.weight,
            share_asked=round(len(partitions) * member.weight / total, 2),
            share=first[member.node_id],
            copies=every[member.node_id],
        )
        for member in members
    )

"""How every node of a cluster is: reached or not, healthy or not, and what it says of its view and its work."""

import asyncio
from collections.abc import Collection

import grpc
import msgspec
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc
from ringcheck.operating.contacts import ANSWER_S, Contact, Contacts, trouble

COUNTERS = tuple(
    field.name
    for field in inspect_pb2.StatusResponse.DESCRIPTOR.fields
    if field.message_type is inspect_pb2.Tally.DESCRIPTOR
)
"""Every counter of StatusResponse, in the contract's order."""

NOT_DECLARED = "it does not declare inspect"
ADDRESS_UNKNOWN = "its address is not known here"


class Count(msgspec.Struct, frozen=True):
    """How often since the node's start, and how many bytes of keys, values and metadata moved."""

    count: int
    bytes: int


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says that declares `inspect`; digests are hexadecimal."""

    incarnation: str
    view_digest: str
    members: tuple[str, ...]
    unconfirmed_partitions: tuple[int, ...]
    draining: tuple[str, ...]
    counters: dict[str, Count]


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One node. Where it, or its inside, could not be seen, `trouble` says why, and `inside` is None.

    `member`: whether it is one by its own view, else by that of anybody; None if nobody says. `listed`: whether
    another node's view has it as a member.
    """

    node: str
    address: str
    reachable: bool
    member: bool | None = None
    listed: bool = False
    trouble: str = ""
    health: str = ""
    implementation: str = ""
    version: str = ""
    profiles: tuple[str, ...] = ()
    inside: Inside | None = None


class StatusReport(msgspec.Struct, frozen=True):
    """Every node whose address is known, and every member whose address is not.

    `agree`: all seen that are members by their own view or by another's have equal views; None when fewer than two
    were seen.
    """

    nodes: tuple[NodeStatus, ...]
    agree: bool | None

    @property
    def reached(self) -> int:
        """How many nodes answered."""
        return sum(each.reachable for each in self.nodes)


async def read_status(contacts: Contacts) -> StatusReport:
    """Look at every node. Never raises for what nodes do: that is what a status tells."""
    seen = await asyncio.gather(*(_look_at(each) for each in contacts.all))
    inside = [each.inside for each in seen if each.inside]
    members = {member for each in inside for member in each.members}
    unknown = sorted(members - contacts.known)
    told = [_with_membership(each, seen) for each in seen]
    digests = [each.inside.view_digest for each in told if each.inside and (each.member or each.listed)]
    others = (
        NodeStatus(node=each, address="", reachable=False, member=True, listed=True, trouble=ADDRESS_UNKNOWN)
        for each in unknown
    )
    return StatusReport(
        (*told, *others),
        len(set(digests)) == 1 if len(digests) > 1 else None,
    )


async def ask_status(contact: Contact) -> inspect_pb2.StatusResponse | str:
    """The node's answer to Inspect.Status, or why there is none, in a few words."""
    stub: inspect_pb2_grpc.InspectAsyncStub = inspect_pb2_grpc.InspectStub(contact.channel)
    try:
        return await stub.Status(inspect_pb2.StatusRequest(), timeout=ANSWER_S)
    except grpc.aio.AioRpcError as error:
        return NOT_DECLARED if "inspect" not in contact.profiles else trouble(error)


def _with_membership(status: NodeStatus, seen: Collection[NodeStatus]) -> NodeStatus:
    others = {member for each in seen if each.inside and each.node != status.node for member in each.inside.members}
    own = status.inside.members if status.inside else others
    member = status.node in own if own else None
    return msgspec.structs.replace(status, member=member, listed=status.node in others)


async def _look_at(contact: Contact) -> NodeStatus:
    about = contact.description
    if about is None:
        return NodeStatus(node=contact.id, address=contact.address, reachable=False, trouble=contact.trouble)
    health, inside = await asyncio.gather(_health(contact), _inside(contact))
    return NodeStatus(
        node=contact.id,
        address=contact.address,
        reachable=True,
        trouble=inside if isinstance(inside, str) else "",
        health=health,
        implementation=about.implementation,
        version=about.version,
        profiles=contact.profiles,
        inside=inside if isinstance(inside, Inside) else None,
    )


async def _health(contact: Contact) -> str:
    stub = health_pb2_grpc.HealthStub(contact.channel)
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S)
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def _inside(contact: Contact) -> Inside | str:
    status = await ask_status(contact)
    if isinstance(status, str):
        return status
    return Inside(
        incarnation=status.incarnation,
        view_digest=status.view_digest.hex(),
        members=tuple(status.members),
        unconfirmed_partitions=tuple(status.unconfirmed_partitions),
        draining=tuple(status.draining),
        counters={name: _count(getattr(status, name)) for name in COUNTERS},
    )


def _count(tally: inspect_pb2.Tally) -> Count:
    return Count(tally.count, tally.bytes)

"""Joining, leaving and removing, and following a change until the whole cluster has carried it out."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import grpc
import msgspec

from dynamo_node.v1 import config_pb2, inspect_pb2, membership_pb2, membership_pb2_grpc
from ringcheck.client import PATIENCE
from ringcheck.errors import TargetError, UsageError
from ringcheck.judging import words
from ringcheck.operating.contacts import Contact, Contacts, refusal, trouble
from ringcheck.operating.status import ADDRESS_UNKNOWN, NOT_DECLARED, ask_status

POLL_S = 0.25

Statuses: TypeAlias = Mapping[str, inspect_pb2.StatusResponse | str]
"""What each node says, by id, or why it said nothing."""


class Change(msgspec.Struct, frozen=True):
    """A change of membership; weight and host count for a join alone."""

    kind: Literal["join", "leave", "remove"]
    node: str
    weight: int = 1
    host: str = ""


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True):
    """A change that `through` has accepted. `settled`: every member knows it and has confirmed; None if not followed.

    `waiting_for` is what was still missing when following it was given up.
    """

    change: str
    node: str
    through: str
    view_digest: str
    settled: bool | None = None
    waiting_for: tuple[str, ...] = ()


async def carry_out(contacts: Contacts, change: Change) -> ChangeReport:
    """Send the change to one node, which spreads it.

    Raises UsageError for a change that may not be, TargetError if nobody can be reached or it was not confirmed.
    """
    if change.kind == "remove" and (running := contacts.by_id(change.node)) and running.description:
        raise UsageError(
            f"{change.node} still answers at {running.address}, and remove is for a node that never runs again: stop "
            f"it first, or let it hand over what it holds with `ringcheck cluster leave {change.node}`."
        )
    through = await _entrance(contacts, change)
    try:
        digest = await _send(through, change)
    except grpc.aio.AioRpcError as error:
        if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
            raise TargetError(
                f"{through.id} could not have the change confirmed ({trouble(error)}); it may take effect all the "
                "same, and repeating the command does no harm."
            ) from None
        raise refusal(through, "membership", error) from None
    return ChangeReport(change=change.kind, node=change.node, through=through.id, view_digest=digest.hex())


async def follow(
    contacts: Contacts, change: ChangeReport, *, within_s: float | None, tell: Callable[[str], None]
) -> ChangeReport:
    """Wait until the cluster has carried the change out, or `within_s` seconds; `tell` is told what is waited for.

    Raises UsageError if a member's address is not known, or it does not declare `inspect`.
    """
    loop = asyncio.get_running_loop()
    ends = None if within_s is None else loop.time() + within_s
    told = ""
    while True:
        statuses = await _ask_statuses(contacts)
        if blind := [node for node, status in statuses.items() if status == NOT_DECLARED]:
            raise UsageError(
                f"The change is made, but --wait cannot follow it: {', '.join(blind)} does not declare inspect."
            )
        if lost := _without_address(statuses, contacts):
            raise UsageError(
                f"The change is made, but --wait has to ask every member, and the address of {', '.join(lost)} is not "
                "known; name it by --node too."
            )
        waiting = missing(change, statuses)
        if not waiting:
            return msgspec.structs.replace(change, settled=True)
        if ends is not None and loop.time() >= ends:
            return msgspec.structs.replace(change, settled=False, waiting_for=waiting)
        if (now := "; ".join(waiting)) != told:
            tell(now)
            told = now
        await asyncio.sleep(POLL_S)


def missing(change: ChangeReport, statuses: Statuses) -> tuple[str, ...]:
    """What the cluster has still to do for a change, a few words each; nothing once it is carried out everywhere."""
    heard = {node: status for node, status in statuses.items() if not isinstance(status, str)}
    views = {node: status for node, status in heard.items() if _knows(change, status)}
    # Whoever has heard of the change knows best who are members; without one, whoever is there.
    members = {member for status in (views or heard).values() for member in status.members}
    wanted = []
    for node in sorted(members):
        status = statuses.get(node, ADDRESS_UNKNOWN)
        if isinstance(status, str):
            wanted.append(f"{node}: {status}")
        elif node not in views:
            wanted.append(f"{node} does not know it yet")
        elif status.unconfirmed_partitions:
            many = words.times(len(status.unconfirmed_partitions), "partition")
            wanted.append(f"{node} has {many} to confirm")
    if not views:
        wanted.append("no node knows it yet")
    if change.change == "leave" and any(change.node in status.draining for status in heard.values()):
        wanted.append(f"{change.node} is not drained")
    if not wanted and len({heard[node].view_digest for node in members}) > 1:
        wanted.append("views differ")
    return tuple(wanted)


def _knows(change: ChangeReport, status: inspect_pb2.StatusResponse) -> bool:
    return (change.node in status.members) == (change.change == "join")


def _without_address(statuses: Statuses, contacts: Contacts) -> list[str]:
    members = {node for status in statuses.values() if not isinstance(status, str) for node in status.members}
    return sorted(members - contacts.known)


async def _entrance(contacts: Contacts, change: Change) -> Contact:
    """The node to ask: a member rather than a spare, and rather not the one that it is about."""
    contacts.first()
    statuses = await _ask_statuses(contacts)

    def rank(contact: Contact) -> tuple[bool, bool]:
        status = statuses[contact.id]
        return isinstance(status, str) or contact.id not in status.members, contact.id == change.node

    return min(contacts.reachable, key=rank)


async def _ask_statuses(contacts: Contacts) -> Statuses:
    async def answer(contact: Contact) -> inspect_pb2.StatusResponse | str:
        if not contact.description:
            await contact.meet()
        return contact.trouble or await ask_status(contact)

    answers = await asyncio.gather(*(answer(each) for each in contacts.all))
    return {each.id: answered for each, answered in zip(contacts.all, answers, strict=True)}


async def _send(through: Contact, change: Change) -> bytes:
    """Returns the view digest of the node asked, the change included."""
    assert through.description is not None
    stub: membership_pb2_grpc.MembershipAsyncStub = membership_pb2_grpc.MembershipStub(through.channel)
    patience = PATIENCE * through.description.request_timeout_ms / 1000
    match change.kind:
        case "join":
            member = config_pb2.Member(node_id=change.node, weight=change.weight, host=change.host)
            joined = await stub.Join(membership_pb2.JoinRequest(member=member), timeout=patience)
            return joined.view_digest
        case "leave":
            left = await stub.Leave(membership_pb2.LeaveRequest(node_id=change.node), timeout=patience)
            return left.view_digest
        case "remove":
            removed = await stub.Remove(membership_pb2.RemoveRequest(node_id=change.node), timeout=patience)
            return removed.view_digest

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
from ringcheck.operating.contacts import Contact, Contacts, lacking, refusal, trouble
from ringcheck.operating.ring import ask_ring
from ringcheck.operating.status import ADDRESS_UNKNOWN, NOT_DECLARED, ask_status

POLL_S = 0.25

Statuses: TypeAlias = Mapping[str, inspect_pb2.StatusResponse | str]
"""What each node says, by id, or why it said nothing."""

Standing: TypeAlias = Literal["member", "leaving", "none", "unknown"]
"""What a node is to a cluster; `none`: it has left and is drained, was removed, or never was a member."""

_STOP_IT = (
    ", and remove is for a node that never runs again: stop it first, or let it hand over what it holds with "
    "`ringcheck cluster leave {}`."
)
_INSTEAD: Mapping[Standing, str] = {
    "member": _STOP_IT,
    "unknown": _STOP_IT,
    "leaving": (
        " and is leaving; once `ringcheck cluster status` no longer says that {} is draining, it may be stopped, and "
        "need not be removed."
    ),
    "none": ", and is no member any more, so that there is nothing to remove; {} may be stopped.",
}
"""Why a node that runs is not removed, and what to do, by what it is."""


class Change(msgspec.Struct, frozen=True):
    """A change of membership; weight and host count for a join alone.

    None is what the node has as a member already, else weight 1 and a host of its own.
    """

    kind: Literal["join", "leave", "remove"]
    node: str
    weight: int | None = None
    host: str | None = None


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True):
    """A change that `through` has accepted. `settled`: every member knows it and has confirmed; None if not followed.

    `waiting_for` is what was still missing when following it was given up. `already`: who was to leave had gone
    before, who was to join was a member for `through`, or who was to be removed had been for it.
    """

    change: str
    node: str
    through: str
    view_digest: str
    already: bool = False
    settled: bool | None = None
    waiting_for: tuple[str, ...] = ()


async def carry_out(contacts: Contacts, change: Change, *, follows: bool = False, force: bool = False) -> ChangeReport:
    """Send the change to one node, which spreads it. `follows`: it is to be followed, and is not made if it cannot be.

    Raises UsageError for a change that may not be, and unless `force` for the joining of a node that does not answer;
    TargetError if nobody can be reached or it was not confirmed.
    """
    contacts.first()
    statuses = await _ask_statuses(contacts)
    through = _entrance(contacts, change, statuses)
    if "membership" not in through.profiles:
        raise lacking(through, "membership")
    standing = _standing(change.node, statuses)
    if change.kind == "remove" and (running := contacts.by_id(change.node)) and running.description:
        raise UsageError(f"{change.node} still answers at {running.address}{_INSTEAD[standing].format(change.node)}")
    known = None
    if change.kind == "join":
        known = await _known(change.node, through)
        if not (force or known or standing == "member"):
            _expect_running(contacts, change.node)
        change = _completed(change, known)
    if follows:
        _expect_to_see_all(contacts, change, statuses)
    try:
        digest = await _send(through, change)
    except grpc.aio.AioRpcError as error:
        if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
            raise TargetError(
                f"{through.id} could not have the change confirmed ({trouble(error)}); it may take effect all the "
                "same, and repeating the command does no harm."
            ) from None
        raise refusal(through, "membership", error) from None
    return ChangeReport(
        change=change.kind,
        node=change.node,
        through=through.id,
        view_digest=digest.hex(),
        already=_already(change, standing, known, statuses[through.id], digest),
    )


def _already(
    change: Change,
    standing: Standing,
    known: config_pb2.Member | None,
    seen: inspect_pb2.StatusResponse | str,
    digest: bytes,
) -> bool:
    """Whether the change had been made before.

    What was `known` and `seen` at the node asked was so before it; `digest` is that of its view afterwards.
    """
    match change.kind:
        case "join":
            return known is not None or (not isinstance(seen, str) and change.node in seen.members)
        case "leave":
            return standing == "none"
        case "remove":
            return not isinstance(seen, str) and seen.view_digest == digest


async def follow(
    contacts: Contacts, change: ChangeReport, *, within_s: float | None, tell: Callable[[str], None]
) -> ChangeReport:
    """Wait until the cluster has carried the change out, or `within_s` seconds; `tell` is told what is waited for.

    It is given up at once when a member turns out to be one that cannot be asked.
    """
    loop = asyncio.get_running_loop()
    ends = None if within_s is None else loop.time() + within_s
    told = ""
    while True:
        statuses = await _ask_statuses(contacts)
        waiting = missing(change, statuses)
        if not waiting:
            return msgspec.structs.replace(change, settled=True)
        is_over = ends is not None and loop.time() >= ends
        if is_over or _unseen(contacts, change.change, change.node, statuses):
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


def _standing(node: str, statuses: Statuses) -> Standing:
    """What `node` is by the views of members, itself left out."""
    views = [
        status
        for each, status in statuses.items()
        if not isinstance(status, str) and each != node and each in status.members
    ]
    if not views:
        return "unknown"
    if any(node in status.members for status in views):
        return "member"
    return "leaving" if any(node in status.draining for status in views) else "none"


def _expect_running(contacts: Contacts, node: str) -> None:
    there = contacts.by_id(node)
    if there and there.description:
        return
    seen = f"{node} does not answer at {there.address} ({there.trouble})" if there else f"no address of {node} is known"
    raise UsageError(
        f"Nothing was changed: {seen}, and as a member it would own partitions that nobody serves; start it first, "
        "name it by --node too, or say --force."
    )


def _expect_to_see_all(contacts: Contacts, change: Change, statuses: Statuses) -> None:
    unseen = _unseen(contacts, change.kind, change.node, statuses)
    if unseen:
        told = "; ".join(f"{node}: {why}" for node, why in sorted(unseen.items()))
        raise UsageError(
            f"Nothing was changed: --wait has to ask every member ({told}); name their addresses by --node too, or do "
            "without --wait."
        )


def _unseen(contacts: Contacts, kind: str, node: str, statuses: Statuses) -> dict[str, str]:
    """The members that can never be asked what they know of the change, and why. Who leaves need not be."""
    members = {member for status in statuses.values() if not isinstance(status, str) for member in status.members}
    if kind == "join":
        members.add(node)
    lost = dict.fromkeys(members - contacts.known, ADDRESS_UNKNOWN)
    blind = {each: status for each, status in statuses.items() if status == NOT_DECLARED}
    return {each: str(why) for each, why in (lost | blind).items() if kind == "join" or each != node}


async def _known(node: str, through: Contact) -> config_pb2.Member | None:
    """`node` as a member, if it is one already and the node asked shows its ring."""
    try:
        ring = await ask_ring(through)
    except grpc.aio.AioRpcError:
        return None
    return next((member for member in ring.members if member.node_id == node), None)


def _completed(change: Change, known: config_pb2.Member | None) -> Change:
    """What was not said is as it is already: to repeat a join is harmless."""
    weight, host = (known.weight, known.host) if known else (1, "")
    return msgspec.structs.replace(
        change,
        weight=weight if change.weight is None else change.weight,
        host=host if change.host is None else change.host,
    )


def _entrance(contacts: Contacts, change: Change, statuses: Statuses) -> Contact:
    """The node to ask: a member rather than a spare, and rather not the one that it is about."""

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
            member = config_pb2.Member(node_id=change.node, weight=change.weight or 1, host=change.host or "")
            joined = await stub.Join(membership_pb2.JoinRequest(member=member), timeout=patience)
            return joined.view_digest
        case "leave":
            left = await stub.Leave(membership_pb2.LeaveRequest(node_id=change.node), timeout=patience)
            return left.view_digest
        case "remove":
            removed = await stub.Remove(membership_pb2.RemoveRequest(node_id=change.node), timeout=patience)
            return removed.view_digest

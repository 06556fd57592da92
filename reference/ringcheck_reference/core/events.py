"""Membership events, and their bytes.

The bytes of an event are what the disk holds and what the digests of a view are made of. Equal events have equal
bytes; their order as bytes is the order of events.

    event     u8 kind, text id, u32 weight, text host, u32 partition, text changes digest, u32 changes,
              u32 how many owners, then each as text
    text      u32 length, bytes

All numbers are big-endian. Only JOIN has a weight and a host, only CONFIRMED what comes after them; elsewhere they are
zero and empty. The host is as in the event, empty where the member has none.
"""

import struct
from dataclasses import field
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple, Self

from .config import MAX_NAME_BYTES, Member, NodeId, is_too_long
from .values import value

DIGEST_BYTES: Final = 32
_U32: Final = struct.Struct(">I")


class MalformedEvent(ValueError):  # noqa: N818 - what was found, in plain words
    """Bytes that are no event, or an event that breaks a rule of the contract."""


class ChangeKind(IntEnum):
    """What has become of a node id; the numbers are those of membership.proto."""

    JOIN = 1
    LEAVE = 2
    REMOVE = 3
    DRAINED = 4
    CONFIRMED = 5


CHANGES: Final = frozenset({ChangeKind.JOIN, ChangeKind.LEAVE, ChangeKind.REMOVE})
"""The kinds on which the ring depends."""


class OwnerList(NamedTuple):
    """The owners of a partition under one set of changes; in the order of their making."""

    changes: int
    changes_digest: bytes
    owners: tuple[NodeId, ...]


@value
class Event:
    """One event of a view. Make one with a function named for its kind; `normal` is for what came from outside."""

    kind: ChangeKind
    member: Member
    partition: int = 0
    changes_digest: bytes = b""
    changes: int = 0
    owners: tuple[NodeId, ...] = ()
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)
    """Its bytes, once somebody has asked: they are needed as long as the event is."""

    def normal(self) -> Self:
        """The same event without what does not count in its kind; raises MalformedEvent if something is missing."""
        if not self.member.id:
            raise MalformedEvent("an event is about nobody")
        if any(map(is_too_long, (self.member.id, self.member.host, *self.owners))):
            # Without the name, which would spread in that way.
            raise MalformedEvent(f"ids and hosts of members have at most {MAX_NAME_BYTES} bytes, one here has more")
        if self.kind is ChangeKind.JOIN:
            if self.member.weight < 1:
                raise MalformedEvent(f"{self.member.id} has weight {self.member.weight}, it must be at least 1")
            return type(self)(self.kind, self.member)
        nobody = Member(self.member.id, 0)
        if self.kind is not ChangeKind.CONFIRMED:
            return type(self)(self.kind, nobody)
        distinct = len(set(self.owners)) == len(self.owners)
        if self.member.id not in self.owners or not distinct or len(self.changes_digest) != DIGEST_BYTES:
            raise MalformedEvent(f"{self.member.id} confirms what it cannot confirm")
        return type(self)(self.kind, nobody, self.partition, self.changes_digest, self.changes, self.owners)


def joined(member: Member) -> Event:
    """`member` is a member from here on."""
    return Event(ChangeKind.JOIN, member)


def left(node: NodeId) -> Event:
    """`node` is no member any more, and hands over what it holds."""
    return Event(ChangeKind.LEAVE, Member(node, 0))


def removed(node: NodeId) -> Event:
    """`node` is no member any more, and what it held is lost."""
    return Event(ChangeKind.REMOVE, Member(node, 0))


def drained(node: NodeId) -> Event:
    """`node` has left and holds nothing any more."""
    return Event(ChangeKind.DRAINED, Member(node, 0))


def confirmed(node: NodeId, partition: int, listed: OwnerList) -> Event:
    """`node` is an owner of `partition` that has all that the old owners held."""
    return Event(ChangeKind.CONFIRMED, Member(node, 0), partition, listed.changes_digest, listed.changes, listed.owners)


def encode_event(event: Event) -> bytes:
    """The canonical bytes of a normal event."""
    if not event._encoded:
        # Memory, not meaning: the event is the same value with and without it.
        object.__setattr__(event, "_encoded", _encode(event))
    return event._encoded


def _encode(event: Event) -> bytes:
    member = event.member
    parts = [
        bytes((event.kind,)),
        _text(member.id.encode()),
        _U32.pack(member.weight),
        _text(member.host.encode()),
        _U32.pack(event.partition),
        _text(event.changes_digest),
        _U32.pack(event.changes),
        _U32.pack(len(event.owners)),
        *(_text(owner.encode()) for owner in event.owners),
    ]
    return b"".join(parts)


@lru_cache(maxsize=4096)
def decode_event(data: bytes) -> Event:
    """The inverse of `encode_event`; raises MalformedEvent."""
    try:
        node, at = _take_text(data, 1)
        weight, at = _take_number(data, at)
        host, at = _take_text(data, at)
        partition, at = _take_number(data, at)
        digest, at = _take_text(data, at)
        changes, at = _take_number(data, at)
        count, at = _take_number(data, at)
        owners = []
        for _ in range(count):
            owner, at = _take_text(data, at)
            owners.append(owner.decode())
        member = Member(node.decode(), weight, host.decode())
        event = Event(ChangeKind(data[0]), member, partition, digest, changes, tuple(owners))
    except (struct.error, ValueError, IndexError) as error:
        raise MalformedEvent(f"{len(data)} bytes are no event: {error}") from error
    if at != len(data) or event.normal() != event:
        raise MalformedEvent(f"{len(data)} bytes are no event in canonical form")
    return event


def _text(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def _take_number(data: bytes, at: int) -> tuple[int, int]:
    return _U32.unpack_from(data, at)[0], at + 4


def _take_text(data: bytes, at: int) -> tuple[bytes, int]:
    length, begin = _take_number(data, at)
    end = begin + length
    if end > len(data):
        raise MalformedEvent("a text is cut short")
    return data[begin:end], end

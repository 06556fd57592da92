"""What the node knows of the cluster and must not forget: membership events, and partitions it has released."""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from .effects import DropFact, PutFact
from .events import Event, decode_event, encode_event

_EVENT: Final = b"event "
_RELEASED: Final = b"released "


class FactRows(Protocol):
    """The durable facts by name."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every (name, data); read once, at start."""


class Facts(NamedTuple):
    """What the rows tell."""

    events: tuple[Event, ...]
    released: tuple[int, ...]


def read_facts(rows: FactRows) -> Facts:
    """All facts; raises MalformedEvent for one that the node cannot have written."""
    events, released = [], []
    for name, data in rows.items():
        if name.startswith(_EVENT):
            events.append(decode_event(data))
        elif name.startswith(_RELEASED):
            released.append(int.from_bytes(name[len(_RELEASED) :], "big"))
    return Facts(tuple(events), tuple(released))


def put_event(event: Event) -> PutFact:
    """Keep an event."""
    data = encode_event(event)
    return PutFact(_event_name(data), data)


def drop_event(event: Event) -> DropFact:
    """Keep an event no longer."""
    return DropFact(_event_name(encode_event(event)))


def put_released(partition: int, changes_digest: bytes) -> PutFact:
    """Mark a partition released, under these changes."""
    return PutFact(_released_name(partition), changes_digest)


def drop_released(partition: int) -> DropFact:
    """Take the mark away."""
    return DropFact(_released_name(partition))


def _event_name(data: bytes) -> bytes:
    return _EVENT + hashlib.sha256(data).digest()


def _released_name(partition: int) -> bytes:
    return _RELEASED + partition.to_bytes(4, "big")

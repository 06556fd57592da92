"""What the node knows of the cluster and must not forget: membership events, and partitions it has released."""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from .effects import DropFact, PutFact
from .events import Event, MalformedEvent, decode_event, encode_event

_EVENT: Final = b"event "
_RELEASED: Final = b"released "
_PARTITION_BYTES: Final = 4


class FactRows(Protocol):
    """The durable facts by name."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every (name, data); read once, at start."""


class MalformedFact(ValueError):  # noqa: N818 - what was found, in plain words
    """A fact that the node cannot do without is damaged."""


class Facts(NamedTuple):
    """What the rows tell."""

    events: tuple[Event, ...]
    released: tuple[int, ...]
    lost: tuple[str, ...] = ()
    """Why an event cannot be read, each."""


def read_facts(rows: FactRows) -> Facts:
    """All facts; raises MalformedFact if one of them that the node cannot have written may be a released partition.

    An event that is damaged can be done without: gossip brings it back, under the same name, and until then the node is
    one that has not heard of it. Nobody else knows which partitions are released here: a node that has forgotten one
    would go on counting as its home, and take writes that nobody fetches any more. So its name says all there is to it.
    """
    events, released, lost = [], [], []
    for name, data in rows.items():
        if name.startswith(_EVENT):
            try:
                events.append(_sound_event(name, data))
            except MalformedEvent as error:
                lost.append(str(error))
        elif name.startswith(_RELEASED) and len(name) == len(_RELEASED) + _PARTITION_BYTES:
            released.append(int.from_bytes(name[len(_RELEASED) :], "big"))
        else:
            raise MalformedFact(f"nobody knows which fact {name!r} was")
    return Facts(tuple(events), tuple(released), tuple(lost))


def _sound_event(name: bytes, data: bytes) -> Event:
    """The event that was written under this name, and no other that a damaged disk may show."""
    event = decode_event(data)
    if _event_name(data) != name:
        raise MalformedEvent(f"{len(data)} bytes are an event, and not the one that their name tells of")
    return event


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
    return _RELEASED + partition.to_bytes(_PARTITION_BYTES, "big")

"""Envelopes that wait to be written to a stream, and the messages in which they go.

A gRPC message costs ten times what the envelope in it does. What has come together since the message before goes as
one, to a peer that understands `several`; how long it waits for more to come is up to the node's `Pace`.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.shell.pace import Pace

PROTOCOL: Final = 3
"""What this node says in its Hello."""
_KNOWS_SEVERAL: Final = 2
_LONGEST_QUEUE: Final = 4096
_MOST_BYTES: Final = 64 << 20
"""So many envelopes, and so many bytes of them, wait for a peer that does not read; one waits, however long it is."""
_FULL_BYTES: Final = 256 << 10
"""A message that has so many bytes takes no further envelope; far below any limit that is set for messages."""

Envelope = TypeVar("Envelope", peer_pb2.ExchangeRequest, peer_pb2.ExchangeResponse)


class Outbox(Generic[Envelope]):
    """The queue of one stream of envelopes of a `kind`, written at a node's `pace` until it is closed.

    `under_way` are the requests of the stream that have no answer yet, whoever keeps account of them.
    """

    def __init__(self, kind: type[Envelope], under_way: Collection[int], pace: Pace) -> None:
        self.under_way = under_way
        self._pace = pace
        self._several, self._one = _TAGS[kind]
        self._queue: deque[tuple[Envelope, bytes]] = deque()
        """Each with the message that it makes, by which it is measured."""
        self._bytes = 0
        self._may_go = asyncio.Event()
        self._takes_several = False
        self._apart = 0
        """So many envelopes at the front go alone."""
        pace.join(self)

    def open(self, peer: peer_pb2.Hello) -> None:
        """What is put from now on goes to this peer, and together if it understands that."""
        self._takes_several = peer.protocol >= _KNOWS_SEVERAL
        self._apart = len(self._queue)

    def put(self, envelope: Envelope) -> bool:
        """Queue an envelope, unless there are too many already, or they are too long; whether it was queued."""
        message = envelope.SerializeToString()
        length = self._bytes + len(message)
        if self._queue and (length > _MOST_BYTES or len(self._queue) >= _LONGEST_QUEUE):
            return False
        self._queue.append((envelope, message))
        self._bytes = length
        if self._takes_several:
            if not self._may_go.is_set():
                self._pace.ask(self)
        else:
            self._may_go.set()
        return True

    def go(self) -> None:
        """What waits is to be taken now."""
        if self._queue:
            self._may_go.set()

    async def take(self) -> tuple[Sequence[Envelope], bytes]:
        """The envelopes that are to be written next, once they may go, and the message that they make."""
        while not (self._queue and self._may_go.is_set()):
            self._may_go.clear()
            await self._may_go.wait()
        envelopes, messages = self._next()
        if not self._queue:
            self._may_go.clear()
        return envelopes, messages[0] if len(messages) == 1 else self._together(messages)

    def clear(self) -> Sequence[Envelope]:
        """What nobody has taken; it is gone from the queue."""
        left = tuple([envelope for envelope, _ in self._queue])
        self._queue.clear()
        self._bytes = 0
        self._apart = 0
        return left

    def close(self) -> None:
        """Nothing is put or taken any more."""
        self._pace.leave(self)

    def _next(self) -> tuple[Sequence[Envelope], Sequence[bytes]]:
        """What goes as one, and each as bytes: all that waits, unless it must go alone or would be too long."""
        envelope, message = self._queue.popleft()
        length = len(message)
        if self._apart:
            self._apart -= 1
            self._bytes -= length
            return (envelope,), (message,)
        envelopes, messages = [envelope], [message]
        while self._queue and self._takes_several and length < _FULL_BYTES:
            envelope, message = self._queue.popleft()
            envelopes.append(envelope)
            messages.append(message)
            length += len(message)
        self._bytes -= length
        return envelopes, messages

    def _together(self, messages: Sequence[bytes]) -> bytes:
        """Written by hand: protobuf would copy every envelope into the one around them before it writes it."""
        body = b"".join([part for message in messages for part in (self._one, _varint(len(message)), message)])
        return b"".join((self._several, _varint(len(body)), body))


def _varint(number: int) -> bytes:
    """As protobuf writes it: seven bits a byte, the lowest first."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _tag(message: type[Message], field: str) -> bytes:
    """What stands before a field that holds a message: its number and the wire type 2, a length and so many bytes."""
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | 2)


_TAGS: Final[dict[type, tuple[bytes, bytes]]] = {
    peer_pb2.ExchangeRequest: (
        _tag(peer_pb2.ExchangeRequest, "several"),
        _tag(peer_pb2.SeveralRequests, "requests"),
    ),
    peer_pb2.ExchangeResponse: (
        _tag(peer_pb2.ExchangeResponse, "several"),
        _tag(peer_pb2.SeveralResponses, "responses"),
    ),
}
"""Of `several`, and of each envelope in it."""

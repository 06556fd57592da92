"""The queue of a stream: what goes together, what goes alone, and that nothing is lost or turned around."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.shell.outbox import _FULL_BYTES, _LONGEST_QUEUE, _MOST_BYTES, PROTOCOL, Outbox
from ringcheck_reference.shell.pace import Pace, Paced

OLD, NEW = (peer_pb2.Hello(node_id="n2", protocol=protocol) for protocol in (1, PROTOCOL))


def request(number: int, key: bytes = b"k") -> peer_pb2.ExchangeRequest:
    """A question."""
    return peer_pb2.ExchangeRequest(request_id=number, view_digest=b"digest", read=peer_pb2.Read(key=key))


def answer(number: int) -> peer_pb2.ExchangeResponse:
    """An answer."""
    return peer_pb2.ExchangeResponse(request_id=number, stored=peer_pb2.Stored(changed=True))


def taken(outbox: Outbox[peer_pb2.ExchangeRequest]) -> list[list[int]]:
    """The request ids of all messages that wait, after a look at the bytes that they make."""

    async def take_all() -> list[list[int]]:
        messages = []
        while outbox._queue:
            requests, data = await outbox.take()
            message = peer_pb2.ExchangeRequest.FromString(data)
            several = message.HasField("several")
            assert list(message.several.requests if several else [message]) == list(requests)
            messages.append([each.request_id for each in requests])
        return messages

    return asyncio.run(take_all())


def test_what_waits_goes_together() -> None:
    """One envelope goes as it is, those that came together as one message, in their order."""
    outbox = Outbox(peer_pb2.ExchangeRequest, (), Pace())
    outbox.open(NEW)
    assert outbox.put(request(1))
    assert taken(outbox) == [[1]]
    assert all(outbox.put(request(number)) for number in range(2, 40))
    assert taken(outbox) == [list(range(2, 40))]


@pytest.mark.parametrize("hello", [OLD, None])
def test_an_older_peer_gets_each_alone(hello: peer_pb2.Hello | None) -> None:
    """Nobody is sent `several` who has not said that he knows it."""
    outbox = Outbox(peer_pb2.ExchangeRequest, (), Pace())
    if hello is not None:
        outbox.open(hello)
    for number in (1, 2, 3):
        outbox.put(request(number))
    assert taken(outbox) == [[1], [2], [3]]


def test_what_came_before_the_greeting_goes_alone() -> None:
    """The answer to Hello is read before anybody knows what may come together."""
    outbox = Outbox(peer_pb2.ExchangeRequest, (), Pace())
    for number in (1, 2):
        outbox.put(request(number))
    outbox.open(NEW)
    for number in (3, 4):
        outbox.put(request(number))
    assert taken(outbox) == [[1], [2], [3, 4]]


class NotYet(Pace):
    """Lets nobody go."""

    def ask(self, stream: Paced) -> None:
        """See Pace."""


def test_what_is_put_waits_for_its_pace() -> None:
    """What may not go yet goes with what comes later; an older peer, who must get each alone, is not kept waiting."""

    async def first_message(hello: peer_pb2.Hello) -> list[int]:
        outbox = Outbox(peer_pb2.ExchangeRequest, (), NotYet())
        outbox.open(hello)
        taking = asyncio.create_task(outbox.take())
        for number in (1, 2):
            outbox.put(request(number))
            for _ in range(3):
                await asyncio.sleep(0)
        outbox.go()
        requests, _ = await taking
        return [each.request_id for each in requests]

    assert asyncio.run(first_message(NEW)) == [1, 2]
    assert asyncio.run(first_message(OLD)) == [1]


def test_a_message_stays_far_below_the_limits() -> None:
    """Large envelopes are spread over several messages, and the largest goes nearly alone."""
    outbox = Outbox(peer_pb2.ExchangeRequest, (), Pace())
    outbox.open(NEW)
    for number in range(10):
        outbox.put(request(number, b"k" * (_FULL_BYTES // 4)))
    messages = taken(outbox)
    assert [number for message in messages for number in message] == list(range(10))
    assert max(map(len, messages)) == 4


def test_a_full_queue_takes_no_more() -> None:
    """What finds no room is told so at once; what is cleared was never taken."""
    outbox = Outbox(peer_pb2.ExchangeRequest, (), Pace())
    accepted = [outbox.put(request(number)) for number in range(_LONGEST_QUEUE + 2)]
    assert accepted == [True] * _LONGEST_QUEUE + [False] * 2
    assert len(outbox.clear()) == _LONGEST_QUEUE
    assert taken(outbox) == []


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=5), st.integers(0, 300))
def test_the_bytes_are_those_of_protobuf(numbers: list[int], length: int) -> None:
    """Written by hand or by protobuf, a message is the same."""

    async def take() -> None:
        requests = Outbox(peer_pb2.ExchangeRequest, (), Pace())
        responses = Outbox(peer_pb2.ExchangeResponse, (), Pace())
        requests.open(NEW)
        responses.open(NEW)
        for number in numbers:
            requests.put(request(number, b"k" * length))
            responses.put(answer(number))
        sent, data = await requests.take()
        several = peer_pb2.SeveralRequests(requests=sent)
        assert data == peer_pb2.ExchangeRequest(several=several).SerializeToString()
        answered, data = await responses.take()
        together = peer_pb2.SeveralResponses(responses=answered)
        assert data == peer_pb2.ExchangeResponse(several=together).SerializeToString()

    asyncio.run(take())


def test_what_nobody_reads_is_bounded_in_bytes() -> None:
    """However few envelopes it is in; one that is longer than all that may wait goes when nothing else waits."""
    outbox = Outbox(peer_pb2.ExchangeRequest, (), Pace())
    outbox.open(NEW)
    size = _MOST_BYTES // 8
    put = [outbox.put(request(number, b"k" * size)) for number in range(20)]
    assert put == [True] * 7 + [False] * 13
    assert outbox.put(request(20))
    assert [each for message in taken(outbox) for each in message] == [*range(7), 20]
    assert outbox.put(request(21, b"k" * (_MOST_BYTES + 1)))
    assert not outbox.put(request(22))
    assert len(outbox.clear()) == 1
    assert all(outbox.put(request(number, b"k" * size)) for number in range(23, 30))

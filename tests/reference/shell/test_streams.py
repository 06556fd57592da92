"""Streams between nodes: what becomes of requests, how fast links heal, and what malformed envelopes do (nothing)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from dynamo_node.v1 import peer_pb2
from ringcheck_chaos import ports
from ringcheck_reference.core.messages import Caller
from ringcheck_reference.shell import channels
from ringcheck_reference.shell.inbound import Inbound, _Stream
from ringcheck_reference.shell.outbox import PROTOCOL
from ringcheck_reference.shell.pace import Pace
from ringcheck_reference.shell.peers import EXCHANGE, PeerLink, Peers

DEADLINE_S = 15.0
MESSAGE_BYTES = 1 << 20
READ = peer_pb2.Read(key=b"k")


class Asker:
    """Listens to one link, and remembers."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.news: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def peer_up(self, peer: str, hello: peer_pb2.Hello) -> None:
        """See LinkListener."""
        assert hello.node_id == peer
        self.up.set()

    def answered(self, peer: str, response: peer_pb2.ExchangeResponse) -> None:
        """See LinkListener."""
        assert response.view_digest == b"digest"
        self.news.put_nowait(("answered", response.request_id))

    def unsent(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """See LinkListener."""
        self.news.put_nowait(("unsent", request_ids))

    def lost(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """See LinkListener."""
        self.news.put_nowait(("lost", request_ids))

    async def next(self) -> tuple[str, Any]:
        """What is said next."""
        return await asyncio.wait_for(self.news.get(), DEADLINE_S)


class Answerer:
    """Listens to incoming streams. Answers every request `times` times."""

    def __init__(self, times: int = 1, protocol: int = PROTOCOL) -> None:
        hello = peer_pb2.Hello(node_id="server", incarnation="i", protocol=protocol)
        self.inbound = Inbound(hello, lambda: b"digest", self, Pace())
        self.times = times
        self.callers: list[Caller] = []
        self.asked_once = asyncio.Event()
        self.taken_in: list[int] = []
        """How many requests had been told at the end of each message."""
        self.alone: asyncio.Queue[bool] = asyncio.Queue()
        """Whether the last of them was alone then."""

    def peer_dialled(self, peer: str) -> None:
        """See InboundListener."""
        assert peer == "client"

    def asked(self, caller: Caller, request: peer_pb2.ExchangeRequest) -> None:
        """See InboundListener."""
        self.callers.append(caller)
        self.asked_once.set()
        for _ in range(self.times):
            answer = peer_pb2.ExchangeResponse(
                request_id=request.request_id, found=peer_pb2.Found(), view_digest=b"digest"
            )
            self.inbound.answer(caller, answer)

    def took_in(self, *, alone: bool) -> None:
        """See InboundListener."""
        self.taken_in.append(len(self.callers))
        self.alone.put_nowait(alone)


@asynccontextmanager
async def serving(answerer: Answerer, port: int) -> AsyncIterator[None]:
    """The answerer on a server of its own, which ends at once."""
    server = grpc.aio.server(options=channels.listening(MESSAGE_BYTES))
    server.add_generic_rpc_handlers([answerer.inbound.handler()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@asynccontextmanager
async def linked(asker: Asker, port: int, peer: str = "server", protocol: int = PROTOCOL) -> AsyncIterator[PeerLink]:
    """A link that runs."""
    hello = peer_pb2.Hello(node_id="client", incarnation="i", protocol=protocol)
    options = channels.dialling(MESSAGE_BYTES)
    link = PeerLink(peer, f"127.0.0.1:{port}", hello, lambda: b"digest", options, asker, Pace())
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def with_port(test: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous test with a leased port."""
    with ports.lease(1) as lease:
        asyncio.run(asyncio.wait_for(test(lease.ports[0]), 4 * DEADLINE_S))


async def up(asker: Asker) -> None:
    """Wait until the link is."""
    await asyncio.wait_for(asker.up.wait(), DEADLINE_S)
    asker.up.clear()


def test_a_request_is_answered_once() -> None:
    """An answer reaches the asker, and a repeated one does not reach it again."""

    async def run(port: int) -> None:
        asker = Asker()
        async with serving(Answerer(times=2), port), linked(asker, port) as link:
            await up(asker)
            for request_id in (7, 8):
                link.send(peer_pb2.ExchangeRequest(request_id=request_id, read=READ))
                assert await asker.next() == ("answered", request_id)
        assert asker.news.empty()

    with_port(run)


def test_without_a_stream_requests_are_unsent() -> None:
    """Where nobody listens, a request is known at once to be never sent."""

    async def run(port: int) -> None:
        asker = Asker()
        async with linked(asker, port) as link:
            await asyncio.wait_for(link.tried.wait(), DEADLINE_S)
            link.send(peer_pb2.ExchangeRequest(request_id=7, read=READ))
            assert asker.news.get_nowait() == ("unsent", (7,))

    with_port(run)


def test_a_broken_stream_loses_requests_and_heals_fast() -> None:
    """What was sent and not answered is lost, never unsent; the link is back soon after the peer."""

    async def run(port: int) -> None:
        asker, deaf = Asker(), Answerer(times=0)
        async with linked(asker, port) as link:
            async with serving(deaf, port):
                await up(asker)
                link.send(peer_pb2.ExchangeRequest(request_id=7, read=READ))
                await asyncio.wait_for(deaf.asked_once.wait(), DEADLINE_S)
            assert await asker.next() == ("lost", (7,))
            async with serving(Answerer(), port):
                before = asyncio.get_running_loop().time()
                await up(asker)
                healed_s = asyncio.get_running_loop().time() - before
        assert healed_s < 0.6

    with_port(run)


def test_another_node_at_the_address_is_not_used() -> None:
    """A wrong address book must not make one node stand for another."""

    async def run(port: int) -> None:
        asker = Asker()
        async with serving(Answerer(), port), linked(asker, port, peer="somebody-else") as link:
            await asyncio.wait_for(link.tried.wait(), DEADLINE_S)
            link.send(peer_pb2.ExchangeRequest(request_id=7, read=READ))
            assert await asker.next() == ("unsent", (7,))
            assert not asker.up.is_set()

    with_port(run)


@pytest.mark.parametrize("protocol", [1, PROTOCOL])
def test_what_is_asked_together_is_answered_one_by_one(protocol: int) -> None:
    """Requests that wait together all arrive in their order and get their answers, from an older peer too."""

    async def run(port: int) -> None:
        asker, answerer = Asker(), Answerer(protocol=protocol)
        async with serving(answerer, port), linked(asker, port, protocol=protocol) as link:
            await up(asker)
            for request_id in range(2, 102):
                link.send(peer_pb2.ExchangeRequest(request_id=request_id, read=READ))
            assert [await asker.next() for _ in range(100)] == [("answered", number) for number in range(2, 102)]

    with_port(run)


def test_streams_have_numbers_of_their_own() -> None:
    """Two streams of one peer may use the same request id: their callers differ."""

    async def run(port: int) -> None:
        one, two, answerer = Asker(), Asker(), Answerer()
        async with serving(answerer, port), linked(one, port) as first, linked(two, port) as second:
            await up(one)
            await up(two)
            for link, asker in ((first, one), (second, two)):
                link.send(peer_pb2.ExchangeRequest(request_id=7, read=READ))
                assert await asker.next() == ("answered", 7)
        streams = [caller.stream for caller in answerer.callers]
        assert len(set(streams)) == 2
        assert {caller.node for caller in answerer.callers} == {"client"}

    with_port(run)


def test_links_come_and_go_with_the_peers() -> None:
    """Who is named gets a link, who is not named any more loses it with all that waited on it."""

    async def run(port: int) -> None:
        asker, deaf = Asker(), Answerer(times=0)
        hello = peer_pb2.Hello(node_id="client", incarnation="i", protocol=PROTOCOL)

        def dial(peer: str, address: str) -> PeerLink:
            return PeerLink(peer, address, hello, lambda: b"digest", channels.dialling(MESSAGE_BYTES), asker, Pace())

        peers = Peers({"server": f"127.0.0.1:{port}"}, dial, asker)
        async with serving(deaf, port):
            peers.send("server", peer_pb2.ExchangeRequest(request_id=6, read=READ))
            assert await asker.next() == ("unsent", (6,))
            for _ in range(2):
                peers.keep(("server",))
                await up(asker)
                peers.keep(("server",))
                peers.send("server", peer_pb2.ExchangeRequest(request_id=7, read=READ))
                await asyncio.wait_for(deaf.asked_once.wait(), DEADLINE_S)
                deaf.asked_once.clear()
                peers.keep(())
                assert await asker.next() == ("lost", (7,))
                peers.send("server", peer_pb2.ExchangeRequest(request_id=8, read=READ))
                assert await asker.next() == ("unsent", (8,))
            await peers.stop()
        assert len({caller.stream for caller in deaf.callers}) == 2
        assert asker.news.empty()

    with_port(run)


def test_a_peer_without_an_address_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log says who is out of reach and what to do, and requests to it are unsent; nothing else suffers."""

    async def run(port: int) -> None:
        asker = Asker()
        peers = Peers({}, lambda *_: pytest.fail("nobody can be dialled"), asker)
        for _ in range(3):
            peers.keep(("n9",))
            peers.send("n9", peer_pb2.ExchangeRequest(request_id=7, read=READ))
            assert await asker.next() == ("unsent", (7,))
        await peers.tried(DEADLINE_S)
        await peers.stop()

    with_port(run)
    (record,) = caplog.records
    assert "the address book has no address for n9" in record.getMessage()


def opened(channel: grpc.aio.Channel) -> Any:
    """A stream, nothing said yet."""
    return channel.stream_stream(EXCHANGE, response_deserializer=peer_pb2.ExchangeResponse.FromString)()


async def greeted(channel: grpc.aio.Channel, protocol: int = 0) -> Any:
    """A stream on which both have said Hello, with id 1."""
    stream = opened(channel)
    await stream.write(envelope(1, hello=peer_pb2.Hello(node_id="client", protocol=protocol)))
    await asyncio.wait_for(stream.read(), DEADLINE_S)
    return stream


def test_a_request_is_alone_while_no_other_waits_for_an_answer() -> None:
    """On whatever stream that one came, and not after it has been answered itself."""

    async def run(port: int) -> None:
        deaf = Answerer(times=0)
        async with serving(deaf, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            first, second = await greeted(channel), await greeted(channel)
            for _ in (first, second):
                assert not await asyncio.wait_for(deaf.alone.get(), DEADLINE_S)

            async def is_alone(stream: Any, number: int) -> bool:
                await stream.write(envelope(number, read=READ))
                return await asyncio.wait_for(deaf.alone.get(), DEADLINE_S)

            assert await is_alone(first, 2)
            assert not await is_alone(second, 2)
            assert not await is_alone(first, 3)
            for caller, number in zip(deaf.callers, (2, 2, 3), strict=True):
                deaf.inbound.answer(caller, peer_pb2.ExchangeResponse(request_id=number))
            deaf.times = 1
            assert not await is_alone(first, 4)
            deaf.times = 0
            assert await is_alone(second, 3)
            for stream in (first, second):
                stream.cancel()

    with_port(run)


def request(request_id: int, **body: Any) -> peer_pb2.ExchangeRequest:
    """A request."""
    return peer_pb2.ExchangeRequest(request_id=request_id, **body)


def envelope(request_id: int, **body: Any) -> bytes:
    """The bytes of a request."""
    return request(request_id, **body).SerializeToString()


def together(*requests: peer_pb2.ExchangeRequest) -> bytes:
    """The bytes of several requests."""
    return envelope(0, several=peer_pb2.SeveralRequests(requests=requests))


def test_a_message_of_very_many_requests_makes_nobody_wait() -> None:
    """All are answered, and others have their turn in the middle of it."""

    async def run(port: int) -> None:
        answerer = Answerer()
        async with serving(answerer, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stream = await greeted(channel, protocol=PROTOCOL)
            turns = 0

            def count() -> None:
                nonlocal turns
                turns += 0 < len(answerer.callers) < 5000
                loop.call_soon(count)

            loop = asyncio.get_running_loop()
            loop.call_soon(count)
            await stream.write(together(*[request(number, read=READ) for number in range(2, 5002)]))
            answered: list[int] = []
            while len(answered) < 5000:
                answer = await asyncio.wait_for(stream.read(), DEADLINE_S)
                answered += [each.request_id for each in answer.several.responses] or [answer.request_id]
            stream.cancel()
        assert answered == list(range(2, 5002))
        assert turns > 10

    with_port(run)


def test_a_stream_whose_answers_find_no_room_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its peer learns at once that it has lost them, instead of waiting for them for ever."""

    async def run(port: int) -> None:
        deaf = Answerer(times=0)
        async with serving(deaf, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stream = await greeted(channel)
            await stream.write(envelope(2, read=READ))
            await asyncio.wait_for(deaf.asked_once.wait(), DEADLINE_S)
            monkeypatch.setattr("ringcheck_reference.shell.outbox.Outbox.put", lambda *_: False)
            deaf.inbound.answer(deaf.callers[0], peer_pb2.ExchangeResponse(request_id=2))
            assert await asyncio.wait_for(stream.read(), DEADLINE_S) is grpc.aio.EOF
            assert await asyncio.wait_for(stream.code(), DEADLINE_S) == grpc.StatusCode.OK

    with_port(run)


class Halting:
    """Stands for a call whose peer takes its time to read."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.written = 0

    async def write(self, _message: bytes) -> None:
        """As of a call."""
        self.began.set()
        await self.goes_on.wait()
        self.written += 1


def test_what_is_being_written_is_not_cut_short() -> None:
    """A stream that is to end ends after it: gRPC refuses to end a call before, and its peer would wait for ever."""

    async def run() -> None:
        call: Any = Halting()
        stream = _Stream(1, Pace())
        stream.writing = asyncio.create_task(stream.write(call))
        for number in (1, 2):
            stream.answer(peer_pb2.ExchangeResponse(request_id=number))
        await asyncio.wait_for(call.began.wait(), DEADLINE_S)
        stream.end()
        done, _ = await asyncio.wait({stream.writing}, timeout=0.05)
        assert not done
        call.goes_on.set()
        await asyncio.wait_for(stream.writing, DEADLINE_S)
        assert call.written == 1  # and what waited behind it is lost

    asyncio.run(run())


def test_malformed_envelopes_do_no_harm() -> None:
    """Garbage is ignored, what cannot be understood is refused, and the stream goes on."""

    async def run(port: int) -> None:
        answerer = Answerer()
        async with serving(answerer, port), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stream = opened(channel)
            sent = [
                b"\xff\xff\xff garbage",
                b"",
                envelope(1, read=READ),
                envelope(2, hello=peer_pb2.Hello()),
                envelope(3, hello=peer_pb2.Hello(node_id="server")),
                envelope(4, hello=peer_pb2.Hello(node_id="client")),
                envelope(5),
                envelope(0, read=READ),
                envelope(6, read=READ),
                together(),
                together(request(7, several=peer_pb2.SeveralRequests()), request(0), request(8, read=READ)),
            ]
            for data in sent:
                await stream.write(data)
            got = [await asyncio.wait_for(stream.read(), DEADLINE_S) for _ in range(8)]
            stream.cancel()
        assert [(answer.request_id, answer.WhichOneof("body")) for answer in got] == [
            (1, "refusal"),
            (2, "refusal"),
            (3, "refusal"),
            (4, "hello"),
            (5, "refusal"),
            (6, "found"),
            (7, "refusal"),
            (8, "found"),
        ]
        assert [answer.refusal.code for answer in got if answer.HasField("refusal")] == [9, 7, 7, 3, 3]
        assert len(answerer.callers) == 3
        # One for each message, garbage included; what had been told by then came by the last four.
        assert answerer.taken_in == [*[0] * 7, 1, 2, 2, 3]

    with_port(run)

"""The harness in the place of an absent member: it dials a node by that member's way, greets it, and misbehaves."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc
import msgspec
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import peer_pb2, ring_pb2, ring_pb2_grpc
from ringcheck.client import DEFINITE, PATIENCE, Answer, Failure, Reply, open_channel
from ringcheck.cluster import Cluster
from ringcheck.codec import Codec
from ringcheck.health import ANSWER_S, SERVING
from ringcheck.history import Disturbed, Note
from ringcheck.node import Node
from ringcheck.observe import partition_of
from ringcheck.schedule import Disturb, Put, Schedule
from ringcheck.worlds.chronicle import Chronicle
from ringcheck.worlds.live.nonsense import NOBODY, Facts, Said, garbage, nonsense

PROTOCOL = 1
EXCHANGE = "/dynamo_node.v1.Peer/Exchange"
DROPPED = 24
"""So many streams are opened and let go of."""
NOTICE_S = 0.3
"""How long an answer is waited for that need not come: by then everything has been taken in."""
REPEATS = 2
"""So often a forward is sent again before its answer, and after it."""
CODES = {code.value[0]: code for code in grpc.StatusCode}


class SilentError(Exception):
    """The node did not answer as a peer does; the text says what it did."""


class Stream:
    """One Peer.Exchange stream of bytes to a node; an asynchronous context manager."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        exchange: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(EXCHANGE)
        self._call = exchange()
        self._next = 1
        self._waiting: dict[int, asyncio.Future[peer_pb2.ExchangeResponse]] = {}
        self._reading = asyncio.create_task(self._read())

    async def say(self, data: bytes) -> None:
        """Send bytes. Raises SilentError when the stream has ended, or nobody takes them."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._call.write(data)
        except (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
            raise SilentError("the stream was ended") from None
        except TimeoutError:
            raise SilentError(f"nobody took a message for {ANSWER_S:g} s") from None

    async def ask(
        self, request: peer_pb2.ExchangeRequest, within_s: float = ANSWER_S, *, repeats: int = 0
    ) -> peer_pb2.ExchangeResponse:
        """Send a request that gets an id here, `repeats` times more, and wait for its answer. Raises SilentError."""
        request.request_id, self._next = self._next, self._next + 1
        answer: asyncio.Future[peer_pb2.ExchangeResponse] = asyncio.get_running_loop().create_future()
        self._waiting[request.request_id] = answer
        try:
            for _ in range(1 + repeats):
                await self.say(request.SerializeToString())
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            raise SilentError(f"{request.WhichOneof('body')} was not answered within {within_s:g} s") from None
        finally:
            del self._waiting[request.request_id]

    def close(self) -> None:
        """Let go of it."""
        self._call.cancel()
        self._reading.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _read(self) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while isinstance(data := await self._call.read(), bytes):
                with contextlib.suppress(DecodeError):
                    answer = peer_pb2.ExchangeResponse.FromString(data)
                    future = self._waiting.get(answer.request_id)
                    if future is not None and not future.done():
                        future.set_result(answer)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(SilentError("the stream was ended"))


class Understudy:
    """Plays `source` before one node, on one stream that stays open as long as the node lets it.

    It remembers what it has forwarded and which states it was shown, and says it all again.
    """

    def __init__(self, node: Node, address: str, source: str, name: str) -> None:
        self.greeting = peer_pb2.ExchangeResponse()
        """How the node answered the last Hello of the lasting stream."""
        self._node = node
        self._name = name
        self._greetings = 0
        self._hello = peer_pb2.Hello(node_id=source, protocol=PROTOCOL)
        self._channel = open_channel(address)
        self._stream: Stream | None = None
        self._forwards: list[bytes] = []
        self._states: list[tuple[bytes, peer_pb2.State]] = []

    async def greet(self) -> None:
        """See that there is a lasting stream. Raises SilentError unless the node takes us for the member."""
        if self._stream is not None:
            return
        # Ids of requests begin anew, and may not be taken for those of an earlier stream.
        self._greetings += 1
        self._hello.incarnation = f"{self._name}-{self._greetings}"
        self._forwards.clear()
        stream = Stream(self._channel)
        try:
            self.greeting = await self._greeted(stream)
        except SilentError:
            stream.close()
            raise
        self._stream = stream

    async def forward(self, key: bytes, value: bytes, context: bytes, w: int, within_s: float) -> Answer:
        """A client's put, forwarded to the node, before and after its answer several times."""
        stream, incarnation = self._stream, self.greeting.hello.incarnation
        assert stream is not None, "greet it first"
        put = peer_pb2.Forward(incarnation=incarnation, key=key, value=value, context=context, w=w)
        request = peer_pb2.ExchangeRequest(view_digest=self.greeting.view_digest, forward=put)
        try:
            answer = await stream.ask(request, within_s, repeats=REPEATS)
            self._forwards.append(request.SerializeToString())
            for _ in range(REPEATS):
                await stream.say(self._forwards[-1])
        except SilentError as error:
            self._end()
            return Failure("UNAVAILABLE", str(error), definite=False)
        match answer.WhichOneof("body"):
            case "outcome" if answer.outcome.code == 0:
                return Reply((), answer.outcome.context)
            case "outcome":
                code = CODES.get(answer.outcome.code, grpc.StatusCode.UNKNOWN)
                return Failure(code.name, answer.outcome.message, code in DEFINITE)
        return Failure("UNAVAILABLE", f"answered by {answer.WhichOneof('body')}: {answer.refusal.message}", False)

    async def remember(self, keys: Sequence[bytes]) -> None:
        """Have the node show the states of these keys, to show them to it again some time. Raises SilentError."""
        assert self._stream is not None, "greet it first"
        for key in keys:
            question = peer_pb2.ExchangeRequest(view_digest=self.greeting.view_digest, read=peer_pb2.Read(key=key))
            answer = await self._stream.ask(question)
            state = answer.found.state
            known = [shown for shown_key, shown in self._states if shown_key == key]
            if answer.HasField("found") and state.ByteSize() and not answer.found.provisional and state not in known:
                self._states.append((key, state))

    async def misbehave(self, chance: random.Random, keys: Sequence[bytes]) -> dict[str, int]:
        """Say everything on the lasting stream; how much of each kind the node has had. Raises SilentError.

        That the node has had it is known by a Pong, since a stream keeps the order of what is sent.
        """
        assert self._stream is not None, "greet it first"
        said = nonsense(chance, self._facts(keys), self._hello)
        try:
            for each in said:
                await self._stream.say(each.data)
            await _still_served(self._stream)
        except SilentError:
            self._end()
            raise
        return _counted(said)

    async def misbehave_elsewhere(self, chance: random.Random, keys: Sequence[bytes]) -> None:
        """On streams that may end by it: bytes that are no envelope, words of strangers, no Hello, no farewell."""
        facts = msgspec.structs.replace(self._facts(keys), forwards=())
        strangers = (
            peer_pb2.Hello(node_id=NOBODY, incarnation="1", protocol=PROTOCOL),
            peer_pb2.Hello(node_id="x" * facts.long, incarnation="y" * facts.long, protocol=2**32 - 1),
            peer_pb2.Hello(),
            None,
        )
        acts = [(hello, nonsense(chance, facts, hello or strangers[0])) for hello in strangers]
        acts += [(self._hello, [each]) for each in garbage(chance)]
        for hello, said in acts:
            async with Stream(self._channel) as stream:
                with contextlib.suppress(SilentError):
                    if hello is not None:
                        await stream.say(peer_pb2.ExchangeRequest(request_id=1, hello=hello).SerializeToString())
                    for each in said:
                        await stream.say(each.data)
                    await stream.ask(_ping(), NOTICE_S)
        for number in range(DROPPED):
            async with Stream(self._channel) as stream:
                with contextlib.suppress(SilentError):
                    if number % 2:
                        await self._greeted(stream)
                        await stream.say(
                            peer_pb2.ExchangeRequest(request_id=9, read=peer_pb2.Read(key=keys[0])).SerializeToString()
                        )

    async def greeted_anew(self) -> str:
        """The incarnation of the node by a stream of its own. Raises SilentError."""
        async with Stream(self._channel) as stream:
            answer = await self._greeted(stream)
            await _still_served(stream)
        return answer.hello.incarnation

    async def close(self) -> None:
        """Close everything."""
        self._end()
        await self._channel.close()

    def _facts(self, keys: Sequence[bytes]) -> Facts:
        assert self._node.description is not None
        return Facts(
            incarnation=self.greeting.hello.incarnation,
            view_digest=self.greeting.view_digest,
            partitions=self._node.description.partition_count,
            keys=keys,
            states=self._states,
            forwards=self._forwards,
            message=self._node.description.max_message_bytes,
        )

    async def _greeted(self, stream: Stream) -> peer_pb2.ExchangeResponse:
        answer = await stream.ask(peer_pb2.ExchangeRequest(hello=self._hello))
        if answer.WhichOneof("body") != "hello" or answer.hello.node_id != self._node.id:
            raise SilentError(f"Hello was answered by {answer.WhichOneof('body')} {answer.refusal.message}".rstrip())
        return answer

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class Understudies:
    """All understudies of one run."""

    def __init__(self, cluster: Cluster, codec: Codec, chronicle: Chronicle, schedule: Schedule) -> None:
        self._cluster = cluster
        self._name = f"understudy-{schedule.namespace}"
        self._codec = codec
        self._chronicle = chronicle
        self._keys = [codec.known_key(key) for key in schedule.keys()]  # noqa: SIM118 - no mapping
        self._playing: dict[tuple[str, str], Understudy] = {}

    async def unready(self, step: Put) -> str:
        """Why a put that is to be forwarded cannot be; empty if it can."""
        if "peer" not in self._cluster.profiles:
            return "the nodes do not declare the profile peer"
        if not self._cluster.runs(step.node):
            return f"{step.node} does not run"
        try:
            await self._as(step.as_peer, step.node).greet()
        except SilentError as error:
            return f"{step.node} did not take the harness for {step.as_peer}: {error}"
        return ""

    async def put(self, step: Put, context: bytes) -> Answer:
        """Forward a client's put; `unready` has said that it can be done."""
        description = self._cluster.nodes[step.node].description
        assert description is not None
        within_s = PATIENCE * description.request_timeout_ms / 1000
        key, value, w = self._codec.key(step), self._codec.value(step), self._codec.quorum(step)
        return await self._as(step.as_peer, step.node).forward(key, value, context, w, within_s)

    async def disturb(self, step: Disturb) -> None:
        """Carry a Disturb step out, and tell what came of it."""
        if "peer" not in self._cluster.profiles:
            text = "Nobody was disturbed: the nodes do not declare the profile peer."
            self._chronicle.write(Note(time=self._chronicle.now(), text=text, node=step.node))
            return
        began, node = self._chronicle.now(), self._cluster.nodes[step.node]
        understudy, chance = self._as(step.source, step.node), random.Random(step.seed)
        messages: dict[str, int] = {}
        before, after, answered, why = "", "", False, ""
        try:
            await understudy.greet()
            before = understudy.greeting.hello.incarnation
            await understudy.remember([key for key in self._keys if await self._is_home(node, key)])
            await understudy.misbehave_elsewhere(chance, self._keys)
            messages = await understudy.misbehave(chance, self._keys)
            answered = True
            after = await understudy.greeted_anew()
        except SilentError as error:
            why = str(error)
        self._chronicle.write(
            Disturbed(
                began=began,
                node=step.node,
                source=step.source,
                greeted=bool(before),
                messages=messages,
                answered=answered,
                incarnation=(before, after),
                serving=await _serves(node),
                why=why,
                time=self._chronicle.now(),
            )
        )

    async def close(self) -> None:
        """Let go of every node."""
        for understudy in self._playing.values():
            await understudy.close()

    def _as(self, source: str, node: str) -> Understudy:
        if (source, node) not in self._playing:
            address = self._cluster.links.address(source, node)
            self._playing[source, node] = Understudy(self._cluster.nodes[node], address, source, self._name)
        return self._playing[source, node]

    async def _is_home(self, node: Node, key: bytes) -> bool:
        """Whether the node is to hold replicas of the key, as far as it tells."""
        assert node.description is not None
        if "ring" not in node.description.profiles:
            return True
        try:
            ring = await ring_pb2_grpc.RingStub(node.channel).GetRing(ring_pb2.GetRingRequest(), timeout=ANSWER_S)
        except grpc.aio.AioRpcError:
            return False
        partition = partition_of(key, node.description.partition_count)
        return any(each.partition == partition and node.id in each.owners for each in ring.partitions)


def _ping() -> peer_pb2.ExchangeRequest:
    return peer_pb2.ExchangeRequest(ping=peer_pb2.Ping())


async def _still_served(stream: Stream) -> None:
    """Raise SilentError unless a Ping is answered with Pong."""
    answer = await stream.ask(_ping())
    if answer.WhichOneof("body") != "pong":
        raise SilentError(f"Ping was answered by {answer.WhichOneof('body')} {answer.refusal.message}".rstrip())


async def _serves(node: Node) -> bool:
    """Whether a node reports SERVING."""
    try:
        answer = await health_pb2_grpc.HealthStub(node.channel).Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == SERVING)


def _counted(said: Sequence[Said]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for each in said:
        counted[each.kind] = counted.get(each.kind, 0) + 1
    return counted

"""Streams to other nodes: one Exchange per peer, dialled by this node's own address book and kept open.

A request that is handed to a link ends in exactly one of three ways: answered; *unsent*, which is only said when
it certainly never left this node; or *lost*, when the stream broke after it may have left. When in doubt it is lost.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.messages import FIRST_REQUEST_ID
from ringcheck_reference.shell.channels import Options
from ringcheck_reference.shell.inbound import ViewDigest
from ringcheck_reference.shell.logs import event
from ringcheck_reference.shell.outbox import Outbox
from ringcheck_reference.shell.pace import Pace

EXCHANGE: Final = "/dynamo_node.v1.Peer/Exchange"
HELLO_ID: Final = FIRST_REQUEST_ID - 1

# Short enough that a link heals within half a second, whoever of the two notices first.
_FIRST_PAUSE_S: Final = 0.1
_PAUSE_GROWTH: Final = 1.5
_LONGEST_PAUSE_S: Final = 0.4
_HELLO_TIMEOUT_S: Final = 3.0

log = logging.getLogger(__name__)

_BROKEN: Final = (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError)
_Call = grpc.aio.StreamStreamCall[bytes, peer_pb2.ExchangeResponse]
_Exchange = grpc.aio.StreamStreamMultiCallable[bytes, peer_pb2.ExchangeResponse]


class LinkListener(Protocol):
    """Who is told what became of requests."""

    def peer_up(self, peer: str, hello: peer_pb2.Hello) -> None:
        """A stream to `peer` is established; `hello` is what it said of itself."""

    def answered(self, peer: str, response: peer_pb2.ExchangeResponse) -> None:
        """`peer` answered a request that was waiting for it."""

    def unsent(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """These requests were certainly never sent."""

    def lost(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """The stream broke; whether the peer got these requests is unknown."""


class PeerLink:
    """The stream to one peer; `run` keeps it open until it is cancelled.

    Every attempt gets a channel of its own: gRPC's back-off belongs to a channel, and this loop's pause between
    attempts is shorter.
    """

    def __init__(
        self,
        peer: str,
        address: str,
        hello: peer_pb2.Hello,
        view_digest: ViewDigest,
        options: Options,
        listener: LinkListener,
        pace: Pace,
    ) -> None:
        self._peer = peer
        self._address = address
        self._hello = hello
        self._view_digest = view_digest
        self._options = options
        self._listener = listener
        self._unanswered: set[int] = set()
        self._outbox = Outbox(peer_pb2.ExchangeRequest, self._unanswered, pace)
        self._retry = asyncio.Event()
        self._up = False
        self.tried = asyncio.Event()
        """Set once the first attempt has succeeded or failed."""

    def send(self, request: peer_pb2.ExchangeRequest) -> None:
        """Put `request` on the stream; without a stream, or with a full queue, it is unsent."""
        if not (self._up and self._outbox.put(request)):
            self._listener.unsent(self._peer, (request.request_id,))

    def retry_now(self) -> None:
        """Cut the pause before the next attempt short: something was heard from the peer."""
        self._retry.set()

    async def run(self) -> None:
        """Open the stream, again and again, until cancelled."""
        try:
            await self._keep_open()
        finally:
            self._outbox.close()

    async def _keep_open(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_S
        while True:
            began = loop.time()
            was_up = await self._attempt()
            # Only what fails at once, as a refused connection does, needs longer and longer pauses.
            failed_at_once = not was_up and loop.time() - began < _LONGEST_PAUSE_S
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_S) if failed_at_once else _FIRST_PAUSE_S
            await self._pause(pause)

    async def _attempt(self) -> bool:
        """One stream from beginning to end; whether it was ever up."""
        try:
            async with grpc.aio.insecure_channel(self._address, options=self._options) as channel:
                await self._one_stream(channel)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # gRPC cancels too, when it gives a call up.
        except (*_BROKEN, TimeoutError) as error:
            reason = error.details() if isinstance(error, grpc.aio.AioRpcError) else error
            log.debug("stream to %s: %s", self._peer, reason, extra=event("stream", peer=self._peer, error=reason))
        except Exception:
            log.exception("the stream to %s failed", self._peer, extra=event("mistake", where="a stream"))
        finally:
            was_up = self._up
            self._close()
            self.tried.set()
        return was_up

    async def _one_stream(self, channel: grpc.aio.Channel) -> None:
        """Open one stream and serve it; returns or raises when it ends."""
        exchange: _Exchange = channel.stream_stream(EXCHANGE, response_deserializer=_parse_response)
        call = exchange()
        async with asyncio.timeout(_HELLO_TIMEOUT_S):
            hello = peer_pb2.ExchangeRequest(request_id=HELLO_ID, view_digest=self._view_digest(), hello=self._hello)
            await call.write(hello.SerializeToString())
            answer = await call.read()
        if not isinstance(answer, peer_pb2.ExchangeResponse) or not self._is_greeted_by_peer(answer):
            return
        self._outbox.open(answer.hello)
        self._up = True
        self._listener.peer_up(self._peer, answer.hello)
        self.tried.set()
        writer = asyncio.create_task(self._write(call))
        try:
            await self._read(call)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _is_greeted_by_peer(self, answer: peer_pb2.ExchangeResponse) -> bool:
        if answer.WhichOneof("body") != "hello":
            extra = event("no-hello", peer=self._peer, address=self._address)
            log.warning("%s at %s did not answer Hello with Hello", self._peer, self._address, extra=extra)
            return False
        if answer.hello.node_id != self._peer:
            log.warning(
                "%s answers at %s, where the address book has %s; correct the book",
                answer.hello.node_id,
                self._address,
                self._peer,
                extra=event("wrong-address", peer=self._peer, address=self._address, found=answer.hello.node_id),
            )
            return False
        return True

    async def _read(self, call: _Call) -> None:
        while isinstance(response := await call.read(), peer_pb2.ExchangeResponse):
            if response.HasField("several"):
                for each in response.several.responses:
                    self._take(each)
            else:
                self._take(response)
            await asyncio.sleep(0)  # What that has brought about goes first: to ask for the next message takes a while.

    def _take(self, response: peer_pb2.ExchangeResponse) -> None:
        if response.request_id in self._unanswered:
            self._unanswered.remove(response.request_id)
            self._listener.answered(self._peer, response)

    async def _write(self, call: _Call) -> None:
        while True:
            requests, message = await self._outbox.take()
            # Before the write: from here on nobody can say that they were never sent.
            self._unanswered.update(request.request_id for request in requests)
            await call.write(message)

    def _close(self) -> None:
        """Say what became of everything that is not answered."""
        self._up = False
        unsent = tuple(request.request_id for request in self._outbox.clear())
        lost = tuple(sorted(self._unanswered))
        self._unanswered.clear()
        if unsent:
            self._listener.unsent(self._peer, unsent)
        if lost:
            self._listener.lost(self._peer, lost)

    async def _pause(self, longest: float) -> None:
        try:
            async with asyncio.timeout(longest):
                await self._retry.wait()
        except TimeoutError:
            pass
        self._retry.clear()


Dial = Callable[[str, str], PeerLink]
"""Makes the link to a peer at an address."""


class Peers:
    """All outgoing links of a node, by peer: those that `keep` names and the address book knows."""

    def __init__(self, address_book: Mapping[str, str], dial: Dial, listener: LinkListener) -> None:
        self._address_book = address_book
        self._dial = dial
        self._listener = listener
        self._links: dict[str, PeerLink] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._out_of_book: set[str] = set()

    def keep(self, peers: Collection[str]) -> None:
        """Open a link to each of `peers` that has none, and close those to anybody else."""
        for peer in self._links.keys() - set(peers):
            self._hang_up(peer)
        for peer in peers:
            if peer in self._links:
                continue
            if (address := self._address_book.get(peer)) is None:
                self._miss(peer)
                continue
            link = self._links[peer] = self._dial(peer, address)
            self._tasks[peer] = asyncio.create_task(link.run(), name=f"link to {peer}")

    def send(self, peer: str, request: peer_pb2.ExchangeRequest) -> None:
        """Hand `request` to the link to `peer`; without one it is unsent."""
        if (link := self._links.get(peer)) is not None:
            link.send(request)
        else:
            self._listener.unsent(peer, (request.request_id,))

    def heard_from(self, peer: str) -> None:
        """`peer` has dialled this node: it is there, so dial it at once."""
        if (link := self._links.get(peer)) is not None:
            link.retry_now()

    async def tried(self, timeout: float) -> None:
        """Wait until every link was tried once, or `timeout` seconds."""
        waiting = [asyncio.create_task(link.tried.wait()) for link in self._links.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=timeout)
            for task in late:
                task.cancel()

    async def stop(self) -> None:
        """Close all links."""
        self.keep(())
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _hang_up(self, peer: str) -> None:
        """Close a link; what waits on it for an answer is lost, which its task says at its end."""
        del self._links[peer]
        task = self._tasks.pop(peer)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        task.cancel()

    def _miss(self, peer: str) -> None:
        if peer not in self._out_of_book:
            self._out_of_book.add(peer)
            log.warning(
                "the address book has no address for %s, so this node cannot reach it; add one and start it again",
                peer,
                extra=event("no-address", peer=peer),
            )


def _parse_response(data: bytes) -> peer_pb2.ExchangeResponse:
    """An envelope; an empty one, which answers nothing, for bytes that are none."""
    try:
        return peer_pb2.ExchangeResponse.FromString(data)
    except DecodeError:
        return peer_pb2.ExchangeResponse()

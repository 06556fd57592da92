"""Streams from other nodes: the serving side of Peer.Exchange."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.messages import Caller
from ringcheck_reference.shell.logs import event
from ringcheck_reference.shell.outbox import Outbox
from ringcheck_reference.shell.pace import Pace

log = logging.getLogger(__name__)

_AT_ONCE: Final = 256
"""After so many requests of one message others have a turn, and answers are written."""

ViewDigest = Callable[[], bytes]
"""The digest of this node's view, as it is now."""

_Context = grpc.aio.ServicerContext[peer_pb2.ExchangeRequest, bytes]


class InboundListener(Protocol):
    """Who is told what peers ask."""

    def peer_dialled(self, peer: str) -> None:
        """`peer` has opened a stream to this node."""

    def asked(self, caller: Caller, request: peer_pb2.ExchangeRequest) -> None:
        """A peer asks; the answer goes to `Inbound.answer` with the same caller and request id."""

    def took_in(self, *, alone: bool) -> None:
        """All that has come in one message has been told; it is `alone` when no other request is under way here."""


class _Stream:
    """One open stream, its answers waiting to be written. It ends when they are too many for a peer that does not read.

    So the peer knows that it has lost them; if only some were left out, it would wait for these as long as it runs.
    """

    def __init__(self, serial: int, pace: Pace) -> None:
        self.serial = serial
        self.caller: Caller | None = None
        self.under_way: set[int] = set()
        """The requests that are not answered yet."""
        self.outbox = Outbox(peer_pb2.ExchangeResponse, self.under_way, pace)
        self.writing: asyncio.Task[None] | None = None
        """The stream ends with it."""
        self._is_over = False
        self._is_busy = False
        """Whether a message is being written."""

    def answer(self, response: peer_pb2.ExchangeResponse) -> None:
        """Queue an answer."""
        self.under_way.discard(response.request_id)
        if not self.outbox.put(response):
            self.end()

    def end(self) -> None:
        """Write no more. What is being written has to come to its end: until then gRPC refuses to end the call."""
        self._is_over = True
        if self.writing is not None and not self._is_busy:
            self.writing.cancel()

    async def write(self, context: _Context) -> None:
        """Write what is queued, until it is over."""
        while not self._is_over:
            _, message = await self.outbox.take()
            self._is_busy = True
            await context.write(message)
            self._is_busy = False


class Inbound:
    """All incoming streams of a node, each with a number of its own: request ids are unique on their stream only.

    Whoever says who it is may speak, member or not: one that is to join serves its clients by way of the members.
    """

    def __init__(self, hello: peer_pb2.Hello, view_digest: ViewDigest, listener: InboundListener, pace: Pace) -> None:
        self._hello = hello
        self._view_digest = view_digest
        self._listener = listener
        self._pace = pace
        self._streams: dict[int, _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = 0

    def handler(self) -> grpc.GenericRpcHandler:
        """The service, for a server. Unlike the generated one it survives bytes that are no envelope."""
        exchange: Any = grpc.stream_stream_rpc_method_handler(self.exchange, request_deserializer=_parse_request)
        return grpc.method_handlers_generic_handler("dynamo_node.v1.Peer", {"Exchange": exchange})

    def answer(self, caller: Caller, response: peer_pb2.ExchangeResponse) -> None:
        """Answer on the stream that asked, if it is still there."""
        if (stream := self._streams.get(caller.stream)) is not None and response.request_id:
            stream.answer(response)

    async def exchange(self, _requests: object, context: _Context) -> None:
        """Serve one stream until the peer or this node ends it."""
        self._opened += 1
        stream = _Stream(self._opened, self._pace)
        self._streams[stream.serial] = stream
        reading = asyncio.create_task(self._read(stream, context))
        stream.writing = writing = asyncio.create_task(stream.write(context))
        both = {reading, writing}
        self._tasks |= both
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._streams[stream.serial]
            stream.outbox.close()
            reading.cancel()
            stream.end()
            await asyncio.gather(*both, return_exceptions=True)
            self._tasks -= both

    def close(self) -> None:
        """End all streams."""
        for task in self._tasks:
            task.cancel()

    async def _read(self, stream: _Stream, context: _Context) -> None:
        while isinstance(request := await context.read(), peer_pb2.ExchangeRequest):
            if request.HasField("several"):
                for number, each in enumerate(request.several.requests, start=1):
                    self._try(stream, each)
                    if number % _AT_ONCE == 0:
                        self._listener.took_in(alone=False)
                        await asyncio.sleep(0)
            else:
                self._try(stream, request)
            self._listener.took_in(alone=self._pace.under_way() == 1)
            await asyncio.sleep(0)  # What that has brought about goes first: to ask for the next message takes a while.

    def _try(self, stream: _Stream, request: peer_pb2.ExchangeRequest) -> None:
        try:
            self._take(stream, request)
        except Exception:
            log.exception("cannot deal with a request", extra=event("mistake", where="a request"))
            refusal = _refusal(request, grpc.StatusCode.INTERNAL, "this node has made a mistake")
            self._answer(stream.serial, refusal)

    def _take(self, stream: _Stream, request: peer_pb2.ExchangeRequest) -> None:
        body = request.WhichOneof("body")
        if body in (None, "several"):
            refusal = _refusal(request, grpc.StatusCode.INVALID_ARGUMENT, "no request that this node knows")
            self._answer(stream.serial, refusal)
        elif body == "hello":
            self._answer(stream.serial, self._greet(stream, request))
            stream.outbox.open(request.hello)
        elif stream.caller is None:
            refusal = _refusal(request, grpc.StatusCode.FAILED_PRECONDITION, "a stream begins with Hello")
            self._answer(stream.serial, refusal)
        else:
            if request.request_id:
                stream.under_way.add(request.request_id)
            self._listener.asked(stream.caller, request)

    def _greet(self, stream: _Stream, request: peer_pb2.ExchangeRequest) -> peer_pb2.ExchangeResponse:
        hello = request.hello
        if hello.node_id in ("", self._hello.node_id):
            message = f"{hello.node_id!r} is no other node"
            return _refusal(request, grpc.StatusCode.PERMISSION_DENIED, message)
        stream.caller = Caller(hello.node_id, hello.incarnation, stream.serial)
        self._listener.peer_dialled(hello.node_id)
        return peer_pb2.ExchangeResponse(request_id=request.request_id, hello=self._hello)

    def _answer(self, serial: int, response: peer_pb2.ExchangeResponse) -> None:
        """What this side answers itself."""
        response.view_digest = self._view_digest()
        if (stream := self._streams.get(serial)) is not None and response.request_id:
            stream.answer(response)


def _refusal(request: peer_pb2.ExchangeRequest, code: grpc.StatusCode, message: str) -> peer_pb2.ExchangeResponse:
    refusal = peer_pb2.Refusal(code=code.value[0], message=message)
    return peer_pb2.ExchangeResponse(request_id=request.request_id, refusal=refusal)


def _parse_request(data: bytes) -> peer_pb2.ExchangeRequest:
    """An envelope; an empty one, which wants no answer, for bytes that are none."""
    try:
        return peer_pb2.ExchangeRequest.FromString(data)
    except DecodeError:
        return peer_pb2.ExchangeRequest()

"""Drives the core: gives it messages and time, and carries out its effects in their order.

Everything here runs on the event loop's thread. What arrives while effects are being carried out waits its turn,
so the core never sees a message before the effects of the one before are under way.
"""

import asyncio
import itertools
import logging
from collections import deque
from typing import Final, Protocol

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.effects import DiskWrite, Effect, Failure, Persist, Reply, Result, Send
from ringcheck_reference.core.messages import (
    Caller,
    CallId,
    ClientDelete,
    ClientGet,
    ClientPut,
    Code,
    Lost,
    Message,
    PeerAnswer,
    PeerRequest,
    PeerUp,
    Persisted,
    PersistFailed,
    Refusal,
    Sender,
    Unsent,
)
from ringcheck_reference.core.node import Node
from ringcheck_reference.shell import translate
from ringcheck_reference.shell.store import Store

_STOPPING: Final = Failure(Code.UNAVAILABLE, "This node is stopping; ask another one.")

log = logging.getLogger(__name__)


class Outgoing(Protocol):
    """Carries requests to peers."""

    def send(self, peer: str, request: peer_pb2.ExchangeRequest) -> None:
        """Send, and say in time what became of it."""

    def heard_from(self, peer: str) -> None:
        """The peer has dialled this node."""


class Incoming(Protocol):
    """Carries answers to peers."""

    def answer(self, caller: Caller, response: peer_pb2.ExchangeResponse) -> None:
        """Answer on the stream that asked."""


class Runner:
    """One core at work. `connect` and `start` it before use, on the event loop."""

    def __init__(self, core: Node, node_id: str, store: Store) -> None:
        self.core = core
        self._node_id = node_id
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[Sender, Message]] = deque()
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._calls: dict[CallId, asyncio.Future[Result]] = {}
        self._call_ids = itertools.count(1)
        self._stopping = False
        self._stopped = False

    def connect(self, outgoing: Outgoing, incoming: Incoming) -> None:
        """Say who carries messages."""
        self._outgoing = outgoing
        self._incoming = incoming

    def start(self) -> None:
        """Let time pass for the core."""
        self._set_timer()

    async def call(self, request: ClientGet | ClientPut | ClientDelete) -> Result:
        """A client's request, until the core replies. Whatever the core raises comes out here."""
        if self._stopping:
            return _STOPPING
        call = CallId(next(self._call_ids))
        reply: asyncio.Future[Result] = self._loop.create_future()
        self._calls[call] = reply
        try:
            self._take_in(call, request)
            return await reply
        finally:
            del self._calls[call]

    async def finish_calls(self, timeout: float) -> None:
        """Take no more calls and wait, at most `timeout` seconds, for those that are under way."""
        self._stopping = True
        if self._calls:
            await asyncio.wait(self._calls.values(), timeout=timeout)

    def stop(self) -> None:
        """The core hears nothing any more, and no time passes for it."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What links and streams report.

    def peer_up(self, peer: str, hello: peer_pb2.Hello) -> None:
        """See LinkListener."""
        self._take_in(peer, PeerUp(translate.hello_from_wire(hello)))

    def unsent(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """See LinkListener."""
        self._take_in(peer, Unsent(request_ids))

    def lost(self, peer: str, request_ids: tuple[int, ...]) -> None:
        """See LinkListener."""
        self._take_in(peer, Lost(request_ids))

    def answered(self, peer: str, response: peer_pb2.ExchangeResponse) -> None:
        """See LinkListener. An answer that makes no sense is as good as none, but it is no success."""
        try:
            body = translate.answer_from_wire(response)
        except translate.UntranslatableError as error:
            log.warning("%s gave an answer that breaks the contract: %s", peer, error)
            self._take_in(peer, Lost((response.request_id,)))
        else:
            self._take_in(peer, PeerAnswer(response.request_id, body))

    def peer_dialled(self, peer: str) -> None:
        """See InboundListener."""
        self._outgoing.heard_from(peer)

    def asked(self, caller: Caller, request: peer_pb2.ExchangeRequest) -> None:
        """See InboundListener."""
        try:
            body = translate.request_from_wire(request)
        except translate.UntranslatableError as error:
            log.warning("%s asked something that breaks the contract: %s", caller.node, error)
            code = Code.UNIMPLEMENTED if isinstance(error, translate.UnknownKindError) else Code.INVALID_ARGUMENT
            self._answer(caller, PeerAnswer(request.request_id, Refusal(code, str(error))))
        else:
            self._take_in(caller, PeerRequest(request.request_id, body))

    # The core's turn.

    def _take_in(self, sender: Sender, message: Message) -> None:
        if self._stopped:
            return
        self._inbox.append((sender, message))
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                self._receive(*self._inbox.popleft())
        finally:
            self._busy = False
        self._set_timer()

    def _receive(self, sender: Sender, message: Message) -> None:
        try:
            self._carry_out(self.core.receive(self._loop.time(), sender, message))
        except Exception as error:
            reply = self._calls.get(sender) if isinstance(sender, int) else None
            if reply is not None and not reply.done():
                reply.set_exception(error)
            else:
                log.exception("the core failed at %s from %s", type(message).__name__, sender)

    def _tick(self) -> None:
        self._timer = None
        self._busy = True
        try:
            self._carry_out(self.core.tick(self._loop.time()))
        except Exception:
            log.exception("the core failed at a tick")
        finally:
            self._busy = False
        if self._inbox:
            self._take_in(*self._inbox.popleft())
        self._set_timer()

    def _set_timer(self) -> None:
        """One timer, never later than the core's next deadline; a tick that comes early does nothing."""
        deadline = self.core.next_deadline()
        if self._timer is not None and (deadline is None or self._timer.when() <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Persist(token, writes):
                    self._persist(token, writes)
                case Send(Caller() as caller, PeerAnswer() as answer):
                    self._answer(caller, answer)
                case Send(str() as peer, PeerRequest() as request):
                    self._ask(peer, request)
                case Send(to, message):
                    raise TypeError(f"the core sends {type(message).__name__} to {to!r}")
                case Reply(call, result):
                    self._reply(call, result)

    def _persist(self, token: int, writes: tuple[DiskWrite, ...]) -> None:
        def done(reason: str | None) -> None:
            news = Persisted(token) if reason is None else PersistFailed(token, reason)
            self._take_in(self._node_id, news)

        self._store.persist(writes, done)

    def _ask(self, peer: str, request: PeerRequest) -> None:
        self._outgoing.send(peer, translate.request_to_wire(request.id, request.body))

    def _answer(self, caller: Caller, answer: PeerAnswer) -> None:
        self._incoming.answer(caller, translate.answer_to_wire(answer.id, answer.body))

    def _reply(self, call: CallId, result: Result) -> None:
        # The client may have gone; its write goes on all the same.
        reply = self._calls.get(call)
        if reply is not None and not reply.done():
            reply.set_result(result)

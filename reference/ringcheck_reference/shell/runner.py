"""Drives the core: gives it messages and time, and carries out its effects in their order.

Everything here runs on the event loop's thread. What arrives while effects are being carried out waits its turn,
so the core never sees a message before the effects of the one before are under way.
"""

import asyncio
import itertools
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.effects import Damage, Effect, Failure, Peers, Persist, Reply, Result, Send
from ringcheck_reference.core.messages import (
    Caller,
    CallId,
    ClientDelete,
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
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
from ringcheck_reference.shell.logs import event
from ringcheck_reference.shell.schema import is_damage
from ringcheck_reference.shell.store import Store, Writing

Call = ClientGet | ClientPut | ClientDelete | ClientJoin | ClientLeave | ClientRemove
"""What a client or an operator asks."""

_STOPPING: Final = Failure(Code.UNAVAILABLE, "This node is stopping; ask another one.")

_POLL_S: Final = 0.02
# A target that was only slow to answer is within reach again after its next answer.
_LULL_S: Final = 0.5

log = logging.getLogger(__name__)


class Outgoing(Protocol):
    """Carries requests to peers."""

    def send(self, peer: str, request: peer_pb2.ExchangeRequest) -> None:
        """Send, and say in time what became of it."""

    def keep(self, peers: tuple[str, ...]) -> None:
        """Keep a stream to each of these from now on, and to nobody else."""

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
        self._to_persist: list[Writing] = []
        self._ends_turn = False
        """Whether the end of this turn of the loop hands what is to be persisted to the store."""
        self._calls: dict[CallId, asyncio.Future[Result]] = {}
        self._call_ids = itertools.count(1)
        self._do: Mapping[type, Callable[[Any], None]] = {
            Persist: self._persist,
            Send: self._send,
            Reply: self._reply,
            Peers: self._keep,
            Damage: self._tell_of_damage,
        }
        self._stopping = False
        self._stopped = False
        self.damage: sqlite3.Error | None = None
        self.damaged = asyncio.Event()
        """Set once the database has turned out to be damaged, with `damage`: nobody can go on from there."""
        self.removed = asyncio.Event()
        """Set once the core has heard of its own removal."""

    def connect(self, outgoing: Outgoing, incoming: Incoming) -> None:
        """Say who carries messages."""
        self._outgoing = outgoing
        self._incoming = incoming

    def start(self) -> None:
        """Let time pass for the core, which says at once whom to keep a stream to."""
        self._tick()

    async def call(self, request: Call) -> Result:
        """A client's or operator's request, until the core replies. Whatever the core raises comes out here."""
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

    async def hand_off(self, timeout: float) -> None:
        """Wait until the core has handed over what it keeps for others within reach, at most `timeout` seconds."""
        now = self._loop.time()
        ends, in_reach = now + timeout, now - _LULL_S
        while now < ends and not self.removed.is_set():  # who was removed does nothing any more
            if self.core.hands_over:
                in_reach = now
            elif now - in_reach >= _LULL_S:
                break
            await asyncio.sleep(_POLL_S)
            now = self._loop.time()

    def stop(self) -> None:
        """The core hears nothing any more, and no time passes for it."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._hand_to_store(self._store.persist_all)

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
            answer = translate.answer_from_wire(response)
        except translate.UntranslatableError as error:
            extra = event("bad-answer", peer=peer, error=error)
            log.warning("%s gave an answer that breaks the contract: %s", peer, error, extra=extra)
            self._take_in(peer, Lost((response.request_id,)))
        else:
            self._take_in(peer, answer)

    def peer_dialled(self, peer: str) -> None:
        """See InboundListener."""
        self._outgoing.heard_from(peer)

    def asked(self, caller: Caller, request: peer_pb2.ExchangeRequest) -> None:
        """See InboundListener."""
        try:
            question = translate.request_from_wire(request)
        except translate.UntranslatableError as error:
            extra = event("bad-request", peer=caller.node, error=error)
            log.warning("%s asked something that breaks the contract: %s", caller.node, error, extra=extra)
            code = Code.UNIMPLEMENTED if isinstance(error, translate.UnknownKindError) else Code.INVALID_ARGUMENT
            refusal = Refusal(code, str(error))
            answer = PeerAnswer(request.request_id, refusal, self.view_digest())
            self._incoming.answer(caller, translate.answer_to_wire(answer))
        else:
            self._take_in(caller, question)

    def took_in(self, *, alone: bool) -> None:
        """See InboundListener. The peer waits for the disk; what else comes in this turn of the loop goes by itself."""
        self._hand_to_store(self._store.persist_at_once if alone else self._store.persist_all)

    def view_digest(self) -> bytes:
        """What goes with an envelope that the core has not made."""
        return self.core.ring().digest

    # The core's turn.

    def _take_in(self, sender: Sender, message: Message) -> None:
        if self._stopped:
            return
        self._inbox.append((sender, message))
        if not self._busy:
            self._work_off()

    def _work_off(self) -> None:
        """Let the core take in what waits, and what comes to wait while its effects are carried out."""
        self._busy = True
        try:
            while self._inbox:
                self._receive(*self._inbox.popleft())
        finally:
            self._busy = False
        if self.core.is_removed:
            self.removed.set()
        if self._to_persist and not self._ends_turn:
            # After what is to be sent, which the loop has been told of by now: peers take longer than the own disk.
            self._ends_turn = True
            self._loop.call_soon(self._end_turn)
        self._set_timer()

    def _receive(self, sender: Sender, message: Message) -> None:
        try:
            self._carry_out(self.core.receive(self._loop.time(), sender, message))
        except Exception as error:
            was_damage = self._is_damage(error)
            reply = self._calls.get(sender) if isinstance(sender, int) else None
            if reply is not None and not reply.done():
                reply.set_exception(error)
            elif not was_damage:
                kind, extra = type(message).__name__, event("mistake", where="the core")
                log.exception("the core failed at %s from %s", kind, sender, extra=extra)

    def _tick(self) -> None:
        self._timer = None
        self._busy = True
        try:
            self._carry_out(self.core.tick(self._loop.time()))
        except Exception as error:
            if not self._is_damage(error):
                log.exception("the core failed at a tick", extra=event("mistake", where="the core"))
        self._work_off()

    def _is_damage(self, error: Exception) -> bool:
        """Whether it is the database: then that is said at the end, which is now."""
        if not (isinstance(error, sqlite3.Error) and is_damage(error)):
            return False
        self.damage = error
        self.damaged.set()
        return True

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
            try:
                self._do[type(effect)](effect)
            except Exception:  # The others are to be carried out all the same: somebody waits for each.
                kind = type(effect).__name__
                log.exception("cannot carry out what the core wants: %s", kind, extra=event("mistake", where=kind))
                if isinstance(effect, Send) and isinstance(effect.to, str):
                    self._take_in(effect.to, Lost((effect.message.id,)))

    def _persist(self, persist: Persist) -> None:
        def done(reason: str | None) -> None:
            token = persist.token
            news = Persisted(token) if reason is None else PersistFailed(token, reason)
            self._take_in(self._node_id, news)

        self._to_persist.append((persist.writes, done))

    def _end_turn(self) -> None:
        self._ends_turn = False
        self._hand_to_store(self._store.persist_all)

    def _hand_to_store(self, persist: Callable[[Sequence[Writing]], None]) -> None:
        """What has come together, all at once, so that the commit thread is woken once for it."""
        group, self._to_persist = self._to_persist, []
        if group:
            persist(group)

    def _send(self, send: Send) -> None:
        to, message = send.to, send.message
        if isinstance(message, PeerRequest) and isinstance(to, str):
            self._outgoing.send(to, translate.request_to_wire(message))
        elif isinstance(message, PeerAnswer) and isinstance(to, Caller):
            self._incoming.answer(to, translate.answer_to_wire(message))
        else:
            raise TypeError(f"the core sends {type(message).__name__} to {to!r}")

    def _reply(self, reply: Reply) -> None:
        # The client may have gone; its write goes on all the same.
        waiting = self._calls.get(reply.call)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply.result)

    def _tell_of_damage(self, damage: Damage) -> None:
        log.error(
            "%s cannot be read from the disk, and is taken for lost here: %s",
            damage.what,
            damage.reason,
            extra=event("damage", what=damage.what, reason=damage.reason),
        )

    def _keep(self, peers: Peers) -> None:
        self._outgoing.keep(peers.ids)

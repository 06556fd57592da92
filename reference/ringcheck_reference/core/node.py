"""The node: hands each message to its conversation, and gives back the effects."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from .antientropy import AntiEntropyRound
from .chance import Chance
from .clients import Clients
from .config import CoreConfig
from .desk import Desk
from .detector import Detector
from .effects import Effect
from .handoff import HandoffRound
from .hints import HintRows, Hints
from .messages import (
    Caller,
    ClientDelete,
    ClientGet,
    ClientPut,
    Forward,
    Lost,
    Message,
    NodeId,
    PeerAnswer,
    PeerRequest,
    PeerUp,
    Persisted,
    PersistFailed,
    Replicate,
    Sender,
    Unsent,
)
from .replica import OwnReplica, ReplicaRows
from .ring import ring_of
from .serving import serve
from .storing import Storing
from .views import HintEntry, RingView, Scan, Status
from .writing import Mint

Handler = Callable[[Any, Any], None]
"""Takes in a message of one type; who sends messages of which type is said in `messages`."""

STALL = 0.05
"""A node that comes this late to a deadline, in seconds, was not running, and blames nobody for silence."""


class Node:
    """One node of the store as a pure machine.

    `actor` and `incarnation` must differ at every start of every node; `seed` is where choices that need no
    secrecy come from. `replica` and `hints` are what the disk holds; they are read in full once, then by key.
    """

    def __init__(
        self,
        config: CoreConfig,
        replica: ReplicaRows,
        hints: HintRows,
        actor: bytes,
        incarnation: str,
        seed: int,
    ) -> None:
        ring = ring_of(config.members, config.n, config.partition_count)
        self._ring = ring
        self._desk = Desk(config, ring, OwnReplica(replica, ring), Hints(hints), incarnation)
        self._clients = Clients(self._desk, Mint(actor))
        self._chance = Chance(seed, config.node_id)
        self._started = False
        self._due: float | None = 0.0
        self._late = -math.inf
        """A call after this moment finds a node that has not begun yet, or that did not run for a while."""
        self._handlers: Mapping[type, Handler] = {
            ClientGet: self._clients.get,
            ClientPut: self._clients.write,
            ClientDelete: self._clients.write,
            PeerRequest: self._on_request,
            PeerAnswer: self._on_answer,
            Persisted: self._on_persisted,
            PersistFailed: self._on_persist_failed,
            PeerUp: self._on_peer_up,
            Unsent: self._on_unsent,
            Lost: self._on_lost,
        }

    def receive(self, now: float, sender: Sender, message: Message) -> list[Effect]:
        """Take one message in. `now` is in seconds, on any clock that never goes back."""
        self._desk.now = now
        if now > self._late:
            self._begin_or_come_late()
        self._handlers[type(message)](sender, message)
        return self._leave()

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        self._desk.now = now
        if now > self._late:
            self._begin_or_come_late()
        self._desk.ring_alarms()
        return self._leave()

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None = nothing before the next message. Ask again after each call."""
        return self._due

    def ring(self) -> RingView:
        """The whole ring."""
        return RingView(self._ring.members, self._ring.digest, self._ring.owners)

    def preference_list(self, key: bytes) -> tuple[int, tuple[NodeId, ...]]:
        """The partition of `key`, and every member once: home nodes first, then the fallbacks in order."""
        return self._ring.partition(key), self._ring.preference_list(key)

    def status(self) -> Status:
        """The counters since start."""
        return self._desk.counters.status(self._desk.hints.pending())

    def roots(self) -> tuple[tuple[int, bytes], ...]:
        """(partition, root) of every partition that the node owns or holds a key of, by partition."""
        owned = {number for number, owners in enumerate(self._ring.owners) if self._desk.own in owners}
        held = set(self._desk.replica.partitions())
        return tuple((number, self._desk.replica.root(number)) for number in sorted(owned | held))

    def tree_nodes(self, partition: int, level: int, indexes: tuple[int, ...] = ()) -> tuple[bytes, ...]:
        """32-byte hashes of one tree level in the order of `indexes` (none = all); ValueError if out of range."""
        return self._desk.replica.tree(self._known(partition)).nodes(level, indexes)

    def scan(self, partition: int) -> Scan:
        """One snapshot of a partition; ValueError if there is no such partition."""
        return self._desk.replica.scan(self._known(partition))

    def list_hints(self) -> tuple[HintEntry, ...]:
        """Every durable hint, by target and key."""
        return self._desk.hints.list()

    def _on_request(self, caller: Caller, request: PeerRequest) -> None:
        body = request.body
        if isinstance(body, Replicate):
            Storing(self._desk, caller, request.id, body).start()
        elif not isinstance(body, Forward):
            self._desk.answer(caller, request.id, serve(self._desk, body))
        elif request.id:  # Without an id a replay could not be told from a second write.
            self._clients.forwarded(caller, request.id, body)

    def _on_answer(self, sender: NodeId, answer: PeerAnswer) -> None:
        if sender in self._desk.peers:
            self._desk.peers.heard_from(sender)
            self._desk.deliver(sender, answer)

    def _on_persisted(self, _own: NodeId, news: Persisted) -> None:
        self._desk.settle(news.token, durable=True)

    def _on_persist_failed(self, _own: NodeId, news: PersistFailed) -> None:
        self._desk.settle(news.token, durable=False)

    def _on_peer_up(self, sender: NodeId, news: PeerUp) -> None:
        if sender in self._desk.peers:
            self._desk.peers.heard_from(sender)
            self._desk.peers[sender].incarnation = news.hello.incarnation

    def _on_unsent(self, sender: NodeId, news: Unsent) -> None:
        if sender in self._desk.peers:
            self._desk.peers.suspect(sender)
            self._desk.fail(sender, news.ids, sent=False)

    def _on_lost(self, sender: NodeId, news: Lost) -> None:
        if sender in self._desk.peers:
            self._desk.peers.suspect(sender)
            self._desk.fail(sender, news.ids, sent=True)

    def _known(self, partition: int) -> int:
        if not 0 <= partition < self._ring.partition_count:
            raise ValueError(f"there is no partition {partition}; there are {self._ring.partition_count}, from 0")
        return partition

    def _begin_or_come_late(self) -> None:
        if not self._started:
            self._started = True
            self._start()
        elif self._due is not None:
            self._desk.peers.excuse(self._desk.now - self._due)

    def _start(self) -> None:
        """Probe at once; the rounds begin at moments of each node's own, so that a cluster does not beat in time."""
        config, desk = self._desk.config, self._desk
        desk.wake(Detector(desk), desk.now)
        desk.wake(HandoffRound(desk), desk.now + self._chance.fraction() * config.handoff_interval)
        desk.wake(AntiEntropyRound(desk), desk.now + self._chance.fraction() * config.anti_entropy_interval)

    def _leave(self) -> list[Effect]:
        desk = self._desk
        alarms = desk.alarms
        # Nearly always the first alarm is still wanted.
        due = alarms[0][0] if alarms and not alarms[0][2].closed else desk.next_alarm()
        self._due = due
        self._late = math.inf if due is None else due + STALL
        effects, desk.effects = desk.effects, []
        return effects

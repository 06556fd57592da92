"""The node: hands each message to its conversation, and gives back the effects."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .antientropy import AntiEntropyRound
from .chance import Chance
from .changing import Change, Changing
from .clients import Clients
from .config import CoreConfig
from .desk import Desk
from .detector import Detector
from .dropping import DroppingRound
from .effects import Damage, Effect, Failure, Peers
from .facts import FactRows, read_facts
from .handoff import HandoffRound
from .hints import HintRows, Hints
from .membership import Membership
from .messages import (
    MISTAKE,
    Caller,
    CallId,
    ClientDelete,
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
    Code,
    Forward,
    Gossip,
    Lost,
    Message,
    NodeId,
    PeerAnswer,
    PeerRequest,
    PeerUp,
    Persisted,
    PersistFailed,
    Reap,
    Refusal,
    Release,
    Replicate,
    Sender,
    Unsent,
)
from .reaping import ReapingRound
from .reaping import answer as answer_reap
from .recovery import Recovery
from .replica import OwnReplica, ReplicaRows
from .serving import serve
from .standing import Standing
from .storing import Storing
from .transfer import Releasing, TransferRound
from .view import View
from .views import HintEntry, LoadView, MembershipView, RingView, Scan, Status
from .writing import Mint

Handler = Callable[[Any, Any], None]
"""Takes in a message of one type; who sends messages of which type is said in `messages`."""

_ADMITTED: Final = (ClientGet, ClientPut, ClientDelete)
_REMOVED: Final = "This node was removed from the ring; ask another one."

STALL = 0.05
"""A node that comes this late to a deadline, in seconds, was not running, and blames nobody for silence."""


class Node:
    """One node of the store as a pure machine.

    `actor` and `incarnation` must differ at every start of every node; `seed` is where choices that need no
    secrecy come from. `replica`, `hints` and `facts` are what the disk holds; hints and facts are read in full at
    once, the replica bit by bit if it is large, and the first two by key besides. Raises MalformedFact.
    """

    def __init__(
        self,
        config: CoreConfig,
        replica: ReplicaRows,
        hints: HintRows,
        facts: FactRows,
        actor: bytes,
        incarnation: str,
        seed: int,
    ) -> None:
        known = read_facts(facts)
        standing = Standing(config, View.of_members(config.members).union(known.events), known.released)
        self._desk = Desk(
            config, standing, OwnReplica(replica, standing.ring), Hints(hints, standing.ring), incarnation
        )
        self._desk.effects += [Damage("a membership event", reason) for reason in known.lost]
        self._membership = Membership(self._desk)
        self._clients = Clients(self._desk, Mint(actor))
        self._chance = Chance(seed, config.node_id)
        self._started = False
        self._due: float | None = 0.0
        self._late = -math.inf
        """A call after this moment finds a node that has not begun yet, or that did not run for a while."""
        self._handlers: Mapping[type, Handler] = {
            ClientGet: self._on_get,
            ClientPut: self._on_write,
            ClientDelete: self._on_write,
            ClientJoin: self._on_change,
            ClientLeave: self._on_change,
            ClientRemove: self._on_change,
            PeerRequest: self._on_request,
            PeerAnswer: self._on_answer,
            Persisted: self._on_persisted,
            PersistFailed: self._on_persist_failed,
            PeerUp: self._on_peer_up,
            Unsent: self._on_unsent,
            Lost: self._on_lost,
        }

    def receive(self, now: float, sender: Sender, message: Message) -> list[Effect]:
        """Take one message in. `now` is in seconds, on any clock that never goes back.

        A mistake of the core's own comes out of here, and of `tick`. The node can be used all the same: what failed has
        ended, and everything else goes on.
        """
        self._desk.now = now
        if now > self._late:
            self._begin_or_come_late()
        try:
            self._handlers[type(message)](sender, message)
        except Exception as error:
            self._desk.mistaken(error)
            self._give_up(sender, message)
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
        ring = self._desk.ring
        return RingView(ring.members, self._desk.view_digest, ring.owners)

    def membership(self) -> MembershipView:
        """What is under way because the members have changed."""
        standing = self._desk.standing
        unsettled = standing.unsettled()
        return MembershipView(
            tuple(placed.partition for placed in unsettled if standing.takes(placed.partition)),
            standing.view.draining,
            tuple(placed.partition for placed in unsettled if placed.to_take),
        )

    @property
    def is_recovered(self) -> bool:
        """Whether the trees are whole; whoever asks for one before has it made at once, and everybody else waits."""
        return self._desk.replica.is_read

    @property
    def is_removed(self) -> bool:
        """Whether this node has heard of its own removal, and serves nobody any more."""
        return self._desk.standing.is_removed

    def preference_list(self, key: bytes) -> tuple[int, tuple[NodeId, ...]]:
        """The partition of `key`, and every member once: home nodes first, then the fallbacks in order."""
        ring = self._desk.ring
        return ring.partition(key), ring.preference_list(key)

    def status(self) -> Status:
        """The counters since start."""
        return self._desk.counters.status(self._desk.hints.pending())

    def load(self) -> LoadView:
        """How busy the node is."""
        admission = self._desk.admission
        return LoadView(admission.in_flight, admission.refused, admission.slices(self._desk.now))

    def roots(self) -> tuple[tuple[int, bytes], ...]:
        """(partition, root) of every partition that the node owns or holds a key of, by partition."""
        owned = {number for number, owners in enumerate(self._desk.ring.owners) if self._desk.own in owners}
        held = set(self._desk.replica.partitions())
        return tuple((number, self._desk.replica.root(number)) for number in sorted(owned | held))

    def tree_nodes(self, partition: int, level: int, indexes: tuple[int, ...] = ()) -> tuple[bytes, ...]:
        """32-byte hashes of one tree level in the order of `indexes` (none = all); ValueError if out of range."""
        return self._desk.replica.tree(self._known(partition)).nodes(level, indexes)

    def scan(self, partition: int) -> Scan:
        """One snapshot of a partition; ValueError if there is no such partition."""
        return self._desk.replica.scan(self._known(partition))

    def hints(self) -> Iterator[HintEntry]:
        """Every durable hint, read as it is taken: there may be many. What comes or goes meanwhile may be left out."""
        return self._desk.hints.entries()

    def list_hints(self) -> tuple[HintEntry, ...]:
        """Every durable hint, by target and key, as of now."""
        return self._desk.hints.list()

    def _on_get(self, call: CallId, request: ClientGet) -> None:
        if not self._is_refused(call):
            self._clients.get(call, request)

    def _on_write(self, call: CallId, request: ClientPut | ClientDelete) -> None:
        if not self._is_refused(call):
            self._clients.write(call, request)

    def _on_change(self, call: CallId, change: Change) -> None:
        if not self._is_refused(call):
            Changing(self._desk, self._membership, call, change).start()

    def _is_refused(self, call: CallId) -> bool:
        """A node that was removed serves nobody."""
        is_removed = self._desk.standing.is_removed
        if is_removed:
            self._desk.reply(call, Failure(Code.UNAVAILABLE, _REMOVED))
        return is_removed

    @property
    def hands_over(self) -> bool:
        """Whether it keeps a hint whose target is within reach: a round of handoff will deliver it."""
        desk = self._desk
        return any(target in desk.peers and desk.peers[target].heard for target in desk.hints.targets())

    def _on_request(self, caller: Caller, request: PeerRequest) -> None:
        desk, body = self._desk, request.body
        if desk.standing.is_removed:
            desk.answer(caller, request.id, Refusal(Code.FAILED_PRECONDITION, _REMOVED))
            return
        if isinstance(body, Replicate):
            Storing(desk, caller, request.id, body).start()
        elif isinstance(body, Forward):
            if request.id:  # Without an id a replay could not be told from a second write.
                self._clients.forwarded(caller, request.id, body)
        elif isinstance(body, Gossip):
            self._membership.answer(caller, request.id, body)
        elif isinstance(body, Reap):
            answer_reap(desk, caller, request.id, body, is_steady=self._membership.is_steady())
        elif isinstance(body, Release):
            Releasing(desk, caller, request.id, body).start()
        else:
            desk.answer(caller, request.id, serve(desk, caller.node, request))
        if request.view_digest != desk.view_digest or desk.standing.differing:
            self._membership.hear(caller.node, request.view_digest)

    def _on_answer(self, sender: NodeId, answer: PeerAnswer) -> None:
        desk = self._desk
        if sender in desk.peers:
            desk.peers.heard_from(sender)
            if answer.view_digest == desk.view_digest and not desk.standing.differing:
                desk.deliver(sender, answer)
                return
            # What it says counts under the view that it has.
            desk.standing.hear(sender, answer.view_digest)
            desk.deliver(sender, answer)
            self._membership.hear(sender, answer.view_digest)

    def _on_persisted(self, _own: NodeId, news: Persisted) -> None:
        self._desk.settle(news.token, durable=True)

    def _on_persist_failed(self, _own: NodeId, news: PersistFailed) -> None:
        self._desk.settle(news.token, durable=False)

    def _on_peer_up(self, sender: NodeId, news: PeerUp) -> None:
        if sender in self._desk.peers:
            self._desk.peers.heard_from(sender)
            self._desk.peers[sender].incarnation = news.hello.incarnation
            self._desk.peers[sender].protocol = news.hello.protocol

    def _on_unsent(self, sender: NodeId, news: Unsent) -> None:
        if sender in self._desk.peers:
            self._desk.peers.suspect(sender)
            self._desk.fail(sender, news.ids, sent=False)

    def _on_lost(self, sender: NodeId, news: Lost) -> None:
        if sender in self._desk.peers:
            self._desk.peers.suspect(sender)
            self._desk.fail(sender, news.ids, sent=True)

    def _known(self, partition: int) -> int:
        count = self._desk.config.partition_count
        if not 0 <= partition < count:
            raise ValueError(f"there is no partition {partition}; there are {count}, from 0")
        return partition

    def _begin_or_come_late(self) -> None:
        if not self._started:
            self._started = True
            self._start()
        elif self._due is not None:
            self._desk.peers.excuse(self._desk.now - self._due)
            self._desk.rest.sleep(self._desk.now - self._due)

    def _start(self) -> None:
        """Probe at once; the rounds begin at moments of each node's own, so that a cluster does not beat in time."""
        config, desk = self._desk.config, self._desk
        desk.effects.append(Peers(tuple(sorted(desk.peers))))
        desk.wake(Detector(desk), desk.now)
        Recovery(desk).start()
        desk.wake(HandoffRound(desk), desk.now + self._chance.fraction() * config.handoff_interval)
        desk.wake(AntiEntropyRound(desk), desk.now + self._chance.fraction() * config.anti_entropy_interval)
        transfers = TransferRound(desk, self._membership)
        self._membership.watchers.append(transfers)
        desk.wake(transfers, desk.now + self._chance.fraction() * config.handoff_interval)
        dropping = DroppingRound(desk, self._membership)
        self._membership.watchers.append(dropping)
        desk.wake(dropping, desk.now + self._chance.fraction() * config.handoff_interval)
        desk.rest.disturb(desk.now)
        if desk.rest.needed:
            desk.wake(ReapingRound(desk, self._membership), desk.now)

    def _give_up(self, sender: Sender, message: Message) -> None:
        """Who has asked is told that no answer comes; a call that ends like this gives its place back as any other."""
        desk = self._desk
        if isinstance(sender, int):
            if desk.admission.holds(sender) or not isinstance(message, _ADMITTED):  # else it has been answered
                desk.reply(CallId(sender), Failure(Code.INTERNAL, MISTAKE))
        elif isinstance(sender, Caller) and isinstance(message, PeerRequest):
            desk.answer(sender, message.id, Refusal(Code.INTERNAL, MISTAKE))

    def _leave(self) -> list[Effect]:
        """The effects; or the first mistake, and then the effects are left to the next tick, which is due at once."""
        desk = self._desk
        if desk.unreachable:
            desk.give_up_unreachable()
        alarms = desk.alarms
        # Nearly always the first alarm is still wanted.
        due = alarms[0][0] if alarms and not alarms[0][2].closed else desk.next_alarm()
        self._due = due
        self._late = math.inf if due is None else due + STALL
        if desk.mistakes:
            self._due = desk.now
            mistakes, desk.mistakes = desk.mistakes, []
            raise mistakes[0]
        effects, desk.effects = desk.effects, []
        return effects

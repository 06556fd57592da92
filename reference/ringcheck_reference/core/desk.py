"""What every conversation shares: the data, the clock's hand, and the ways to ask, persist, reply and wait."""

import heapq
from collections.abc import Callable
from typing import Final

from .admission import Admission
from .config import CoreConfig
from .conversation import Conversation
from .counters import Counters
from .effects import Damage, DiskWrite, DropHint, DropReplica, Effect, Persist, PutHint, PutReplica, Reply, Result, Send
from .effects import Peers as KeepPeers
from .encoding import encode_state
from .hints import HintKey, Hints
from .messages import (
    FIRST_REQUEST_ID,
    AnswerBody,
    Caller,
    CallId,
    Cause,
    NodeId,
    PeerAnswer,
    PeerRequest,
    Replicate,
    RequestBody,
)
from .peers import Peers
from .placement import Placement
from .replica import OwnReplica
from .rest import Rest
from .standing import Standing
from .values import value
from .versions import State
from .view import View


@value
class _Staged:
    """One write on its way to the disk: to a hint if `target` is given, else to the replica."""

    key: bytes
    target: NodeId | None
    conversation: Conversation | None
    new_hint_bytes: int = 0


_NOBODY: Final = (None, None)
_AGAIN_S: Final = 1.0
"""A round that has failed has its next turn so much later."""


class Desk:
    """The node's data and dealings. `now` is set, and `effects` taken, by the node at every entry."""

    def __init__(
        self,
        config: CoreConfig,
        standing: Standing,
        replica: OwnReplica,
        hints: Hints,
        incarnation: str,
    ) -> None:
        self.config = config
        self.own = config.node_id
        self.standing = standing
        self.ring = standing.ring
        self._machines = standing.view.machines
        self.view_digest = standing.view.digest
        self.replica = replica
        self.hints = hints
        self.incarnation = incarnation
        replica.on_lost = self._tell_of_lost_key
        hints.on_lost = self._tell_of_lost_hint
        self.rest = Rest(config.tombstone_lifetime)
        self.peers = Peers(config.node_id, standing.peers(), standing.ring)
        self.lingers = False
        """Whether any peer is one only until it has answered."""
        self.counters = Counters()
        self.admission = Admission(config.max_in_flight)
        self.now = 0.0
        self.effects: list[Effect] = []
        self._next_request = FIRST_REQUEST_ID
        self._next_token = 1
        self._next_alarm = 0
        self._asked: dict[int, tuple[NodeId, Conversation | None]] = {}
        self._staged: dict[int, _Staged] = {}
        self._fact_tokens: dict[int, Conversation] = {}
        self.alarms: list[tuple[float, int, Conversation]] = []
        """A heap; those of closed conversations are dead, and dropped when they come to the front."""
        self.watchers: list[Conversation] = []
        """Who waits for the next view."""
        self.unreachable: list[tuple[NodeId, int]] = []
        """Requests to nodes that are no peers, whose failure is still to be told."""
        self.on_gone: Callable[[bytes], object] = lambda _key: None
        """Is told of every key that is being reaped, or that the own replica has dropped."""
        self.mistakes: list[Exception] = []
        """What was raised since the node was left last."""

    # Asking and answering.

    def ask(self, to: NodeId, body: RequestBody, conversation: Conversation | None = None) -> int:
        """Send a request; the conversation, if any, hears what comes of it under the id returned."""
        request = self._next_request
        self._next_request = request + 1
        self._asked[request] = (to, conversation)
        try:
            self.peers.asked(to, self.now)
        except KeyError:
            self.unreachable.append((to, request))
            return request
        self.effects.append(Send(to, PeerRequest(request, body, self.view_digest)))
        return request

    def push(self, to: NodeId, key: bytes, state: State, cause: Cause, conversation: Conversation | None = None) -> int:
        """Send a state that repairs the replica of `to`, as `ask`; whether it arrives is left to the next repair."""
        self.counters.transfers.add(len(key) + len(encode_state(state)))
        return self.ask(to, Replicate(key, state, cause=cause), conversation)

    def answer(self, caller: Caller, request: int, body: AnswerBody) -> None:
        """Answer a peer's request, unless it wanted none."""
        if request:
            self.effects.append(Send(caller, PeerAnswer(request, body, self.view_digest)))

    def reply(self, call: CallId, result: Result) -> None:
        """End a client's call."""
        self.admission.end(call, self.now)
        self.effects.append(Reply(call, result))

    def admitted(self, most: int) -> int:
        """How many background requests, of `most`, a conversation may have under way by now: at least one."""
        return self.admission.share(most, self.now)

    def deliver(self, sender: NodeId, answer: PeerAnswer) -> None:
        """Hand an answer to who asked. A repeated one, or one from somebody else, finds nobody."""
        request = answer.id
        to, conversation = self._asked.get(request, _NOBODY)
        if to != sender:
            return
        del self._asked[request]
        if conversation and not conversation.closed:
            try:
                conversation.on_answer(request, sender, answer.body)
            except Exception as error:
                self.mistaken(error, conversation)

    def fail(self, to: NodeId, requests: tuple[int, ...], *, sent: bool) -> None:
        """Tell who asked that no answer will come."""
        for request in requests:
            asked, conversation = self._asked.get(request, _NOBODY)
            if asked != to:
                continue
            del self._asked[request]
            if conversation and not conversation.closed:
                try:
                    conversation.on_failure(request, to, sent)
                except Exception as error:
                    self.mistaken(error, conversation)

    def give_up_unreachable(self) -> None:
        """Tell of the requests to nodes that are no peers, which were not sent."""
        while self.unreachable:
            to, request = self.unreachable.pop(0)
            self.fail(to, (request,), sent=False)

    # Members.

    def adopt(self, view: View) -> None:
        """This view, which is durable, is in force from now on."""
        standing = self.standing
        standing.adopt(view)
        self.ring = standing.ring
        self._machines = view.machines
        self.view_digest = view.digest
        self.review_peers()
        watchers, self.watchers = self.watchers, []
        for watcher in watchers:
            if not watcher.closed:
                try:
                    watcher.on_view()
                except Exception as error:
                    self.mistaken(error, watcher)

    def machine(self, node: NodeId) -> str:
        """The physical machine of a node, whether it is a member or not, by the view that is in force now."""
        return self._machines[node]

    def review_peers(self) -> None:
        """Keep in touch with whom the view names; with who is drained until it has answered what it was asked."""
        before, wanted = set(self.peers), set(self.standing.peers())
        drained = (before - wanted) & self.standing.view.drained - self.standing.view.removed
        lingering = drained & {to for to, _ in self._asked.values()} if drained else drained
        gone = self.peers.change(sorted(wanted | lingering), self.standing.ring)
        if self.peers.keys() != before:
            self.effects.append(KeepPeers(tuple(sorted(self.peers))))
        for request, to in [(request, to) for request, (to, _) in self._asked.items() if to in gone]:
            self.fail(to, (request,), sent=True)
        self.lingers = bool(lingering)

    def placement(self, key: bytes) -> Placement:
        """Where a key belongs."""
        return self.standing.placement(self.ring.partition(key))

    def persist_facts(self, writes: tuple[DiskWrite, ...], conversation: Conversation) -> int:
        """Let the disk know facts; the conversation hears of it under the token returned."""
        token = self._next_token
        self._next_token += 1
        self._fact_tokens[token] = conversation
        self.effects.append(Persist(token, writes))
        return token

    # Data.

    def found(self, key: bytes) -> State:
        """What this node holds durably of `key`, replica and hints merged."""
        held = self.replica.durable(key)
        return held.merge(self.hints.of_key(key)) if self.hints else held

    def store_replica(self, key: bytes, state: State, conversation: Conversation | None = None) -> int:
        """Merge `state` into the own replica; the conversation hears of it under the token returned."""
        return self.put_replica(key, self.replica.latest(key).merge(state), conversation)

    def put_replica(self, key: bytes, merged: State, conversation: Conversation | None = None) -> int:
        """Let the own replica hold what its latest state has been merged into; a tombstone is a state like any."""
        self.rest.disturb_key(key, merged, self.now)
        token = self._persist(PutReplica(key, encode_state(merged)), _Staged(key, None, conversation))
        self.replica.stage(token, key, merged)
        return token

    def store_hint(self, target: NodeId, key: bytes, state: State, conversation: Conversation | None = None) -> int:
        """Merge `state` into the hint for `target`; the conversation hears of it under the token returned."""
        before = self.hints.latest((target, key))
        merged = before.merge(state)
        data = encode_state(merged)
        size = len(key) + len(data) if merged != before else 0
        token = self._persist(PutHint(target, key, data), _Staged(key, target, conversation, size))
        self.hints.stage(token, (target, key), merged)
        return token

    def drop_hint(self, target: NodeId, key: bytes, delivered: State) -> None:
        """Drop the hint if it is still what was delivered: what was merged into it since is not there yet."""
        if self.hints.latest((target, key)) != delivered:
            return
        self.rest.disturb_key(key, State.EMPTY, self.now)
        token = self._persist(DropHint(target, key, encode_state(delivered)), _Staged(key, target, None))
        self.hints.stage(token, (target, key), State.EMPTY)

    def drop_replica(self, key: bytes, confirmed: State) -> None:
        """Drop a copy if it is still what the owners have confirmed that they hold."""
        if self.replica.latest(key) != confirmed or self.replica.durable(key) != confirmed:
            return
        self.rest.disturb_key(key, State.EMPTY, self.now)
        token = self._persist(DropReplica(key, encode_state(confirmed)), _Staged(key, None, None))
        self.replica.stage(token, key, State.EMPTY)

    def writes_under_way(self) -> bool:
        """Whether anything is on its way to the replica or the hints."""
        return bool(self._staged)

    def settle(self, token: int, *, durable: bool) -> None:
        """The disk has answered: data first, then who waits for it. An unknown token is ignored."""
        staged = self._staged.pop(token, None)
        if staged is None:
            about = self._fact_tokens.pop(token, None)
            if about is not None:
                self._tell(about, token, durable=durable)
            return
        if staged.target is None:
            if self.replica.settle(token, staged.key, durable=durable) is State.EMPTY:
                self.on_gone(staged.key)
        else:
            self.hints.settle(token, (staged.target, staged.key), durable=durable)
            if durable and staged.new_hint_bytes:
                self.counters.hints_stored.add(staged.new_hint_bytes)
        if staged.conversation:
            self._tell(staged.conversation, token, durable=durable)

    def _tell(self, conversation: Conversation, token: int, *, durable: bool) -> None:
        if not conversation.closed:
            try:
                conversation.on_persisted(token, durable=durable)
            except Exception as error:
                self.mistaken(error, conversation)

    def _persist(self, write: DiskWrite, staged: _Staged) -> int:
        token = self._next_token
        self._next_token += 1
        self._staged[token] = staged
        self.effects.append(Persist(token, (write,)))
        return token

    # Time.

    def wake(self, conversation: Conversation, at: float) -> None:
        """Call the conversation's on_time at `at`, unless it is closed by then."""
        self._next_alarm += 1
        heapq.heappush(self.alarms, (at, self._next_alarm, conversation))

    def next_alarm(self) -> float | None:
        """When the next conversation is to be woken."""
        while self.alarms and self.alarms[0][2].closed:
            heapq.heappop(self.alarms)
        return self.alarms[0][0] if self.alarms else None

    def ring_alarms(self) -> None:
        """Wake everyone whose time has come. A round that fails has its next turn all the same."""
        while (at := self.next_alarm()) is not None and at <= self.now:
            conversation = heapq.heappop(self.alarms)[2]
            try:
                conversation.on_time()
            except Exception as error:
                if conversation.lasts:
                    self.wake(conversation, self.now + _AGAIN_S)
                self.mistaken(error, conversation)

    # Mistakes, and damage.

    def begin(self, conversation: Conversation) -> None:
        """Start it. A mistake in that ends it, as one does later: whoever begins several goes on with the next."""
        try:
            conversation.start()
        except Exception as error:
            self.mistaken(error, conversation)

    def _tell_of_lost_key(self, key: bytes, reason: str) -> None:
        self.effects.append(Damage(f"the key {key!r}", reason))

    def _tell_of_lost_hint(self, hint: HintKey, reason: str) -> None:
        target, key = hint
        self.effects.append(Damage(f"the hint of {key!r} for {target}", reason))

    def mistaken(self, error: Exception, conversation: Conversation | None = None) -> None:
        """What was raised comes out of the node in the end; first all others have their turn, and who waits is told."""
        self.mistakes.append(error)
        if conversation is not None:
            try:
                conversation.on_mistake()
            except Exception as another:
                self.mistakes.append(another)

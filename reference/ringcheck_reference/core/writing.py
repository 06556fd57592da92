"""A Put or Delete at its coordinator.

The coordinator makes the new version and keeps it itself: as a home node in its replica, as a stand-in in a
hint. It sends it to the other home nodes, and to stand-ins for those that are missing: at first one for each;
as soon as somebody fails or is slow, every stand-in for every home node that has not answered, at once, because
nobody knows who of them is really there; and before it gives up, everybody. W distinct machines for W distinct
homes make it acknowledged. A home node that has not answered by then is left a hint.

The homes are those that the partition had when the write began, whatever changes meanwhile. New owners that have not
confirmed are sent the version too. Such a copy stands for the home whose slot it is in, but only once that home has
failed, has released the partition or is slow: as long as reads go by the home, the home has to have it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from .conversation import Conversation
from .desk import Desk
from .encoding import encode_context, encode_state
from .messages import MISTAKE, AnswerBody, Cause, Code, NodeId, Outcome, Released, Replicate, Stored
from .quorum import Copy, Quorum
from .versions import MAX_COUNTER, Context, Dot, State, Version

MAX_KEYS: Final = 1 << 20
"""Of so many keys it is remembered which dot was issued last; about what a key costs the trees, too."""


class Mint:
    """Makes dots of this node's actors, the first of which is new at each start.

    The counters live in memory: a disk that is rolled back, or lags behind, would issue a dot twice. A number
    whose write fails is burnt, since another node may hold it already.

    Of a key that is forgotten, nobody knows any more what was issued; so an actor must never come back to it. `actor`
    is the one for all keys that are not remembered, and a new one once any was forgotten.
    """

    def __init__(self, actor: bytes) -> None:
        self.actor = actor
        self._first = actor
        self._begun = 0
        self._has_forgotten = False
        """Whether `actor` may have issued dots of a key that is not remembered."""
        self._issued: dict[bytes, Dot] = {}
        """The last dot of each key; 0 counts none. Those that were issued last are last."""

    def next_dot(self, key: bytes, seen: Context) -> Dot:
        """A dot of `key` that nobody has seen; also none of those in `seen`, however they came there.

        A context may name the last number that there is, whoever has made it up: then another actor counts on.
        """
        actor, issued = self._issued.get(key) or (self._for_new_keys(), 0)
        self._issued.pop(key, None)
        counter = max(issued, seen.highest(actor)) + 1
        while counter > MAX_COUNTER:
            actor = self._begin()
            counter = seen.highest(actor) + 1
        dot = self._issued[key] = Dot(actor, counter)
        if len(self._issued) > MAX_KEYS:
            self.forget(next(iter(self._issued)))
        return dot

    def mend_gap(self, key: bytes, seen: Context) -> None:
        """Count `key` from 1 again, as a new actor, where its next dot would stand alone in contexts, and all after it.

        So it does when dots before it are in no context any more, having been reaped, or never came into one, their
        writes having failed. Only a home can tell: what this node has issued is in `seen`, if it is anywhere. To a
        stand-in, which has handed over what it held, dots stand alone that the homes know all others of; it has to
        `forget` the key when it learns of a gap.
        """
        actor, issued = self._issued.get(key) or (self._for_new_keys(), 0)
        is_apart = any(dot.actor == actor for dot in seen.loose)
        if is_apart or issued > seen.highest(actor):
            self._issued[key] = Dot(self._begin(), 0)

    def take_back(self, key: bytes, dot: Dot) -> None:
        """The last dot of `key`, which nobody has been told, may be issued again."""
        if self._issued.get(key) == dot:
            self._issued[key] = Dot(dot.actor, dot.counter - 1)

    def forget(self, key: bytes) -> None:
        """Something is missing of what was issued. If the key is written again, it is by an actor that never was."""
        if self._issued.pop(key, None) is not None:
            self._has_forgotten = True

    def _for_new_keys(self) -> bytes:
        if self._has_forgotten:
            self._has_forgotten = False
            self.actor = self._begin()
        return self.actor

    def _begin(self) -> bytes:
        """An actor that has issued nothing yet."""
        self._begun += 1
        return self._first + self._begun.to_bytes((self._begun.bit_length() + 7) // 8, "big")


class Writing(Conversation):
    """One write; `finish` is called once, with how it ended. A `value` of None deletes what `context` covers."""

    def __init__(
        self,
        desk: Desk,
        mint: Mint,
        key: bytes,
        value: bytes | None,
        context: Context,
        w: int,
        finish: Callable[[Outcome], None],
    ) -> None:
        self._desk = desk
        self._mint = mint
        self._key = key
        self._value = value
        self._context = context
        self._finish = finish
        self._placement = desk.placement(key)
        self._homes = self._placement.homes
        self._ring = desk.ring
        self._quorum = Quorum(self.needed(w), desk.machine)
        self._excused: set[NodeId] = set()
        """Homes for which a new owner's copy may stand."""
        self._provisional: dict[NodeId, NodeId] = {}
        """Who holds a copy that counts once its home is excused, and that home."""
        self._released: list[Copy] = []
        """Who has said so, and for which home it was asked."""
        self._outdated = False
        """Whether somebody has said that he is no home any more: a newer view is on its way."""
        self._requests: dict[int, Copy] = {}
        self._tokens: dict[int, Copy] = {}
        self._tried: set[Copy] = set()
        self._delta = State.EMPTY
        self._result = b""
        self._acknowledged = False
        self._hedge_at = desk.now + desk.config.replica_timeout
        self._answer_by = desk.now + desk.config.answer_time

    def start(self) -> None:
        """Check the sibling limit, before any effect; then send the version to all who are to hold it."""
        known = self._known()
        self._delta = self.new_state(known)
        merged = known.merge(self._delta)
        siblings = len(merged.versions)
        limit = self._desk.config.limits.max_siblings
        if self._value is not None and siblings > limit:
            reason = f"this Put would leave {siblings} siblings, the limit is {limit}; Get, and Put with its context"
            self._mint.take_back(self._key, self._delta.versions[0].dot)
            self._finish(Outcome(Code.INVALID_ARGUMENT, reason))
            self.close()
            return
        self._desk.counters.writes.add(len(self._key) + len(encode_state(self._delta)))
        trusts = self._desk.peers.trusts
        missing = [home for home in self._homes if not trusts(home)]
        for home in self._homes:
            if home not in missing:
                self._place(home, home, merged)
        if missing:
            self._excused.update(missing)
            for node, home in zip(self._stand_ins(), missing, strict=False):
                self._place(node, home)
        if self._placement.stands_for:
            self._place_beside()
        self._desk.wake(self, self._hedge_at)
        self._proceed()

    def needed(self, w: int) -> int:
        """How many copies make the write acknowledged: what was asked for, whoever is within reach."""
        return w

    def new_state(self, known: State) -> State:
        """What the write adds, and no more: the new version, and the context that it supersedes."""
        if self._value is None:
            return State.of((), self._context)
        seen = known.context.join(self._context)
        if self._desk.own in self._homes:
            self._mint.mend_gap(self._key, seen)
        dot = self._mint.next_dot(self._key, seen)
        context = self.new_context(dot, known)
        self._result = encode_context(self._key, context)
        return State.of((Version(dot, self._value),), context)

    def new_context(self, dot: Dot, _known: State) -> Context:
        """The client's context and the new dot; what this node knows besides is no part of it, and stays a sibling."""
        return self._context.with_dot(dot)

    def on_answer(self, request: int, sender: NodeId, body: AnswerBody) -> None:
        """Count a copy; anything but Stored is a failure."""
        if isinstance(body, Stored):
            copy = self._requests.pop(request)
            if body.provisional and not self._stands_in(copy):
                self._hold_provisionally(*copy)
            else:
                self._quorum.acknowledge(*copy)
            self._proceed()
        elif isinstance(body, Released):
            self._expect_view()
            copy = self._requests.pop(request)
            self._released.append(copy)
            self._miss(copy)
        else:
            self.on_failure(request, sender, True)

    def on_failure(self, request: int, _to: NodeId, _sent: bool) -> None:
        """One copy will not come: let all stand-ins take its place."""
        self._miss(self._requests.pop(request))

    def on_persisted(self, token: int, *, durable: bool) -> None:
        """The own copy is durable; or it is not, and then it counts as little as anybody's."""
        copy = self._tokens.pop(token)
        if not durable:
            self._miss(copy)
        elif self._stands_in(copy) or self._counts():
            self._quorum.acknowledge(*copy)
            self._proceed()
        elif self._is_released():
            self._miss(copy)
        else:
            self._hold_provisionally(*copy)
            self._proceed()

    def on_view(self) -> None:
        """Whoever is a member now may stand in."""
        if not self._acknowledged:
            self._ask_again()
            self._hedge()
        self._proceed()

    def on_time(self) -> None:
        """Hedge, or give up."""
        if self._acknowledged:
            pass
        elif self._desk.now >= self._answer_by:
            self._fail()
        else:
            self._ask_again()
            self._hedge()
            at = self._desk.now + self._desk.config.replica_timeout if self._outdated else self._answer_by
            self._desk.wake(self, min(at, self._answer_by))
        self._proceed()

    def on_mistake(self) -> None:
        """Nobody knows what has become of the write."""
        if not self._acknowledged and not self.closed:
            self._end_badly(Code.INTERNAL, MISTAKE)
        self.close()

    def _known(self) -> State:
        """What this node holds of the key, what is on its way to the disk included."""
        if self._desk.own in self._homes or self._desk.own in self._placement.stands_for:
            return self._desk.replica.latest(self._key)
        known = State.EMPTY
        for home in self._homes:
            known = known.merge(self._desk.hints.latest((self._placement.hint_target(home), self._key)))
        return known

    def _stand_ins(self) -> list[NodeId]:
        """Who may keep a hint: this node first, if it is no home, then the fallbacks within reach."""
        fallbacks = [node for node in self._fallbacks() if self._desk.peers.trusts(node)]
        return sorted(fallbacks, key=lambda node: node != self._desk.own)

    def _fallbacks(self) -> Sequence[NodeId]:
        """The members, as of now, that had no part in the key when the write began."""
        if self._desk.ring is self._ring:
            return self._placement.fallbacks
        apart = {*self._homes, *self._placement.stands_for}
        return [node for node in self._desk.ring.preference_list(self._key) if node not in apart]

    def _place_beside(self) -> None:
        """Let the new owners hold it as well."""
        for newcomer, home in self._placement.stands_for.items():
            if self._desk.peers.trusts(newcomer):
                self._place(newcomer, home)

    def _place(self, node: NodeId, home: NodeId, merged: State | None = None) -> None:
        """Let `node` hold a copy for `home`: in its replica if it is that home, else as a hint.

        Who knows what a home's own replica will then hold may say it as `merged`.
        """
        copy = (node, home)
        if copy in self._tried:
            return
        self._tried.add(copy)
        self._quorum.expect(node, home)
        stands_in = self._stands_in(copy)
        if node != self._desk.own:
            hint_for = self._placement.hint_target(home) if stands_in else ""
            body = Replicate(self._key, self._delta, hint_for, Cause.WRITE)
            self._requests[self._desk.ask(node, body, self)] = copy
        elif stands_in:
            target = self._placement.hint_target(home)
            self._tokens[self._desk.store_hint(target, self._key, self._delta, self)] = copy
        elif merged is not None:
            self._tokens[self._desk.put_replica(self._key, merged, self)] = copy
        else:
            self._tokens[self._desk.store_replica(self._key, self._delta, self)] = copy

    def _stands_in(self, copy: Copy) -> bool:
        """Whether the copy is a hint, and not in the replica of a home or of a new owner."""
        node, home = copy
        return node != home and self._placement.stands_for.get(node) != home

    def _counts(self) -> bool:
        """Whether this node's own copy is a home's."""
        return self._desk.standing.counts(self._placement.partition)

    def _is_released(self) -> bool:
        """Whether this node's own copy counts for nothing."""
        standing = self._desk.standing
        return standing.has_left or standing.has_released(self._placement.partition)

    def _hold_provisionally(self, node: NodeId, home: NodeId) -> None:
        """A copy of an owner that has not confirmed. It waits for the home whose slot it is in, if that is another."""
        if node == home or home in self._excused:
            self._quorum.acknowledge(node, home)
        else:
            self._provisional[node] = home

    def _excuse(self, home: NodeId) -> None:
        """`home` is not to be waited for: who holds a copy in its slot may stand for it."""
        self._excused.add(home)
        for node in [node for node, stood_for in self._provisional.items() if stood_for == home]:
            del self._provisional[node]
            self._quorum.acknowledge(node, home)

    def _awaits_view(self) -> bool:
        """Whether a newer view may help: somebody has one, or this node has not even heard of its own joining."""
        if not self._outdated and not self._desk.standing.is_member:
            self._expect_view()
        return self._outdated

    def _ask_again(self) -> None:
        """Who had released the partition may have heard by now that it is an owner again."""
        released, self._released = self._released, []
        for copy in released:
            self._tried.discard(copy)
            self._place(*copy)

    def _expect_view(self) -> None:
        self._outdated = True
        self._desk.watchers.append(self)

    def _miss(self, copy: Copy) -> None:
        self._quorum.give_up(*copy)
        if copy[0] == copy[1]:
            self._excuse(copy[1])
        if not self._acknowledged:
            self._hedge()
        self._proceed()

    def _hedge(self) -> None:
        """Every stand-in for every home without an acknowledgement of its own: each may serve for any of them."""
        if self._desk.now >= self._hedge_at and self._placement.stands_for:
            for home in self._homes:
                self._excuse(home)
        for node in self._stand_ins():
            for home in self._missing():
                self._place(node, home)

    def _ask_everybody(self) -> None:
        """Before giving up: suspicion may be wrong, on a busy machine above all, and costs a message to find out."""
        for home in self._homes:
            self._excuse(home)
            self._place(home, home)
        for newcomer, home in self._placement.stands_for.items():
            self._place(newcomer, home)
        for node in self._fallbacks():
            for home in self._missing():
                self._place(node, home)

    def _missing(self) -> list[NodeId]:
        """The home nodes of which no copy is known, their own or a stand-in's."""
        held = self._quorum.held
        return [home for home in self._homes if home not in held]

    def _proceed(self) -> None:
        """Acknowledge if enough copies are durable, fail if they cannot become enough, end when all is said."""
        if self.closed:
            return
        if not self._acknowledged and self._quorum.enough:
            self._acknowledged = True
            self._finish(Outcome(Code.OK, context=self._result))
        if not self._acknowledged and self._quorum.hopeless:
            self._ask_everybody()
            if self._quorum.hopeless and not self._awaits_view():
                self._fail()
        if self._acknowledged and (self._desk.now >= self._hedge_at or not self._missing()):
            self._leave_hints()
            self.close()

    def _leave_hints(self) -> None:
        """Nobody waits any longer: this node remembers the write for the home nodes that have not got it."""
        if not self._desk.standing.is_member:
            return
        for home in self._missing():
            target = self._placement.hint_target(home)
            if self._desk.own not in (home, target) and (self._desk.own, home) not in self._tried:
                self._desk.store_hint(target, self._key, self._delta)

    def _fail(self) -> None:
        reason = f"fewer than {self._quorum.needed} nodes could hold the write; it may take effect later"
        self._end_badly(Code.UNAVAILABLE, reason)
        self.close()

    def _end_badly(self, code: Code, reason: str) -> None:
        """Perhaps nobody holds the version, and a stand-in will not hear whether anybody does."""
        if self._desk.own not in self._homes:
            self._mint.forget(self._key)
        self._finish(Outcome(code, reason))

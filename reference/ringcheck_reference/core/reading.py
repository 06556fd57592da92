"""A Get, coordinated by the node that was asked.

It asks the home nodes that are within reach, itself without a message. Where they are too few, fail, or are slow,
the stand-ins are asked as well; their replies count when the home nodes' do not suffice. A failed reply never
counts, and no node counts twice. Having answered, it goes on listening for a short while, and then sends the
merged state to every home node that turned out to be stale.

The homes are those that the partition had when the Get began. Who is to take a home's place is asked beside it; both
are one slot, and count once: as a home if one of them says that it is one, else as a stand-in.
"""

from collections.abc import Sequence

from .conversation import Conversation
from .desk import Desk
from .effects import Failure, GetResult
from .encoding import encode_context, encode_state
from .merkle import leaf
from .messages import MISTAKE, AnswerBody, CallId, Cause, Code, Found, NodeId, Read, Released
from .serving import read
from .versions import State


class Reading(Conversation):
    """One Get of `key` for `call`; `r` (1 to N) nodes must answer."""

    def __init__(self, desk: Desk, call: CallId, key: bytes, r: int) -> None:
        self._desk = desk
        self._call = call
        self._key = key
        self._needed = r
        self._settle_where()
        self._pending: dict[int, NodeId] = {}
        self._asked: set[NodeId] = set()
        self._replies: dict[NodeId, State] = {}
        self._provisional: set[NodeId] = set()
        """Who of them said that it counts as a stand-in."""
        self._outdated = False
        """Whether somebody has said that he is no home any more: a newer view is on its way."""
        self._homes_pending = 0
        self._homes_replied = 0
        self._answered = False
        self._hedge_at = desk.now + desk.config.replica_timeout
        self._answer_by = desk.now + desk.config.answer_time

    def start(self) -> None:
        """Ask the home nodes, and stand-ins for those that are known to be missing."""
        trusts = self._desk.peers.trusts
        present = [home for home in self._homes if trusts(home)]
        for node in present:
            self._ask(node)
        for node in self._stands_for:
            if trusts(node):
                self._ask(node)
        if len(present) < self._needed:
            for node in self._stand_ins()[: self._needed - len(present)]:
                self._ask(node)
        self._wake_again()
        self._proceed()

    def on_answer(self, request: int, sender: NodeId, body: AnswerBody) -> None:
        """Take a reply; anything but Found is a failed one."""
        if request not in self._pending:
            return  # Asked before the Get began anew.
        if isinstance(body, Found):
            self._take(self._no_longer_pending(request), body.state, provisional=body.provisional)
            self._proceed()
        elif isinstance(body, Released) and not self._answered:
            self._no_longer_pending(request)
            self._miss_released()
            self._proceed()
        else:
            self.on_failure(request, sender, True)

    def on_failure(self, request: int, _to: NodeId, _sent: bool) -> None:
        """A reply that will not come counts for nothing; somebody else has to give one."""
        if request not in self._pending:
            return
        self._no_longer_pending(request)
        if not self._answered:
            self._hedge()
        self._proceed()

    def on_time(self) -> None:
        """Hedge, or give up."""
        if not self._answered and self._desk.now >= self._answer_by:
            self._fail()
        elif not self._answered and self._outdated:
            self._begin_anew()
        elif not self._answered:
            self._hedge()
            self._desk.wake(self, self._answer_by)
        self._proceed()

    def on_mistake(self) -> None:
        """Nothing was read."""
        if not self._answered and not self.closed:
            self._desk.reply(self._call, Failure(Code.INTERNAL, MISTAKE))
        self.close()

    def on_view(self) -> None:
        """Begin anew, as a Get that comes now would."""
        if not self._answered and self._outdated:
            self._begin_anew()

    def _wake_again(self) -> None:
        """When it is time to hedge, or, later than that, to look again whether who had released is an owner by now."""
        now = self._desk.now
        at = self._hedge_at if self._hedge_at > now else now + self._desk.config.replica_timeout
        self._desk.wake(self, min(at, self._answer_by))

    def _begin_anew(self) -> None:
        self._settle_where()
        self._pending, self._asked, self._replies, self._provisional = {}, set(), {}, set()
        self._homes_pending = self._homes_replied = 0
        self._outdated = False
        self.start()

    def _settle_where(self) -> None:
        """Where the key belongs, from here on."""
        self._placement = self._desk.placement(self._key)
        self._homes = self._placement.homes
        self._stands_for = self._placement.stands_for
        self._ring = self._desk.ring

    def _ask(self, node: NodeId) -> None:
        self._asked.add(node)
        if node != self._desk.own:
            self._pending[self._desk.ask(node, Read(self._key), self)] = node
            self._homes_pending += node in self._homes or node in self._stands_for
            return
        body = read(self._desk, node, self._key)
        if isinstance(body, Found):
            self._take(node, body.state, provisional=body.provisional)
        elif isinstance(body, Released):
            self._miss_released()

    def _take(self, node: NodeId, state: State, *, provisional: bool = False) -> None:
        self._replies[node] = state
        if provisional:
            self._provisional.add(node)
        elif not self._stands_for:
            self._homes_replied += node in self._homes
        else:
            counting = {self._stands_for.get(node, node) for node in self._replies if node not in self._provisional}
            self._homes_replied = len(counting.intersection(self._homes))

    def _replied(self) -> int:
        """How many slots and stand-ins have replied."""
        if not self._stands_for:
            return len(self._replies)
        return len({self._stands_for.get(node, node) for node in self._replies})

    def _no_longer_pending(self, request: int) -> NodeId:
        node = self._pending.pop(request)
        self._homes_pending -= node in self._homes or node in self._stands_for
        return node

    def _awaits_view(self) -> bool:
        """Whether a newer view may help: somebody has one, or this node has not even heard of its own joining."""
        if not self._outdated and not self._desk.standing.is_member:
            self._miss_released()
        return self._outdated

    def _miss_released(self) -> None:
        """No reply, from a home that is none any more. A newer view, if there is one, tells who is."""
        self._outdated = True
        self._desk.watchers.append(self)

    def _stand_ins(self) -> list[NodeId]:
        """The fallbacks within reach that have not been asked, in the order in which they stand in."""
        return [node for node in self._fallbacks() if node not in self._asked and self._desk.peers.trusts(node)]

    def _fallbacks(self) -> Sequence[NodeId]:
        """The members, as of now, that had no part in the key when the Get began."""
        if self._desk.ring is self._ring:
            return self._placement.fallbacks
        apart = {*self._homes, *self._stands_for}
        return [node for node in self._desk.ring.preference_list(self._key) if node not in apart]

    def _hedge(self) -> None:
        """Ask all stand-ins at once: which of them are really there is not known."""
        for node in self._stand_ins():
            self._ask(node)

    def _proceed(self) -> None:
        """Answer if enough replies are in, fail if they cannot come, end when nothing is left to learn."""
        if self.closed:
            return
        if not self._answered and self._enough():
            self._answer()
        if not self._answered and self._hopeless():
            self._ask_everybody()
            if self._hopeless():
                if not self._awaits_view():
                    self._fail()
            elif self._enough():
                self._answer()
        if self._answered and (not self._homes_pending or self._desk.now >= self._hedge_at):
            self._repair()
            self.close()

    def _enough(self) -> bool:
        """Home nodes first: a stand-in's reply is used only when waiting for theirs has no point any more."""
        if self._homes_replied >= self._needed:
            return True
        waited = not self._homes_pending or self._desk.now >= self._hedge_at
        return waited and len(self._replies) >= self._needed and self._replied() >= self._needed

    def _hopeless(self) -> bool:
        if not self._stands_for:
            return len(self._replies) + len(self._pending) < self._needed
        expected = {self._stands_for.get(node, node) for node in (*self._replies, *self._pending.values())}
        return len(expected) < self._needed

    def _ask_everybody(self) -> None:
        """Before giving up: suspicion may be wrong, on a busy machine above all, and costs a message to find out."""
        for node in (*self._homes, *self._stands_for, *self._fallbacks()):
            if node not in self._asked:
                self._ask(node)

    def _merged(self) -> State:
        merged = State.EMPTY
        for state in self._replies.values():
            merged = merged.merge(state)
        return merged

    def _answer(self) -> None:
        merged = self._merged()
        result = GetResult(merged.values, encode_context(self._key, merged.context))
        size = len(self._key) + sum(map(len, result.values)) + len(result.context)
        self._desk.counters.reads.add(size)
        if self._homes_replied < self._needed:
            self._desk.counters.fallback_reads.add(size)
        self._desk.reply(self._call, result)
        self._answered = True

    def _fail(self) -> None:
        missing = f"{self._replied()} of the {self._needed} nodes that a Get needs answered"
        self._desk.reply(self._call, Failure(Code.UNAVAILABLE, f"{missing}; try again"))
        self.close()

    def _repair(self) -> None:
        """Home nodes only: a stand-in holds nothing of its own."""
        merged = self._merged()
        for node, state in self._replies.items():
            is_home = node not in self._provisional and (node in self._homes or node in self._stands_for)
            if state != merged and is_home and not self._is_being_reaped(state, merged):
                self._repair_home(node, merged)

    def _is_being_reaped(self, state: State, merged: State) -> bool:
        """Whether a home holds less because it has just forgotten it, as all are about to."""
        leaves = [leaf(self._key, encode_state(each)) if each else None for each in (state, merged)]
        return self._desk.rest.is_parting(self._key, leaves, self._desk.now)

    def _repair_home(self, home: NodeId, merged: State) -> None:
        self._desk.counters.read_repairs.add(len(self._key) + len(encode_state(merged)))
        if home == self._desk.own:
            self._desk.store_replica(self._key, merged)
        else:
            self._desk.push(home, self._key, merged, Cause.READ_REPAIR)

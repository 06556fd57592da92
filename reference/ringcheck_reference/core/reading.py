"""A Get, coordinated by the node that was asked.

It asks the home nodes that are within reach, itself without a message. Where they are too few, fail, or are slow,
the stand-ins are asked as well; their replies count when the home nodes' do not suffice. A failed reply never
counts, and no node counts twice. Having answered, it goes on listening for a short while, and then sends the
merged state to every home node that turned out to be stale.
"""

from .conversation import Conversation
from .desk import Desk
from .effects import Failure, GetResult
from .encoding import encode_context, encode_state
from .messages import AnswerBody, CallId, Cause, Code, Found, NodeId, Read
from .versions import State


class Reading(Conversation):
    """One Get of `key` for `call`; `r` (1 to N) nodes must answer."""

    def __init__(self, desk: Desk, call: CallId, key: bytes, r: int) -> None:
        self._desk = desk
        self._call = call
        self._key = key
        self._needed = r
        self._homes = desk.ring.homes(key)
        self._pending: dict[int, NodeId] = {}
        self._asked: set[NodeId] = set()
        self._replies: dict[NodeId, State] = {}
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
        if len(present) < self._needed:
            for node in self._stand_ins()[: self._needed - len(present)]:
                self._ask(node)
        self._desk.wake(self, self._hedge_at)
        self._proceed()

    def on_answer(self, request: int, sender: NodeId, body: AnswerBody) -> None:
        """Take a reply; anything but Found is a failed one."""
        if isinstance(body, Found):
            self._take(self._no_longer_pending(request), body.state)
            self._proceed()
        else:
            self.on_failure(request, sender, True)

    def on_failure(self, request: int, _to: NodeId, _sent: bool) -> None:
        """A reply that will not come counts for nothing; somebody else has to give one."""
        self._no_longer_pending(request)
        if not self._answered:
            self._hedge()
        self._proceed()

    def on_time(self) -> None:
        """Hedge, or give up."""
        if not self._answered and self._desk.now >= self._answer_by:
            self._fail()
        elif not self._answered:
            self._hedge()
            self._desk.wake(self, self._answer_by)
        self._proceed()

    def _ask(self, node: NodeId) -> None:
        self._asked.add(node)
        if node == self._desk.own:
            self._take(node, self._desk.found(self._key))
        else:
            self._pending[self._desk.ask(node, Read(self._key), self)] = node
            self._homes_pending += node in self._homes

    def _take(self, node: NodeId, state: State) -> None:
        self._replies[node] = state
        self._homes_replied += node in self._homes

    def _no_longer_pending(self, request: int) -> NodeId:
        node = self._pending.pop(request)
        self._homes_pending -= node in self._homes
        return node

    def _stand_ins(self) -> list[NodeId]:
        """The fallbacks within reach that have not been asked, in the order in which they stand in."""
        return [
            node
            for node in self._desk.ring.fallbacks(self._key)
            if node not in self._asked and self._desk.peers.trusts(node)
        ]

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
        return waited and len(self._replies) >= self._needed

    def _hopeless(self) -> bool:
        return len(self._replies) + len(self._pending) < self._needed

    def _ask_everybody(self) -> None:
        """Before giving up: suspicion may be wrong, on a busy machine above all, and costs a message to find out."""
        for node in self._desk.ring.preference_list(self._key):
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
        missing = f"{len(self._replies)} of the {self._needed} nodes that a Get needs answered"
        self._desk.reply(self._call, Failure(Code.UNAVAILABLE, f"{missing}; try again"))
        self.close()

    def _repair(self) -> None:
        """Home nodes only: a stand-in holds nothing of its own."""
        merged = self._merged()
        for node, state in self._replies.items():
            if node in self._homes and state != merged:
                self._repair_home(node, merged)

    def _repair_home(self, home: NodeId, merged: State) -> None:
        self._desk.counters.read_repairs.add(len(self._key) + len(encode_state(merged)))
        if home == self._desk.own:
            self._desk.store_replica(self._key, merged)
        else:
            self._desk.push(home, self._key, merged, Cause.READ_REPAIR)

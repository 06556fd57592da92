"""Anti-entropy: two owners of a partition compare their trees, and end with the same data.

An exchange asks for all roots that the two nodes share in one message, which is all that happens where they are
equal. Below differing roots it descends by levels to the keys that differ, reads each, merges it here, and sends
the merge back where the other side lacks something.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from .conversation import Conversation, Patience
from .desk import Desk
from .encoding import encode_state
from .messages import (
    AnswerBody,
    Cause,
    Found,
    Leaves,
    LeavesQuery,
    NodeId,
    Nodes,
    NodesQuery,
    Read,
    RequestBody,
    Roots,
    RootsQuery,
)
from .pieces import MalformedPiece, rest, spoken_of
from .versions import State

MAX_KEYS_IN_FLIGHT = 32
MIN_KEYS_IN_FLIGHT = 8
"""However slow it is. Keys are asked for several at a time: a message costs many times what an envelope in it does."""
MAX_QUERIES_IN_FLIGHT = 8
"""So many questions about trees are under way at a time,"""
_ENOUGH_KEYS = 1024
"""and none while so many keys wait to be read: a replica that was lost whole is found out bit by bit."""
SLOW_S = 0.02
"""A peer that takes so much longer than it can to tell a key's state has clients to serve, or this node has."""
_NODES_A_QUERY = 1024
_BUCKETS_A_QUERY = 64
_FANOUT = 64

T = TypeVar("T")


class Window:
    """How many keys may be asked for at a time.

    One more after each answer, and half as many after a slow one, as TCP does when a path is full: copying takes what
    clients leave. Slow is measured from the quickest answer (as in LEDBAT, RFC 6817), since links are of many lengths.
    Answers to what was asked before the last halving tell nothing new.
    """

    def __init__(self) -> None:
        self.size = MAX_KEYS_IN_FLIGHT // 4
        self._halved_at = -math.inf
        self._least = math.inf

    def note(self, asked_at: float, now: float) -> None:
        """An answer has come now."""
        took = now - asked_at
        self._least = min(self._least, took)
        if took <= self._least + SLOW_S:
            self.size = min(self.size + 1, MAX_KEYS_IN_FLIGHT)
        elif asked_at >= self._halved_at:
            self.size = max(self.size // 2, MIN_KEYS_IN_FLIGHT)
            self._halved_at = now


class Exchange(Conversation):
    """One comparison with `peer` of all partitions that both own; whatever fails is left to the next one."""

    def __init__(self, desk: Desk, peer: NodeId, partitions: tuple[int, ...]) -> None:
        self._desk = desk
        self._peer = peer
        self._partitions = partitions
        self._queries: dict[int, RequestBody] = {}
        self.succeeded = False
        """Whether all that differed has been dealt with."""
        self._to_ask: list[RequestBody] = []
        """A stack: what is found to differ is looked into before other trees are."""
        self._keys: deque[bytes] = deque()
        self._reads: dict[int, float] = {}
        """When each key was asked for that is not here yet."""
        self._pushed: set[int] = set()
        """What was sent to the peer and not answered yet: a peer that is slow to keep it is not told more."""
        self._window = Window()
        self._merges: dict[int, int] = {}
        self._patience = Patience(desk.now, desk.config.request_timeout)

    def start(self) -> None:
        """Ask for the roots."""
        self._desk.wake(self, self._patience.ends)
        self._ask(RootsQuery(self._partitions))

    def on_answer(self, request: int, _sender: NodeId, body: AnswerBody) -> None:
        """Go one step down where something differs; an answer that does not fit ends the exchange."""
        self._patience.renew(self._desk.now)
        if request in self._pushed:
            self._pushed.discard(request)
            self._proceed()
            return
        if (asked_at := self._reads.pop(request, None)) is not None:
            self._window.note(asked_at, self._desk.now)
        if not self._understand(self._queries.pop(request), body):
            self.close()
        self._proceed()

    def on_failure(self, _request: int, _to: NodeId, _sent: bool) -> None:
        """The peer is out of reach."""
        self.close()

    def on_persisted(self, token: int, *, durable: bool) -> None:
        """A merge that changed something is a repair once it is durable."""
        size = self._merges.pop(token)
        if durable:
            self._desk.counters.anti_entropy_repairs.add(size)
        self._proceed()

    def on_time(self) -> None:
        """Do not wait for ever for an answer that got lost."""
        if self._patience.is_over(self._desk.now):
            self.close()
        else:
            self._desk.wake(self, self._patience.ends)

    def _understand(self, query: RequestBody, body: AnswerBody) -> bool:
        """Whether the answer fits."""
        match query, body:
            case RootsQuery(), Roots(roots) if len(roots) == len(query.partitions):
                self._compare_roots(roots)
            case NodesQuery(), Nodes(hashes) if len(hashes) == len(query.indexes):
                self._compare_nodes(query, hashes)
            case LeavesQuery(), Leaves():
                return self._compare_leaves(query, body)
            case Read(key), Found(state):
                self._reconcile(key, state)
            case _:
                return False
        return True

    def _ask(self, query: RequestBody) -> int:
        request = self._desk.ask(self._peer, query, self)
        self._queries[request] = query
        return request

    def _compare_roots(self, theirs: Sequence[bytes]) -> None:
        for partition, root in zip(self._partitions, theirs, strict=True):
            if root != self._desk.replica.root(partition):
                self._to_ask.append(NodesQuery(partition, 1, tuple(range(_FANOUT))))

    def _compare_nodes(self, query: NodesQuery, theirs: Sequence[bytes]) -> None:
        ours = self._desk.replica.tree(query.partition).nodes(query.level, query.indexes)
        differing = [index for index, our, their in zip(query.indexes, ours, theirs, strict=True) if our != their]
        if query.level == 1:
            children = [index * _FANOUT + child for index in differing for child in range(_FANOUT)]
            for chunk in _chunks(children, _NODES_A_QUERY):
                self._to_ask.append(NodesQuery(query.partition, 2, tuple(chunk)))
        else:
            for chunk in _chunks(differing, _BUCKETS_A_QUERY):
                self._to_ask.append(LeavesQuery(query.partition, tuple(chunk), in_pieces=True))

    def _compare_leaves(self, query: LeavesQuery, body: Leaves) -> bool:
        """Look at one piece; the next one is asked for when it is its turn."""
        try:
            following = rest(query, body)
        except MalformedPiece:
            return False
        if following is not None:
            self._to_ask.append(following)
        ours = spoken_of(self._desk.replica.tree(query.partition), query, following)
        theirs = {leaf.key: leaf.hash for leaf in body.leaves}
        for key in self._worth_reading(ours, theirs):
            if ours.get(key) == theirs.get(key) or self._desk.ring.partition(key) != query.partition:
                continue  # A key of another partition may be none of ours: we hold replicas of our own partitions only.
            if not self._is_parting(key, ours.get(key), theirs.get(key)):
                self._keys.append(key)
        return True

    def _is_parting(self, key: bytes, ours: bytes | None, theirs: bytes | None) -> bool:
        """Whether the two differ because the key is being reaped."""
        return self._desk.rest.is_parting(key, (ours, theirs), self._desk.now)

    def _worth_reading(self, ours: Iterable[bytes], theirs: Iterable[bytes]) -> list[bytes]:
        """The keys to look at, sorted: what only this node holds is news for the peer."""
        return sorted({*ours, *theirs})

    def _reconcile(self, key: bytes, theirs: State) -> None:
        ours = self._desk.replica.latest(key)
        merged = ours.merge(theirs)
        if merged != ours:
            size = len(key) + len(encode_state(merged))
            self._merges[self._desk.store_replica(key, theirs, self)] = size
        if merged != theirs:
            self._pushed.add(self._desk.push(self._peer, key, merged, Cause.ANTI_ENTROPY, self))

    def _proceed(self) -> None:
        """Look into some trees, and read some differing keys, at a time; end when nothing is under way."""
        if self.closed:
            return
        while (
            self._to_ask
            and len(self._queries) - len(self._reads) < MAX_QUERIES_IN_FLIGHT
            and len(self._keys) < _ENOUGH_KEYS
        ):
            self._ask(self._to_ask.pop())
        most = min(self._window.size, self._desk.admitted(MAX_KEYS_IN_FLIGHT))
        if len(self._reads) + len(self._pushed) > most // 2:
            return
        while self._keys and len(self._reads) + len(self._pushed) < most:
            self._reads[self._ask(Read(self._keys.popleft()))] = self._desk.now
        if not self._queries and not self._merges and not self._pushed:  # then nothing waits to be asked either
            self.succeeded = True
            self.close()


class AntiEntropyRound(Conversation):
    """Starts an Exchange with every second peer within reach that owns a partition of this node's, again and again.

    An exchange mends both sides, so one of each pair asks in one round, and the other in the next.
    """

    lasts = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._round = 0
        self._running: dict[NodeId, Exchange] = {}
        self._shared: dict[NodeId, tuple[int, ...]] = {}
        self._view_digest = b""

    def on_time(self) -> None:
        """One round."""
        desk = self._desk
        self._round += 1
        if self._view_digest != desk.view_digest:
            self._view_digest = desk.view_digest
            shared_with = {peer: self._partitions_shared_with(peer) for peer in desk.peers}
            self._shared = {peer: shared for peer, shared in shared_with.items() if shared}
        for peer, partitions in self._shared.items():
            running = self._running.get(peer)
            ours_to_ask = (desk.own < peer) == (self._round % 2 == 0) and desk.replica.is_read
            if ours_to_ask and desk.peers[peer].heard and (running is None or running.closed):
                self._running[peer] = Exchange(desk, peer, partitions)
                desk.begin(self._running[peer])
        desk.wake(self, desk.now + desk.config.anti_entropy_interval)

    def _partitions_shared_with(self, peer: NodeId) -> tuple[int, ...]:
        """Who has still to take a partition over does so without this."""
        both, standing = {self._desk.own, peer}, self._desk.standing
        return tuple(
            partition
            for partition, owners in enumerate(self._desk.ring.owners)
            if both.issubset(owners)
            and not both & standing.placement(partition).unconfirmed
            and not standing.takes(partition)
        )


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))

"""What a core must be to be simulated. Any Python package can satisfy this; it needs nothing of ringcheck's.

A *kit* is a module or an object that is named on the command line, such as `ringcheck_reference.simulated`. It tells
what its nodes declare and starts them. What it starts is a *core*: a machine that is told what has happened, and
that calls its *surroundings* for everything it wants to happen, at once and in the order in which it must happen.

Rules, without which one seed is not one history:

* The core reads no clock, draws no number of its own and touches no disk, network or thread. Time comes as `now`, in
  seconds by the node's own clock, which never goes back; chance as the `entropy` of each start.
* Nothing that it does depends on the order of a set, on an address, or on what another core did in this process.
* It may be dropped at any call, like a process that is killed. What it persisted is on its disk, and nothing else is.

Requests between nodes and the answers to them travel on one stream for each pair, as in peer.proto: in order, unless
a fault is about. A message is any value that nobody changes; it is handed over as it is. Its `kind` is a word in which
faults name it: "ping", "write", "read", "handoff", "read-repair", "anti-entropy", "forward", "tree", "gossip",
"release", "holding", "reap", "transfer", or others. A request's number is the sender's, never used twice in one run of
a node; 0 wants no answer.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from dynamo_node.v1.config_pb2 import NodeConfig
from dynamo_node.v1.node_pb2 import DescribeResponse


class Caller(NamedTuple):
    """Who asks: a node, which run of it, and on which stream, so that an answer goes back on that one or nowhere."""

    node: str
    incarnation: str
    stream: int


class Write(NamedTuple):
    """Set `row` to `value`, or remove it (None); with `expected`, only if the row holds just that. A tuple will do."""

    row: Hashable
    value: bytes | None
    expected: bytes | None = None


class Surroundings(Protocol):
    """What a core calls. Whatever it asks for happens after the call that it is in, in virtual time."""

    def send(self, to: str, request: int, message: object, kind: str) -> None:
        """Ask another node; `answered` or `failed` will be called for this number, unless it is 0."""

    def answer(self, to: Caller, request: int, message: object) -> None:
        """Answer a request."""

    def persist(self, token: int, writes: Sequence[Write]) -> None:
        """Write all or nothing to the disk, after all earlier writes; `persisted` will be called in their order."""

    def reply(
        self, call: int, code: str, message: str = "", values: Sequence[bytes] = (), context: bytes = b""
    ) -> None:
        """End a client's call. `code` is the name of a gRPC status, "OK" first of all."""


class Core(Protocol):
    """One run of one node."""

    def get(self, now: float, call: int, key: bytes, r: int) -> None:
        """A client's Get; 0 leaves R to the node."""

    def put(self, now: float, call: int, key: bytes, value: bytes, context: bytes, w: int) -> None:
        """A client's Put; an empty context is a blind put."""

    def delete(self, now: float, call: int, key: bytes, context: bytes, w: int) -> None:
        """A client's Delete."""

    # Asked of nodes that declare `membership`; `reply` ends each of these calls too, by its code and message.

    def join(self, now: float, call: int, node_id: str, weight: int, host: str) -> None:
        """An operator has a node join. It runs already, with the same members as all, itself not among them."""

    def leave(self, now: float, call: int, node_id: str) -> None:
        """An operator has a node leave."""

    def remove(self, now: float, call: int, node_id: str) -> None:
        """An operator takes away a node that never runs again."""

    # What happens among nodes, and with time.

    def asked(self, now: float, caller: Caller, request: int, message: object) -> None:
        """Another node's request has arrived."""

    def answered(self, now: float, peer: str, request: int, message: object) -> None:
        """An answer has arrived; under faults more than once, or after `failed`."""

    def connected(self, now: float, peer: str, incarnation: str) -> None:
        """A stream to this run of a peer is open."""

    def failed(self, now: float, peer: str, requests: Sequence[int], *, sent: bool) -> None:
        """No answer will come to these; unless `sent`, they certainly never left."""

    def persisted(self, now: float, token: int, *, durable: bool) -> None:
        """The disk has done what it was asked under this token, or, unless `durable`, none of it and never will."""

    def tick(self, now: float) -> None:
        """It is time for whatever was due."""

    def next_deadline(self) -> float | None:
        """When `tick` is wanted, by the node's clock; None for not before the next call. Asked again after each."""

    # What a node shows of itself: the services Ring and Inspect, as plain values.

    def counters(self) -> Mapping[str, int]:
        """The counts of StatusResponse by the names of its fields."""

    def view_digest(self) -> bytes:
        """Equal exactly where nodes know the same members."""

    def roots(self) -> Sequence[tuple[int, bytes]]:
        """(partition, root) of every partition that it owns or holds a key of."""

    def scan(self, partition: int) -> tuple[bytes, Sequence["Entry"]]:
        """The root of a snapshot of one partition, and its entries by key."""

    def hints(self) -> Sequence[tuple[str, "Entry"]]:
        """Every durable hint: the home node that it is kept for, and what."""

    def members(self) -> Sequence[tuple[str, int, str]]:
        """(id, weight, host) of every member that it knows."""

    def owners(self) -> Sequence[Sequence[str]]:
        """The home nodes of each partition, first owner first."""

    def preference_list(self, key: bytes) -> Sequence[str]:
        """The home nodes of a key, then its fallbacks."""

    def unconfirmed(self) -> Sequence[int]:
        """With `membership`: the partitions that it owns and has not confirmed yet."""

    def draining(self) -> Sequence[str]:
        """With `membership`: the nodes that have left, and are not known to be drained."""


class Entry(NamedTuple):
    """One key: its live values, and the canonical bytes of its whole state. Any triple of these will do."""

    key: bytes
    values: Sequence[bytes]
    state: bytes


class Kit(Protocol):
    """Makes the nodes of one implementation."""

    disk: Literal["transactions", "writes"]
    """What its nodes rely on when they crash: that each `persist` is kept wholly or not at all, and none without those
    before it, as a database promises; or on nothing but what was reported durable, so that each write may be kept,
    lost or torn."""

    def describe(self, config: NodeConfig) -> DescribeResponse:
        """What a node of this configuration says of itself. Nothing is asked of profiles that it does not declare."""

    def start(
        self,
        config: NodeConfig,
        disk: Mapping[Hashable, bytes],
        surroundings: Surroundings,
        *,
        incarnation: str,
        entropy: bytes,
    ) -> Core:
        """Start a node on what its disk holds. The mapping stays current: read it, never write it.

        A row may change some time before `persisted` tells of it. `incarnation` is what peers will be told of this run,
        `entropy` 16 bytes, others at every start. The node's clock begins at any time; the first call is `tick`.
        """

"""The reference as a core that ringcheck simulates: a second, small shell around the same core.

The protocol is described in `ringcheck.simulation.core`, of which nothing is imported here: what is called and what
is given are plain values, so that the reference goes on knowing the contract alone.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, cast

from dynamo_node.v1.config_pb2 import NodeConfig
from dynamo_node.v1.node_pb2 import DescribeResponse
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import (
    ChangeResult,
    DeleteResult,
    DiskWrite,
    DropFact,
    DropHint,
    DropReplica,
    Effect,
    Failure,
    GetResult,
    Persist,
    PutFact,
    PutHint,
    PutReplica,
    PutResult,
    Reply,
    Result,
    Send,
)
from ringcheck_reference.core.messages import (
    KNOWS_SINCE,
    Caller,
    CallId,
    Cause,
    ClientDelete,
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
    Forward,
    Gossip,
    Hello,
    Holding,
    LeavesQuery,
    Lost,
    NodesQuery,
    PeerAnswer,
    PeerRequest,
    PeerUp,
    Persisted,
    PersistFailed,
    Ping,
    Read,
    Reap,
    Release,
    Replicate,
    RootsQuery,
    Unsent,
)
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.views import Entry
from ringcheck_reference.shell.config import check_core, deadlines
from ringcheck_reference.shell.description import describe as describe_node

disk: Final = "transactions"
"""sqlite keeps a transaction wholly or not at all, and none without those before it."""

KINDS: Final[Mapping[type, str]] = {
    Ping: "ping",
    Read: "read",
    Forward: "forward",
    RootsQuery: "tree",
    NodesQuery: "tree",
    LeavesQuery: "tree",
    Gossip: "gossip",
    Release: "release",
    Holding: "holding",
    Reap: "reap",
}
CAUSES: Final[Mapping[Cause, str]] = {
    Cause.UNSPECIFIED: "write",
    Cause.WRITE: "write",
    Cause.HANDOFF: "handoff",
    Cause.READ_REPAIR: "read-repair",
    Cause.ANTI_ENTROPY: "anti-entropy",
    Cause.TRANSFER: "transfer",
}

Row = bytes | tuple[str, bytes] | tuple[bytes]
"""A key is a row of the replica, (target, key) that of a hint, (name,) that of a fact."""


def describe(config: NodeConfig) -> DescribeResponse:
    """What a node says of itself."""
    return describe_node(check_core(config), deadlines(config))


def start(
    config: NodeConfig, disk: Mapping[Hashable, bytes], surroundings: Any, *, incarnation: str, entropy: bytes
) -> "SimulatedCore":
    """Start a node on what its disk holds."""
    return SimulatedCore(config, disk, surroundings, incarnation=incarnation, entropy=entropy)


class ReplicaRows:
    """The rows of the replica."""

    def __init__(self, disk: Mapping[Hashable, bytes]) -> None:
        self._disk = disk
        self.get = disk.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, state), by key."""
        yield from sorted((row, state) for row, state in self._disk.items() if isinstance(row, bytes))


class HintRows:
    """The rows of hints."""

    def __init__(self, disk: Mapping[Hashable, bytes]) -> None:
        self._disk = disk

    def get(self, target: str, key: bytes, /) -> bytes | None:
        """The state kept for `target`, or None."""
        return self._disk.get((target, key))

    def items(self) -> Iterator[tuple[tuple[str, bytes], bytes]]:
        """Every ((target, key), state), by target, then key."""
        yield from sorted((row, state) for row, state in self._disk.items() if isinstance(row, tuple) and len(row) == 2)


class FactRows:
    """The rows of facts."""

    def __init__(self, disk: Mapping[Hashable, bytes]) -> None:
        self._disk = disk

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (name, data), by name."""
        yield from sorted(
            (row[0], data) for row, data in self._disk.items() if isinstance(row, tuple) and len(row) == 1
        )


class SimulatedCore:
    """One run of one node. `node` makes the core; whoever wants another one gives it."""

    def __init__(
        self,
        config: NodeConfig,
        disk: Mapping[Hashable, bytes],
        surroundings: Any,
        *,
        incarnation: str,
        entropy: bytes,
        node: type[Node] = Node,
    ) -> None:
        self._outside = surroundings
        self._own = config.node_id
        self._callers: dict[tuple[str, str, int], Caller] = {}
        self.node = node(
            check_core(config),
            ReplicaRows(disk),
            HintRows(disk),
            FactRows(disk),
            actor=self._own.encode() + entropy[:8],
            incarnation=incarnation,
            seed=int.from_bytes(entropy[8:], "big"),
        )
        self.next_deadline = self.node.next_deadline

    # What happens to the node.

    def get(self, now: float, call: int, key: bytes, r: int) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, CallId(call), ClientGet(key, r)))

    def put(self, now: float, call: int, key: bytes, value: bytes, context: bytes, w: int) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, CallId(call), ClientPut(key, value, context, w)))

    def delete(self, now: float, call: int, key: bytes, context: bytes, w: int) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, CallId(call), ClientDelete(key, context, w)))

    def join(self, now: float, call: int, node_id: str, weight: int, host: str) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, CallId(call), ClientJoin(Member(node_id, weight, host))))

    def leave(self, now: float, call: int, node_id: str) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, CallId(call), ClientLeave(node_id)))

    def remove(self, now: float, call: int, node_id: str) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, CallId(call), ClientRemove(node_id)))

    def asked(self, now: float, caller: tuple[str, str, int], request: int, message: PeerRequest) -> None:  # noqa: ARG002
        """See Core."""
        sender = self._callers.get(caller)
        if sender is None:
            sender = self._callers[caller] = Caller(*caller)
        self._carry_out(self.node.receive(now, sender, message))

    def answered(self, now: float, peer: str, request: int, message: PeerAnswer) -> None:  # noqa: ARG002
        """See Core."""
        self._carry_out(self.node.receive(now, peer, message))

    def connected(self, now: float, peer: str, incarnation: str) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, peer, PeerUp(Hello(peer, incarnation, KNOWS_SINCE))))

    def failed(self, now: float, peer: str, requests: Sequence[int], *, sent: bool) -> None:
        """See Core."""
        self._carry_out(self.node.receive(now, peer, (Lost if sent else Unsent)(tuple(requests))))

    def persisted(self, now: float, token: int, *, durable: bool) -> None:
        """See Core."""
        news = Persisted(token) if durable else PersistFailed(token, "the disk refused the write")
        self._carry_out(self.node.receive(now, self._own, news))

    def tick(self, now: float) -> None:
        """See Core."""
        self._carry_out(self.node.tick(now))

    # What the node shows of itself.

    def counters(self) -> dict[str, int]:
        """See Core."""
        status = self.node.status()
        return {field.name: getattr(status, field.name).count for field in fields(status)}

    def view_digest(self) -> bytes:
        """See Core."""
        return self.node.ring().digest

    def roots(self) -> Sequence[tuple[int, bytes]]:
        """See Core."""
        return self.node.roots()

    def scan(self, partition: int) -> tuple[bytes, Sequence[tuple[bytes, Sequence[bytes], bytes]]]:
        """See Core."""
        scan = self.node.scan(partition)
        return scan.root, [_plain(entry) for entry in scan.entries]

    def hints(self) -> Sequence[tuple[str, tuple[bytes, Sequence[bytes], bytes]]]:
        """See Core."""
        return [(hint.target, _plain(hint.entry)) for hint in self.node.list_hints()]

    def members(self) -> Sequence[tuple[str, int, str]]:
        """See Core."""
        return [(member.id, member.weight, member.machine) for member in self.node.ring().members]

    def owners(self) -> Sequence[Sequence[str]]:
        """See Core."""
        return self.node.ring().owners

    def preference_list(self, key: bytes) -> Sequence[str]:
        """See Core."""
        return self.node.preference_list(key)[1]

    def unconfirmed(self) -> Sequence[int]:
        """See Core."""
        return self.node.membership().unconfirmed

    def draining(self) -> Sequence[str]:
        """See Core."""
        return self.node.membership().draining

    # What the node wants to happen.

    def _carry_out(self, effects: list[Effect]) -> None:
        """What travels is the core's own envelope: nobody changes it, so the other side takes it as it is."""
        outside = self._outside
        for effect in effects:
            if isinstance(effect, Send):
                message = effect.message
                if isinstance(message, PeerAnswer):
                    outside.answer(effect.to, message.id, message)
                else:
                    body = message.body
                    kind = KINDS.get(type(body)) or CAUSES[cast("Replicate", body).cause]
                    outside.send(effect.to, message.id, message, kind)
            elif isinstance(effect, Persist):
                outside.persist(effect.token, [_row(write) for write in effect.writes])
            elif isinstance(effect, Reply):
                self._reply(effect.call, effect.result)

    def _reply(self, call: CallId, result: Result) -> None:
        match result:
            case GetResult(values, context):
                self._outside.reply(call, "OK", values=values, context=context)
            case PutResult(context):
                self._outside.reply(call, "OK", context=context)
            case DeleteResult():
                self._outside.reply(call, "OK")
            case ChangeResult():
                self._outside.reply(call, "OK")
            case Failure(code, message):
                self._outside.reply(call, code.name, message)


def _row(write: DiskWrite) -> tuple[Row, bytes | None, bytes | None]:
    match write:
        case PutReplica(key, state):
            return key, state, None
        case PutHint(target, key, state):
            return (target, key), state, None
        case DropHint(target, key, expected):
            return (target, key), None, expected
        case DropReplica(key, expected):
            return key, None, expected
        case PutFact(name, data):
            return (name,), data, None
        case DropFact(name):
            return (name,), None, None


def _plain(entry: Entry) -> tuple[bytes, Sequence[bytes], bytes]:
    return entry.key, entry.values, entry.state

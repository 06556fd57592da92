"""What a run is to do: plain data, drawn whole before it is carried out.

No step depends on an answer. That is what lets Hypothesis shrink a schedule, a file hold it and another machine
carry it out again. Keys and values are text whose characters stand for bytes (Latin-1), so that any byte string can
be written; see `payload`.

An operation has an id, unique in its schedule. A write names the operation whose context it uses by that id; when
that operation gave no context (it failed, or was skipped), the write is skipped and the history says so.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from ringcheck_chaos.faults import Fault, SimulatedFault, describe

Size: TypeAlias = int | Literal["limit", "over"]
"""Length in bytes to which a key or value is filled up: a number (0 = as it is), the limit that the target
declares, or one byte more than that."""

FILLER = "."


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster that a schedule wants; the fields of NodeConfig that all its nodes share.

    `weights` and `hosts` are one per node, or empty: weight 1, and the node's own id, each. In a `mixed` cluster every
    second node is the reference, in the place of the target.
    """

    nodes: int = 5
    n: int = 3
    r: int = 2
    w: int = 2
    weights: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()
    partition_count: int = 16
    gossip_interval_ms: int = 200
    handoff_interval_ms: int = 200
    anti_entropy_interval_ms: int = 500
    replica_timeout_ms: int = 250
    request_timeout_ms: int = 2_000
    detection_deadline_ms: int = 1_000
    convergence_deadline_ms: int = 10_000
    tombstone_lifetime_ms: int = 0
    seed: int = 0
    mixed: bool = False

    def __post_init__(self) -> None:
        if self.nodes < 1 or not 1 <= self.n <= self.nodes:
            raise ValueError(f"{self.nodes} nodes cannot hold N={self.n} copies; at least one node and 1 ≤ N ≤ nodes.")
        if not (1 <= self.r <= self.n and 1 <= self.w <= self.n):
            raise ValueError(f"R={self.r} and W={self.w} must lie between 1 and N={self.n}.")

    @property
    def node_ids(self) -> tuple[str, ...]:
        """The ids of its nodes: n1, n2 and so on."""
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))


class Get(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="get"):
    """Read `key` through `node`; `r` = 0 leaves R to the node. Without `wait` the next step starts at once."""

    id: int
    client: int = 0
    node: str
    key: str
    key_size: Size = 0
    r: int = 0
    wait: bool = True


class Put(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="put"):
    """Write `value`, unique for its key.

    `context`: id of an operation, None for a blind put, or "malformed": bytes that mean nothing to any node.
    `as_peer`: a member in whose place the harness itself forwards the write to `node`, over Peer.Exchange, and sends
    the same message again and again; empty for a client. In a simulated world it is a client all the same.
    """

    id: int
    client: int = 0
    node: str
    key: str
    key_size: Size = 0
    value: str
    value_size: Size = 0
    context: int | Literal["malformed"] | None = None
    w: int = 0
    wait: bool = True
    as_peer: str = ""


class Delete(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="delete"):
    """Delete what `context` covers; fields as in Put. None sends an empty context, which a node must refuse."""

    id: int
    client: int = 0
    node: str
    key: str
    key_size: Size = 0
    context: int | Literal["malformed"] | None = None
    w: int = 0
    wait: bool = True


class Await(msgspec.Struct, frozen=True, tag_field="step", tag="await"):
    """Wait until no operation is open."""


class Inject(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="inject"):
    """Let a fault begin; its id is unique in the schedule."""

    id: int
    fault: Fault


class Heal(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="heal"):
    """End the fault that was injected under this id; does nothing when a Settle has ended it already."""

    id: int


class Kill(msgspec.Struct, frozen=True, tag_field="step", tag="kill"):
    """SIGKILL these nodes, all at once; one that is down already stays so."""

    nodes: tuple[str, ...]


class Restart(msgspec.Struct, frozen=True, tag_field="step", tag="restart"):
    """Start these nodes again and wait until they are healthy; one that runs is left alone."""

    nodes: tuple[str, ...]


class CrashAfter(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="crash-after"):
    """Let `node` die between two effects: as soon as it has carried out `effects` more. One that is down stays so."""

    node: str
    effects: int


class Wipe(msgspec.Struct, frozen=True, tag_field="step", tag="wipe"):
    """Kill these nodes, those that run, and take their disks away for good; they start again with empty ones."""

    nodes: tuple[str, ...]


class Backup(msgspec.Struct, frozen=True, tag_field="step", tag="backup"):
    """Copy what these nodes' disks hold now."""

    nodes: tuple[str, ...]


class RollBack(msgspec.Struct, frozen=True, tag_field="step", tag="roll-back"):
    """Kill those of these nodes of whose disks there is a copy, and put the last one in its place, once."""

    nodes: tuple[str, ...]


class Join(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="join"):
    """An operator starts `node` with an empty disk, unless it runs, and has it join by one call at `through`.

    `through` "" = the first member that runs. The call is sent once. Without `wait` the next step starts at once. An id
    that was removed or retired is not started again; whether it may join is asked all the same.
    """

    node: str
    weight: int = 1
    host: str = ""
    through: str = ""
    wait: bool = True


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="leave"):
    """An operator has `node` leave, by one call; fields as in Join. It runs on until a Retire."""

    node: str
    through: str = ""
    wait: bool = True


class Remove(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="remove"):
    """An operator takes `node` away, which should be down, by one call; fields as in Join.

    Once this was answered OK nobody starts it again, and the next Settle stops it should it run.
    """

    node: str
    through: str = ""
    wait: bool = True


class Retire(msgspec.Struct, frozen=True, tag_field="step", tag="retire"):
    """Wait until every other node runs and shows these leavers as drained, then stop them for good.

    One that is not within the convergence deadline, or has not left, is left alone, and the history says so.
    """

    nodes: tuple[str, ...]


class Disturb(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="disturb"):
    """In the place of the member `source`, which should be down, let the harness talk nonsense to `node` as its peer.

    What it says follows from `seed`: bytes that are no envelope, envelopes and states that break the rules, and what
    was said before, said again in another order. No value goes with a valid message that a client did not put. In a
    simulated world messages to `node` are repeated and late instead, until the next Settle.
    """

    node: str
    source: str
    seed: int = 0


class Elapse(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="elapse"):
    """Let time pass: so many seconds, plus so many times the detection deadline that the target declares."""

    seconds: float = 0.0
    detections: float = 0.0


class Observe(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="observe"):
    """Look into every running node, until a condition holds or the convergence deadline passes.

    now          once
    hint         somebody holds a hint (for `node`, where one is named)
    differ       two of the owners of `key` hold different states
    equal        all running owners of `key` hold one and the same state
    copy         the replica of `node`, owner or not, holds something that this schedule has written
    """

    until: Literal["now", "hint", "differ", "equal", "copy"] = "now"
    key: str = ""
    node: str = ""


class Settle(msgspec.Struct, frozen=True, tag_field="step", tag="settle"):
    """Await, heal every fault, restart every node, wait for convergence, read every key at every member.

    Who is paused goes on first. Nodes that were removed or retired are neither restarted nor waited for.
    """


class ExpectAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="expect-answer"):
    """Not carried out but judged: how one operation must have ended.

    `code` is a gRPC status name, or one of: "definite" (any definite error), "not OK". `values` (for a Get that
    is OK) is the whole answer, in any order.
    """

    requirement: str
    operation: int
    code: str = "OK"
    values: tuple[str, ...] | None = None


class ExpectSettled(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="expect-settled"):
    """Not carried out but judged: what every node must return for `key` in the last Settle before this step."""

    requirement: str
    key: str
    values: tuple[str, ...]


Operation: TypeAlias = Get | Put | Delete
MembershipChange: TypeAlias = Join | Leave | Remove
Step: TypeAlias = (
    Get
    | Put
    | Delete
    | Await
    | Inject
    | Heal
    | Kill
    | Restart
    | CrashAfter
    | Wipe
    | Backup
    | RollBack
    | Join
    | Leave
    | Remove
    | Retire
    | Disturb
    | Elapse
    | Observe
    | Settle
    | ExpectAnswer
    | ExpectSettled
)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Steps for one cluster.

    `name` says where it comes from ("KV-04", "random"). `namespace` is put before every key, so that several schedules
    can use one cluster one after another; it is part of the schedule, so that a replay meets the same partitions.
    `requirements` are those for whose sake it was written; the judge looks at all that it can.
    """

    name: str
    namespace: str
    configuration: Configuration = Configuration()
    requirements: tuple[str, ...] = ()
    seed: int = 0
    steps: tuple[Step, ...]

    def operations(self) -> Iterator[Operation]:
        """The operations, in order."""
        return (step for step in self.steps if isinstance(step, Get | Put | Delete))

    def joiners(self) -> tuple[str, ...]:
        """The ids that Join steps name and the configuration does not, in order of first use."""
        names = dict.fromkeys(step.node for step in self.steps if isinstance(step, Join))
        return tuple(name for name in names if name not in self.configuration.node_ids)

    @property
    def changes_membership(self) -> bool:
        """Whether any step needs the profile `membership`."""
        return any(isinstance(step, Join | Leave | Remove | Retire) for step in self.steps)

    @property
    def talks_as_peer(self) -> bool:
        """Whether the harness is to take the place of a member, which needs the profile `peer`."""
        return any(isinstance(step, Disturb) or (isinstance(step, Put) and step.as_peer) for step in self.steps)

    @property
    def wants_of_both(self) -> tuple[str, ...]:
        """On a mixed cluster the profiles that all its nodes have to declare, or nothing is done; else none."""
        if not self.configuration.mixed:
            return ()
        return ("peer", "membership") if self.changes_membership else ("peer",)

    def keys(self) -> tuple[str, ...]:
        """Every key that an operation names, in order of first use, without those a node must refuse."""
        return tuple(dict.fromkeys(step.key for step in self.operations() if step.key and step.key_size != "over"))


def beyond_live(schedule: Schedule) -> str:
    """What of a schedule no live world can carry out, in a few words; empty when one can."""
    for step in schedule.steps:
        match step:
            case Inject(fault=fault) if isinstance(fault, SimulatedFault):
                return describe(fault)
            case CrashAfter(node=node):
                return f"{node} dying between two effects"
    return ""


def payload(text: str, size: Size, limit: int, prefix: str = "") -> bytes:
    """The bytes that stand for `prefix + text`, filled up to `size`.

    `limit` is the target's declared limit in bytes. Text that is longer than a numeric size is not cut.
    Raises ValueError where the text does not fit below the limit that it is to be filled to.
    """
    raw = (prefix + text).encode("latin-1")
    match size:
        case "limit":
            length = limit
        case "over":
            length = limit + 1
        case int():
            length = max(size, len(raw))
    if len(raw) > length:
        raise ValueError(f"{len(raw)} bytes do not fit into the {length} that the target's limits leave.")
    return raw + FILLER.encode() * (length - len(raw))

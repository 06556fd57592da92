"""What happened in a run: one event a line, written as it happens.

A history and a trace are the same thing and the same file: JSON lines, first a header that holds the whole schedule,
last a footer, so that a cut-off file is noticed. Times are seconds since the run began, by one monotonic clock;
`invoke` is stamped before the send, a completion after the receive. Keys and values are the schedule's texts (see
`ringcheck.schedule`); a value that no operation of the schedule wrote to any key appears as "?" and its first bytes.
"""

from typing import Literal, TypeAlias

import msgspec

from ringcheck.schedule import Schedule
from ringcheck_chaos.faults import Fault

FORMAT = 4
"""Format of the files this version writes, and the newest that it reads."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A node's answer to Describe; profiles as in requirements ("kv", "inspect", …), times in milliseconds."""

    node_id: str
    implementation: str
    version: str
    profiles: tuple[str, ...]
    n: int
    r: int
    w: int
    partition_count: int
    max_key_bytes: int
    max_value_bytes: int
    max_siblings: int
    max_message_bytes: int
    request_timeout_ms: int
    detection_deadline_ms: int
    convergence_deadline_ms: int
    tombstone_lifetime_ms: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="header"):
    """Where the history comes from. `nodes` is what each node said of itself.

    command  the target's template, empty in a simulated world
    core     the name of the simulated core, empty in a live world
    """

    format: int = FORMAT
    ringcheck: str
    contract: str = "dynamo_node.v1"
    started: str
    command: tuple[str, ...] = ()
    core: str = ""
    nodes: dict[str, Description]
    network: str
    versions: dict[str, str]
    seed: int
    schedule: Schedule


class Invoke(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="invoke"):
    """A client is about to send. `quorum` is R or W as resolved; `context_of` the operation whose context it sends.

    `final` marks the reads of a Settle (ids from 1,000,000 up).
    """

    time: float
    operation: int
    kind: Literal["get", "put", "delete"]
    client: int
    node: str
    key: str
    value: str | None = None
    context_of: int | None = None
    malformed: bool = False
    quorum: int
    final: bool = False


class Ok(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ok"):
    """The operation was answered OK; `values` of a Get as they came, `context` of a Get or Put."""

    time: float
    operation: int
    values: tuple[str, ...] = ()
    context: bytes = b""


class Fail(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="fail"):
    """Definite: the write never takes effect. `code` is the name of a gRPC status."""

    time: float
    operation: int
    code: str
    message: str = ""


class Info(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="info"):
    """Indefinite: the write may or may not take effect."""

    time: float
    operation: int
    code: str
    message: str = ""


class Skipped(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="skipped"):
    """The operation was not sent: the one whose context it wanted gave none, or no node took the harness for a peer."""

    time: float
    operation: int
    reason: str


class FaultBegan(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="fault-began"):
    """A fault, in force for certain from `time` on; links or a node may suffer from `began` on. `bit`: it is proved."""

    time: float
    began: float
    fault_id: int
    fault: Fault
    bit: bool
    proof: str


class FaultEnded(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="fault-ended"):
    """The fault was in force for certain until `began`; its links are open again for certain from `time` on.

    A pause ends with its node, too, whose NodeDown goes before.

    `messages`: how many messages a fault of messages has lost, repeated or made late.
    """

    time: float
    began: float
    fault_id: int
    bit: bool
    proof: str
    messages: int = 0


class NodeDown(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="node-down"):
    """A node is gone since somewhere between `began` and `time`. `killed`: by us; else it died of itself."""

    time: float
    began: float
    node: str
    killed: bool
    proof: str


class NodeUp(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="node-up"):
    """A node was started at `began` and was found healthy at `time`.

    `description` is what it says of itself, where the header does not: at the first start of a node that is to join.
    """

    time: float
    began: float
    node: str
    description: Description | None = None


class DiskLost(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="disk-lost"):
    """A node that is down has lost what its disk held: all of it, or what was written since the copy it got back."""

    time: float
    node: str
    how: Literal["wiped", "rolled back"]


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="change"):
    """An operator is about to ask `through` for a membership change. `number` counts the changes of a run from 1.

    `weight` and `host` are those of a Join, the host its label or the node's own id; else 0 and empty.
    """

    time: float
    number: int
    kind: Literal["join", "leave", "remove"]
    node: str
    weight: int = 0
    host: str = ""
    through: str


class ChangeDone(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="change-done"):
    """The change of this `number` was answered; `code` is the name of a gRPC status.

    OK: at least W nodes hold it durably. A definite code: it never takes effect. Any other: it may or may not.
    """

    time: float
    number: int
    code: str
    message: str = ""


class Retired(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="retired"):
    """A leaver that every other node showed as drained was stopped for good; its NodeDown goes before."""

    time: float
    node: str


class Disturbed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="disturbed"):
    """From `began` to `time` the harness talked nonsense to `node`, as if it were the member `source`.

    greeted      whether the node took it for that member: it answered Hello with Hello
    messages     kind of nonsense → how many such messages it had on a stream that it had greeted
    answered     whether that stream was still served afterwards: a Ping was answered with Pong
    incarnation  what the node said of itself in the first greeting, and in one after it all; empty if it did not
    serving      whether it reported SERVING afterwards
    why          what went wrong, in a few words; empty if nothing did
    """

    time: float
    began: float
    node: str
    source: str
    greeted: bool
    messages: dict[str, int] = {}
    answered: bool = False
    incarnation: tuple[str, str] = ("", "")
    serving: bool = False
    why: str = ""


class EntrySeen(msgspec.Struct, frozen=True, kw_only=True):
    """One key at one replica, or in one hint. `state` is the node's canonical byte string."""

    key: str
    values: tuple[str, ...]
    state: bytes


class ReplicaSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One partition at one node. Roots are lower-case hexadecimal.

    root           as MerkleRoots says; None where it lists no such partition
    scan_root      as the scan carries
    computed_root  made from everything scanned, by the rule of the contract
    entries        the keys of this schedule; `others` counts the rest
    """

    partition: int
    root: str | None
    scan_root: str
    computed_root: str
    entries: tuple[EntrySeen, ...]
    others: int = 0


class HintSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One hint of this schedule's keys."""

    target: str
    entry: EntrySeen


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of StatusResponse (not the bytes)."""

    reads: int
    writes: int
    forwarded_requests: int
    fallback_reads: int
    hints_stored: int
    hints_delivered: int
    hints_pending: int
    read_repairs: int
    anti_entropy_repairs: int
    transfers: int


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One node looked into. Parts of profiles that it does not declare are empty.

    `hints` are this schedule's; counters.hints_pending counts all. `owners`: partition → home nodes, first owner first.
    `preference_lists`: key → node ids.
    """

    incarnation: str = ""
    counters: Counters | None = None
    replicas: tuple[ReplicaSeen, ...] = ()
    hints: tuple[HintSeen, ...] = ()
    view_digest: str = ""
    members: tuple[str, ...] = ()
    hosts: dict[str, str] = {}
    weights: dict[str, int] = {}
    owners: dict[int, tuple[str, ...]] = {}
    preference_lists: dict[str, tuple[str, ...]] = {}
    unconfirmed_partitions: tuple[int, ...] = ()
    draining: tuple[str, ...] = ()


class Observation(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="observation"):
    """A look into all running nodes, taken between `began` and `time`; not one instant, so only what stays is certain.

    why        "start" (before the first step), "observe", "converged", "held" (one request time-out after), "diverged"
    condition  the condition of the Observe step, and whether it `met`
    partitions key → partition, for this schedule's keys, where the ring is declared
    """

    time: float
    began: float
    why: Literal["start", "observe", "converged", "held", "diverged"]
    condition: str = "now"
    met: bool = True
    nodes: dict[str, NodeSeen]
    partitions: dict[str, int] = {}


class SettleBegan(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="settle-began"):
    """The `index`-th Settle of the schedule (from 0) has awaited all operations and begins to heal."""

    time: float
    index: int


class Converged(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="converged"):
    """Quiet: all up, no hint, owners equal, and still so one request time-out later. The final reads follow.

    "All" are the members and those that have left, without the removed and the retired. After a membership change also:
    all views equal, nothing unconfirmed, nobody draining, and no replica at a node that does not own it.

    `by` "inspect", or "reads" for a target that can be seen by reads alone: then the final reads agreed.
    """

    time: float
    index: int
    by: Literal["inspect", "reads"]
    healed: float


class Diverged(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="diverged"):
    """The convergence deadline passed, counted from `healed`; `reasons` name what still differs, one sentence each."""

    time: float
    index: int
    healed: float
    reasons: tuple[str, ...]


class Starved(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="starved"):
    """From `began` to `time` the machine was too busy with others than what carries the schedule out.

    waited_s  how long that one of its threads (nodes, proxies, the harness) waited for a core that waited longest
    ran_s     how long all of them were on a core together
    """

    time: float
    began: float
    waited_s: float
    ran_s: float


class Note(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="note"):
    """Something a reader should know: a step that could not be carried out, say.

    log  the text is the last lines that `node` wrote, read when it had died or when the run was over
    """

    time: float
    text: str
    node: str = ""
    log: bool = False


class Broke(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="broke"):
    """The run could not go on: the target or the environment failed. One sentence."""

    time: float
    reason: str


class Footer(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="footer"):
    """The last line; `events` counts the lines between header and footer.

    `draws` counts the random numbers that a simulated world drew; another count for the same seed tells that the
    program is not the one that wrote the history.
    """

    time: float
    events: int
    draws: int = 0


Event: TypeAlias = (
    Invoke
    | Ok
    | Fail
    | Info
    | Skipped
    | FaultBegan
    | FaultEnded
    | NodeDown
    | NodeUp
    | DiskLost
    | Change
    | ChangeDone
    | Retired
    | Disturbed
    | Observation
    | SettleBegan
    | Converged
    | Diverged
    | Starved
    | Note
    | Broke
)
Completion: TypeAlias = Ok | Fail | Info


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run in memory."""

    header: Header
    events: tuple[Event, ...]
    footer: Footer | None

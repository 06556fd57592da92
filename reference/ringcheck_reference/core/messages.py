"""What goes into the core: clients' requests, peers' messages, and news from the shell.

The bodies of requests and answers between nodes mirror `peer.proto` one to one; that file says what each means.
Whatever the shell cannot translate it refuses or ignores as peer.proto says.
"""

from enum import IntEnum
from typing import Final, NewType

from .config import Member
from .config import NodeId as NodeId
from .events import Event
from .values import value
from .versions import State

CallId = NewType("CallId", int)
"""A client's call; made up by the shell, never used twice."""

FIRST_REQUEST_ID: Final = 2
"""The core numbers its requests to all peers from here on and never repeats one; 1 is the shell's Hello."""


@value
class Caller:
    """One incoming stream of a peer, as its Hello named it.

    Answers go back on this very stream or nowhere: on another one the same id may be of another question.
    """

    node: NodeId
    incarnation: str
    stream: int


Sender = NodeId | CallId | Caller


class Code(IntEnum):
    """The codes of google.rpc.Code that the node uses."""

    OK = 0
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


KNOWS_SINCE: Final = 3
"""The protocol, as in Hello, from which on a node knows `Gossip.since`."""

MISTAKE: Final = "This node has made a mistake, which its log describes; whether the call took effect is unknown."
"""What is said with INTERNAL."""

DEFINITE: Final = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.FAILED_PRECONDITION,
        Code.NOT_FOUND,
        Code.UNIMPLEMENTED,
        Code.PERMISSION_DENIED,
    }
)
"""Errors after which a write never takes effect."""


class Cause(IntEnum):
    """Why a state travels; the numbers are those of peer.proto."""

    UNSPECIFIED = 0
    WRITE = 1
    HANDOFF = 2
    READ_REPAIR = 3
    ANTI_ENTROPY = 4
    TRANSFER = 5


# From clients; the sender is a CallId.


@value
class ClientGet:
    """Get; `r` = 0 asks for the node's default."""

    key: bytes
    r: int = 0


@value
class ClientPut:
    """Put; `w` = 0 asks for the node's default, an empty context is a blind put."""

    key: bytes
    value: bytes
    context: bytes = b""
    w: int = 0


@value
class ClientDelete:
    """Delete; `w` = 0 asks for the node's default."""

    key: bytes
    context: bytes
    w: int = 0


# From operators; the sender is a CallId too.


@value
class ClientJoin:
    """Add a member."""

    member: Member


@value
class ClientLeave:
    """Let a member that runs leave."""

    node_id: NodeId


@value
class ClientRemove:
    """Take a node away that never runs again."""

    node_id: NodeId


# Questions between nodes.


@value
class Leaf:
    """A key and the hash of its state."""

    key: bytes
    hash: bytes


@value
class Hello:
    """Who speaks. The shell sends and answers it."""

    node_id: NodeId
    incarnation: str
    protocol: int = 1


@value
class Ping:
    """Asks whether the other is there."""


@value
class Replicate:
    """Merge this into your replica, or into your hint for the home node `hint_for` unless that is empty."""

    key: bytes
    state: State
    hint_for: NodeId = ""
    cause: Cause = Cause.UNSPECIFIED


@value
class Read:
    """Asks what is held of this key."""

    key: bytes


@value
class Forward:
    """Coordinate this client's write, if you are of this incarnation. `value` is None for a Delete."""

    incarnation: str
    key: bytes
    value: bytes | None
    context: bytes
    w: int


@value
class RootsQuery:
    """Asks for the roots of these partitions."""

    partitions: tuple[int, ...]


@value
class NodesQuery:
    """Hashes of one level (0 to 2) of a tree; no indexes = the whole level."""

    partition: int
    level: int
    indexes: tuple[int, ...] = ()


@value
class LeavesQuery:
    """The leaves of these buckets (0 to 4095) of a partition, without those of the first one up to the key `after`."""

    partition: int
    buckets: tuple[int, ...]
    after: bytes = b""
    in_pieces: bool = False


@value
class Gossip:
    """Membership events. As a question all that the asker knows; as an answer what the asker lacks.

    A question with `since`, the digest of a view that both have had, holds what the asker knows besides that.
    """

    events: tuple[Event, ...]
    since: bytes = b""


@value
class Release:
    """Asks an old owner to mark the partition released; the changes digests of both views must be equal.

    `without_leaves`: who asks finds out for itself what is held there then.
    """

    partition: int
    changes_digest: bytes
    without_leaves: bool = False


@value
class Holding:
    """Asks an owner whether it holds these leaves durably; the changes digests of both views must be equal."""

    partition: int
    changes_digest: bytes
    leaves: tuple[Leaf, ...]


@value
class Reap:
    """Asks whether what these states remember may be forgotten; `agreed`: everybody has said so, do it."""

    partition: int
    changes_digest: bytes
    leaves: tuple[Leaf, ...]
    agreed: bool = False


# Answers between nodes.


@value
class Pong:
    """I am here; these nodes have answered me lately."""

    incarnation: str
    reachable: tuple[NodeId, ...] = ()


@value
class Stored:
    """The state is durable here; `changed` says whether it was news, `provisional` that it counts as a stand-in's."""

    changed: bool
    provisional: bool = False


@value
class Found:
    """What is held durably, replica and hints merged; `provisional` says that it counts as a stand-in's."""

    state: State
    provisional: bool = False


@value
class Outcome:
    """How a forwarded write ended; `code` is any number of google.rpc.Code, 0 = OK."""

    code: int
    message: str = ""
    context: bytes = b""


@value
class Roots:
    """32 bytes a partition, in the order of the query."""

    roots: tuple[bytes, ...]


@value
class Nodes:
    """32 bytes a node, in the order of the query."""

    hashes: tuple[bytes, ...]


@value
class Leaves:
    """The leaves of the buckets asked for; there are `more` of them than fit one message."""

    leaves: tuple[Leaf, ...]
    more: bool = False


@value
class Released:
    """The partition was released here. In answer to a Release that wants them with the leaves held then."""

    partition: int
    leaves: tuple[Leaf, ...] = ()


@value
class Held:
    """All leaves asked about are held durably, but those missing, by their places in the question."""

    missing: tuple[int, ...] = ()


@value
class Reaped:
    """Agreed, or done, but for some leaves, by their places in the question."""

    kept: tuple[int, ...] = ()


@value
class Refusal:
    """The request was not carried out; `code` is any number of google.rpc.Code but 0."""

    code: int
    message: str = ""


RequestBody = (
    Ping | Replicate | Read | Forward | Gossip | RootsQuery | NodesQuery | LeavesQuery | Release | Holding | Reap
)
AnswerBody = Pong | Stored | Found | Outcome | Gossip | Roots | Nodes | Leaves | Released | Held | Reaped | Refusal


@value
class PeerRequest:
    """A question between nodes, with the sender's view digest. Comes in from a Caller; id 0 wants no answer."""

    id: int
    body: RequestBody
    view_digest: bytes = b""


@value
class PeerAnswer:
    """The answer to the request of that id, with the sender's view digest. Comes in from the NodeId that was asked."""

    id: int
    body: AnswerBody
    view_digest: bytes = b""


# News from the shell. The sender is the peer that it is about, or the node's own id.


@value
class Unsent:
    """These requests were certainly never sent: there was no stream to send them on."""

    ids: tuple[int, ...]


@value
class Lost:
    """These requests may have been sent, but no answer can come any more."""

    ids: tuple[int, ...]


@value
class PeerUp:
    """A stream to the peer is open: this is how it answered our Hello."""

    hello: Hello


@value
class Persisted:
    """All writes of the Persist with this token are durable.

    Reports come in the order of the tokens: one for each Persist, this or PersistFailed.
    """

    token: int


@value
class PersistFailed:
    """None of the writes of the Persist with this token will ever be durable."""

    token: int
    reason: str


Message = (
    ClientGet
    | ClientPut
    | ClientDelete
    | ClientJoin
    | ClientLeave
    | ClientRemove
    | PeerRequest
    | PeerAnswer
    | Unsent
    | Lost
    | PeerUp
    | Persisted
    | PersistFailed
)

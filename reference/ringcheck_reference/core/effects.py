"""What comes out of the core: values that the shell carries out in the order of the list.

The order of durability is in the protocol, as in etcd's `Ready`: nothing that speaks of a write is in the list
that holds its Persist; it follows once `Persisted` with the same token has come in.
"""

from .messages import Caller, CallId, Code, NodeId, PeerAnswer, PeerRequest
from .values import value


@value
class PutReplica:
    """Set the replica's state of `key`."""

    key: bytes
    state: bytes


@value
class PutHint:
    """Set the hint of `key` for `target`."""

    target: NodeId
    key: bytes
    state: bytes


@value
class DropHint:
    """Drop the hint of `key` for `target` if its state is still `expected`."""

    target: NodeId
    key: bytes
    expected: bytes


@value
class DropReplica:
    """Drop the replica's state of `key` if it is still `expected`."""

    key: bytes
    expected: bytes


@value
class PutFact:
    """Set the fact of that name: what the node knows of the cluster."""

    name: bytes
    data: bytes


@value
class DropFact:
    """Drop the fact of that name."""

    name: bytes


DiskWrite = PutReplica | DropReplica | PutHint | DropHint | PutFact | DropFact


@value
class Persist:
    """Make the writes durable, all or none, after those of every earlier Persist; then report on `token`."""

    token: int
    writes: tuple[DiskWrite, ...]


@value
class Send:
    """A request goes to a NodeId, on the stream that this node keeps to it; report Unsent or Lost if it fails.

    An answer goes to the Caller that asked, and is dropped when its stream is gone.
    """

    to: NodeId | Caller
    message: PeerRequest | PeerAnswer


@value
class GetResult:
    """An answered Get."""

    values: tuple[bytes, ...]
    context: bytes


@value
class PutResult:
    """An acknowledged Put."""

    context: bytes


@value
class DeleteResult:
    """An acknowledged Delete."""


@value
class ChangeResult:
    """A membership change that W machines hold; `view_digest` is that of the node asked."""

    view_digest: bytes


@value
class Failure:
    """An error for the client: `message` is one sentence for its user."""

    code: Code
    message: str


Result = GetResult | PutResult | DeleteResult | ChangeResult | Failure


@value
class Reply:
    """The end of a client's call."""

    call: CallId
    result: Result


@value
class Peers:
    """Whom to keep a stream to from now on, sorted; in the first effects of all, and whenever it changes."""

    ids: tuple[NodeId, ...]


@value
class Damage:
    """A row of the disk cannot be read, and is taken for lost; for the log.

    `what` says which, in words, and `reason` why. Nothing is to be done: the other nodes hold it too, and anti-entropy
    and gossip bring it back.
    """

    what: str
    reason: str


Effect = Persist | Send | Reply | Peers | Damage

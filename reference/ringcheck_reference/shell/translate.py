"""Between the contract's messages and the core's: every body both ways.

What comes from the wire is not trusted: a message that breaks a rule of peer.proto raises
UntranslatableError, which the caller turns into a refusal.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from dynamo_node.v1 import config_pb2, membership_pb2, peer_pb2
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.events import ChangeKind, Event, MalformedEvent
from ringcheck_reference.core.messages import (
    AnswerBody,
    Cause,
    Forward,
    Found,
    Gossip,
    Held,
    Hello,
    Holding,
    Leaf,
    Leaves,
    LeavesQuery,
    Nodes,
    NodesQuery,
    Outcome,
    PeerAnswer,
    PeerRequest,
    Ping,
    Pong,
    Read,
    Reap,
    Reaped,
    Refusal,
    Release,
    Released,
    Replicate,
    RequestBody,
    Roots,
    RootsQuery,
    Stored,
)
from ringcheck_reference.core.versions import Context, Dot, MalformedState, State, Version

_CAUSES: Final = {int(cause): cause for cause in Cause}
_CHANGE_KINDS: Final = frozenset(map(int, ChangeKind))


class UntranslatableError(ValueError):
    """A message that breaks a rule of the contract."""


class UnknownKindError(UntranslatableError):
    """A message of a kind that this node does not know, such as one of a later contract."""


def request_to_wire(request: PeerRequest) -> peer_pb2.ExchangeRequest:
    """The envelope of a question."""
    name, write = _WRITE_REQUEST[type(request.body)]
    body = {name: write(request.body)}
    return peer_pb2.ExchangeRequest(request_id=request.id, view_digest=request.view_digest, **body)


def request_from_wire(envelope: peer_pb2.ExchangeRequest) -> PeerRequest:
    """The question in an envelope; raises UntranslatableError."""
    name = envelope.WhichOneof("body")
    if name is None or name not in _READ_REQUEST:
        raise UnknownKindError(_unknown(name))
    return PeerRequest(envelope.request_id, _READ_REQUEST[name](getattr(envelope, name)), envelope.view_digest)


def answer_to_wire(answer: PeerAnswer) -> peer_pb2.ExchangeResponse:
    """The envelope of an answer."""
    name, write = _WRITE_ANSWER[type(answer.body)]
    body = {name: write(answer.body)}
    return peer_pb2.ExchangeResponse(request_id=answer.id, view_digest=answer.view_digest, **body)


def answer_from_wire(envelope: peer_pb2.ExchangeResponse) -> PeerAnswer:
    """The answer in an envelope; raises UntranslatableError."""
    name = envelope.WhichOneof("body")
    if name is None or name not in _READ_ANSWER:
        raise UnknownKindError(_unknown(name))
    return PeerAnswer(envelope.request_id, _READ_ANSWER[name](getattr(envelope, name)), envelope.view_digest)


def hello_from_wire(message: peer_pb2.Hello) -> Hello:
    """A peer's Hello."""
    return Hello(message.node_id, message.incarnation, message.protocol)


def _unknown(name: str | None) -> str:
    return f"this node does not know {name or 'a message without a body'}"


def _dots_from_wire(dots: Iterable[peer_pb2.Dot]) -> list[Dot]:
    return [Dot(dot.actor, dot.counter) for dot in dots]


def state_to_wire(state: State) -> peer_pb2.State:
    """A state as peers send it."""
    message = peer_pb2.State()
    _write_state(state, message)
    return message


def _write_state(state: State, message: peer_pb2.State) -> None:
    for version in state.versions:
        dot = message.versions.add(value=version.value).dot
        dot.actor, dot.counter = version.dot
    message.context.SetInParent()
    for actor, counter in state.context.vector:
        message.context.vector.add(actor=actor, counter=counter)
    for actor, counter in state.context.loose:
        message.context.loose.add(actor=actor, counter=counter)


def state_from_wire(message: peer_pb2.State) -> State:
    """The canonical state that a peer means; raises UntranslatableError."""
    context = Context.of(_dots_from_wire(message.context.vector), _dots_from_wire(message.context.loose))
    versions = [Version(Dot(version.dot.actor, version.dot.counter), version.value) for version in message.versions]
    try:
        return State.of(versions, context)
    except MalformedState as error:
        raise UntranslatableError(str(error)) from error


def _replicate_to_wire(body: Replicate) -> peer_pb2.Replicate:
    message = peer_pb2.Replicate(key=body.key, hint_for=body.hint_for, cause=peer_pb2.Cause.ValueType(body.cause))
    _write_state(body.state, message.state)
    return message


def _replicate_from_wire(message: peer_pb2.Replicate) -> Replicate:
    # A cause that is not known yet is for counting only, so it does no harm.
    cause = _CAUSES.get(message.cause, Cause.UNSPECIFIED)
    return Replicate(_key(message.key), state_from_wire(message.state), message.hint_for, cause)


def _forward_to_wire(body: Forward) -> peer_pb2.Forward:
    return peer_pb2.Forward(
        incarnation=body.incarnation, key=body.key, value=body.value, context=body.context, w=body.w
    )


def _forward_from_wire(message: peer_pb2.Forward) -> Forward:
    if message.w < 1:
        raise UntranslatableError("Forward.w is 0, but it must be resolved")
    return Forward(
        incarnation=message.incarnation,
        key=_key(message.key),
        value=message.value if message.HasField("value") else None,
        context=message.context,
        w=message.w,
    )


def _nodes_query_from_wire(message: peer_pb2.NodesQuery) -> NodesQuery:
    if message.level > 2:
        raise UntranslatableError(f"NodesQuery.level is {message.level}, but a tree has levels 0 to 2")
    return NodesQuery(message.partition, message.level, tuple(message.indexes))


def _leaves_to_wire(leaves: Iterable[Leaf]) -> list[peer_pb2.Leaf]:
    return [peer_pb2.Leaf(key=leaf.key, hash=leaf.hash) for leaf in leaves]


def _leaves_from_wire(leaves: Iterable[peer_pb2.Leaf]) -> tuple[Leaf, ...]:
    return tuple([Leaf(_key(leaf.key), leaf.hash) for leaf in leaves])


def _event_to_wire(event: Event) -> membership_pb2.MembershipEvent:
    return membership_pb2.MembershipEvent(
        kind=membership_pb2.ChangeKind.ValueType(event.kind),
        member=config_pb2.Member(node_id=event.member.id, weight=event.member.weight, host=event.member.host),
        partition=event.partition,
        changes_digest=event.changes_digest,
        changes=event.changes,
        owners=event.owners,
    )


def _event_from_wire(message: membership_pb2.MembershipEvent) -> Event:
    """The event without what does not count in its kind, so that equal events are equal whoever sent them."""
    if message.kind not in _CHANGE_KINDS:
        raise UntranslatableError(f"a membership event of kind {message.kind}, which this node does not know")
    member = Member(message.member.node_id, message.member.weight, message.member.host)
    event = Event(
        ChangeKind(message.kind),
        member,
        message.partition,
        message.changes_digest,
        message.changes,
        tuple(message.owners),
    )
    try:
        return event.normal()
    except MalformedEvent as error:
        raise UntranslatableError(str(error)) from error


def _gossip_to_wire(body: Gossip) -> peer_pb2.Gossip:
    return peer_pb2.Gossip(events=map(_event_to_wire, body.events), since=body.since)


def _gossip_from_wire(message: peer_pb2.Gossip) -> Gossip:
    return Gossip(tuple(map(_event_from_wire, message.events)), message.since)


def _refusal_from_wire(message: peer_pb2.Refusal) -> Refusal:
    if message.code == 0:
        raise UntranslatableError("Refusal.code is 0, which would be success")
    return Refusal(message.code, message.message)


def _key(key: bytes) -> bytes:
    if not key:
        raise UntranslatableError("the key is empty")
    return key


_WRITE_REQUEST: Final[dict[type, tuple[str, Callable[[Any], Any]]]] = {
    Ping: ("ping", lambda _: peer_pb2.Ping()),
    Replicate: ("replicate", _replicate_to_wire),
    Read: ("read", lambda body: peer_pb2.Read(key=body.key)),
    Forward: ("forward", _forward_to_wire),
    RootsQuery: ("roots_query", lambda body: peer_pb2.RootsQuery(partitions=body.partitions)),
    NodesQuery: (
        "nodes_query",
        lambda body: peer_pb2.NodesQuery(partition=body.partition, level=body.level, indexes=body.indexes),
    ),
    LeavesQuery: (
        "leaves_query",
        lambda body: peer_pb2.LeavesQuery(
            partition=body.partition, buckets=body.buckets, after=body.after, in_pieces=body.in_pieces
        ),
    ),
    Gossip: ("gossip", _gossip_to_wire),
    Release: (
        "release",
        lambda body: peer_pb2.Release(
            partition=body.partition, changes_digest=body.changes_digest, without_leaves=body.without_leaves
        ),
    ),
    Holding: (
        "holding",
        lambda body: peer_pb2.Holding(
            partition=body.partition, changes_digest=body.changes_digest, leaves=_leaves_to_wire(body.leaves)
        ),
    ),
    Reap: (
        "reap",
        lambda body: peer_pb2.Reap(
            partition=body.partition,
            changes_digest=body.changes_digest,
            leaves=_leaves_to_wire(body.leaves),
            agreed=body.agreed,
        ),
    ),
}

_READ_REQUEST: Final[dict[str, Callable[[Any], RequestBody]]] = {
    "ping": lambda _: Ping(),
    "replicate": _replicate_from_wire,
    "read": lambda message: Read(_key(message.key)),
    "forward": _forward_from_wire,
    "roots_query": lambda message: RootsQuery(tuple(message.partitions)),
    "nodes_query": _nodes_query_from_wire,
    "leaves_query": lambda message: LeavesQuery(
        message.partition, tuple(message.buckets), message.after, message.in_pieces
    ),
    "gossip": _gossip_from_wire,
    "release": lambda message: Release(message.partition, message.changes_digest, message.without_leaves),
    "holding": lambda message: Holding(message.partition, message.changes_digest, _leaves_from_wire(message.leaves)),
    "reap": lambda message: Reap(
        message.partition, message.changes_digest, _leaves_from_wire(message.leaves), message.agreed
    ),
}

_WRITE_ANSWER: Final[dict[type, tuple[str, Callable[[Any], Any]]]] = {
    Pong: ("pong", lambda body: peer_pb2.Pong(incarnation=body.incarnation, reachable=body.reachable)),
    Stored: ("stored", lambda body: peer_pb2.Stored(changed=body.changed, provisional=body.provisional)),
    Found: (
        "found",
        lambda body: peer_pb2.Found(state=state_to_wire(body.state), provisional=body.provisional),
    ),
    Outcome: (
        "outcome",
        lambda body: peer_pb2.Outcome(code=body.code, message=body.message, context=body.context),
    ),
    Roots: ("roots", lambda body: peer_pb2.Roots(roots=body.roots)),
    Nodes: ("nodes", lambda body: peer_pb2.Nodes(hashes=body.hashes)),
    Leaves: ("leaves", lambda body: peer_pb2.Leaves(leaves=_leaves_to_wire(body.leaves), more=body.more)),
    Gossip: ("gossip", _gossip_to_wire),
    Released: (
        "released",
        lambda body: peer_pb2.Released(partition=body.partition, leaves=_leaves_to_wire(body.leaves)),
    ),
    Held: ("held", lambda body: peer_pb2.Held(missing=body.missing)),
    Reaped: ("reaped", lambda body: peer_pb2.Reaped(kept=body.kept)),
    Refusal: ("refusal", lambda body: peer_pb2.Refusal(code=body.code, message=body.message)),
}

_READ_ANSWER: Final[dict[str, Callable[[Any], AnswerBody]]] = {
    "pong": lambda message: Pong(message.incarnation, tuple(message.reachable)),
    "stored": lambda message: Stored(message.changed, message.provisional),
    "found": lambda message: Found(state_from_wire(message.state), message.provisional),
    "outcome": lambda message: Outcome(message.code, message.message, message.context),
    "roots": lambda message: Roots(tuple(message.roots)),
    "nodes": lambda message: Nodes(tuple(message.hashes)),
    "leaves": lambda message: Leaves(_leaves_from_wire(message.leaves), message.more),
    "gossip": _gossip_from_wire,
    "released": lambda message: Released(message.partition, _leaves_from_wire(message.leaves)),
    "held": lambda message: Held(tuple(message.missing)),
    "reaped": lambda message: Reaped(tuple(message.kept)),
    "refusal": _refusal_from_wire,
}

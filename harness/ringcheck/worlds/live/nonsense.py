"""What a peer should never say, and what it said before: messages of Peer.Exchange, made from a seed.

Nothing here may bring about what no client asked for, at a node that keeps the contract. So every state with a value
of ours breaks a rule of peer.proto that no node may read in its favour, and every state that breaks none is one that
the node itself gave out. A Forward is either refused for what stands in it, or word for word an earlier one.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from dynamo_node.v1 import config_pb2, membership_pb2, peer_pb2
from ringcheck.codec import MALFORMED_CONTEXT

NOBODYS = b"ringcheck: nobody put this"
"""The value in states and forwards that must not be taken; a Get that returns it has met a phantom."""
NOBODY = "ringcheck-nobody"
"""The id of a node that is in no ring."""
LONG = 100_000
"""Letters of an id that no node needs, and bytes of a key."""
SHARE = 4
"""An id takes up such a part of a message at the most, since a node need not take longer ones."""
LARGEST = 2**32 - 1
LARGEST_ID = 2**64 - 1
UNDECODABLE = b"\xff"
"""No message of protobuf begins so: the wire type is none that there is."""
UNKNOWN_FIELD = b"\x9a\x06\x05never"
"""A body of a kind that no version of this contract knows: field 99."""
STATE_REPEATS = 2


class Said(msgspec.Struct, frozen=True):
    """One message: what kind of nonsense it is, and its bytes."""

    kind: str
    data: bytes


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the speaker knows of the node that it speaks to.

    incarnation   as the node said it
    view_digest   likewise; a difference makes both sides gossip
    partitions    how many there are
    keys          those of the schedule
    states        (key, state) as the node gave them out, for keys of which it is a home
    forwards      whole envelopes that were sent to it before
    message       how many bytes a message may have
    """

    incarnation: str
    view_digest: bytes
    partitions: int
    keys: Sequence[bytes]
    states: Sequence[tuple[bytes, peer_pb2.State]] = ()
    forwards: Sequence[bytes] = ()
    message: int

    @property
    def long(self) -> int:
        """How long an oversized id or key is."""
        return min(LONG, self.message // SHARE)


def garbage(chance: random.Random) -> list[Said]:
    """Bytes that are no envelope."""
    found = [UNDECODABLE, UNDECODABLE + chance.randbytes(1_000), b"\x08"]
    found += [UNDECODABLE + chance.randbytes(chance.randrange(1, 200)) for _ in range(5)]
    return [Said("bytes that are no envelope", data) for data in found]


def nonsense(chance: random.Random, facts: Facts, hello: peer_pb2.Hello) -> list[Said]:
    """Everything for a stream that was greeted by `hello`, in an order by chance. Ids of requests are drawn above 2^32.

    Earlier forwards carry the ids that they had.
    """
    said = [
        Said(kind, data)
        for kind, make in _KINDS.items()
        for message in make(chance, facts)
        for data in _envelopes(chance, facts, message)
    ]
    said += [Said("Hello again", data) for data in _envelopes(chance, facts, peer_pb2.ExchangeRequest(hello=hello))]
    said += [Said("forwards sent again", data) for data in facts.forwards for _ in range(STATE_REPEATS)]
    chance.shuffle(said)
    return said


def _envelopes(chance: random.Random, facts: Facts, message: peer_pb2.ExchangeRequest | bytes) -> Iterator[bytes]:
    """A message as it goes out: with an id, now and then with none, and once in a while twice."""
    if isinstance(message, bytes):
        yield message
        return
    own = message.request_id
    message.view_digest = chance.choice((facts.view_digest, facts.view_digest, chance.randbytes(32), b""))
    # A Forward without an id could not be told from another one.
    ids = own or chance.randrange(2**32, 2**63)
    message.request_id = ids if own or message.HasField("forward") or chance.randrange(4) else 0
    data = message.SerializeToString()
    yield data
    if chance.randrange(3) == 0:
        yield data


def _bodiless(_chance: random.Random, _facts: Facts) -> Iterable[peer_pb2.ExchangeRequest | bytes]:
    return b"", peer_pb2.ExchangeRequest(), peer_pb2.ExchangeRequest(request_id=LARGEST_ID)


def _unknown(chance: random.Random, _facts: Facts) -> Iterator[bytes]:
    yield UNKNOWN_FIELD
    yield peer_pb2.ExchangeRequest(request_id=chance.randrange(2**32, 2**63)).SerializeToString() + UNKNOWN_FIELD


def _absurd(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    some = chance.randrange(facts.partitions)
    for query in (
        peer_pb2.RootsQuery(partitions=[LARGEST]),
        peer_pb2.RootsQuery(partitions=[some] * 1_000),
        peer_pb2.RootsQuery(partitions=range(facts.partitions + 10)),
    ):
        yield peer_pb2.ExchangeRequest(roots_query=query)
    for level, indexes in ((0, [LARGEST]), (1, [0, LARGEST]), (2, [4_096]), (3, [0]), (LARGEST, [])):
        partition = chance.choice((some, LARGEST))
        yield peer_pb2.ExchangeRequest(
            nodes_query=peer_pb2.NodesQuery(partition=partition, level=level, indexes=indexes)
        )
    for partition, buckets in ((LARGEST, [0]), (some, [4_096, LARGEST]), (some, [7] * 1_000)):
        yield peer_pb2.ExchangeRequest(leaves_query=peer_pb2.LeavesQuery(partition=partition, buckets=buckets))
        after = chance.randbytes(facts.long)
        yield peer_pb2.ExchangeRequest(
            leaves_query=peer_pb2.LeavesQuery(partition=partition, buckets=buckets, after=after, in_pieces=True)
        )


def _changes(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    """What is about membership, and cannot be meant: of no view, of no partition, of no node."""
    some, digest = chance.randrange(facts.partitions), chance.randbytes(32)
    for partition in (some, LARGEST):
        leaf = peer_pb2.Leaf(key=chance.choice(facts.keys), hash=chance.randbytes(5))
        yield peer_pb2.ExchangeRequest(release=peer_pb2.Release(partition=partition, changes_digest=digest))
        yield peer_pb2.ExchangeRequest(
            holding=peer_pb2.Holding(partition=partition, changes_digest=digest, leaves=[leaf, leaf])
        )
    for event in (
        membership_pb2.MembershipEvent(),
        membership_pb2.MembershipEvent(kind=membership_pb2.CHANGE_KIND_JOIN),
        membership_pb2.MembershipEvent(member=config_pb2.Member(node_id=NOBODY, weight=1)),
    ):
        yield peer_pb2.ExchangeRequest(gossip=peer_pb2.Gossip(events=[event]))


def _impossible(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    """States that break a rule of peer.proto, whichever way they are read."""
    actor = b"ringcheck" + chance.randbytes(8)
    dot, zero = peer_pb2.Dot(actor=actor, counter=1), peer_pb2.Dot(actor=actor)
    nameless = peer_pb2.Dot(counter=1)
    for versions, vector in (
        ([peer_pb2.Version(dot=dot, value=NOBODYS)], []),  # its dot is not in the context
        ([peer_pb2.Version(dot=zero, value=NOBODYS)], [zero]),  # counters are from 1
        ([peer_pb2.Version(dot=nameless, value=NOBODYS)], [nameless]),  # an actor is not empty
        ([peer_pb2.Version(value=NOBODYS)], []),  # no dot at all
        (
            [peer_pb2.Version(dot=dot, value=NOBODYS), peer_pb2.Version(dot=dot, value=NOBODYS[1:])],
            [dot],
        ),  # one dot twice
    ):
        state = peer_pb2.State(versions=versions, context=peer_pb2.CausalContext(vector=vector))
        for key in chance.sample(facts.keys, min(3, len(facts.keys))):
            replicate = peer_pb2.Replicate(key=key, state=state, cause=chance.choice(_CAUSES))
            yield peer_pb2.ExchangeRequest(replicate=replicate)
    yield peer_pb2.ExchangeRequest(replicate=peer_pb2.Replicate(key=chance.choice(facts.keys)))
    yield peer_pb2.ExchangeRequest(replicate=peer_pb2.Replicate())
    yield peer_pb2.ExchangeRequest(read=peer_pb2.Read())


def _oversized(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    yield peer_pb2.ExchangeRequest(request_id=LARGEST_ID, ping=peer_pb2.Ping())
    yield peer_pb2.ExchangeRequest(read=peer_pb2.Read(key=chance.randbytes(facts.long)))
    yield peer_pb2.ExchangeRequest(
        forward=peer_pb2.Forward(incarnation="x" * facts.long, key=chance.choice(facts.keys), value=NOBODYS, w=1)
    )


def _hints_for_nobody(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    for key, state in _some(chance, facts.states):
        for target in (NOBODY, NOBODY * (facts.long // len(NOBODY))):
            yield peer_pb2.ExchangeRequest(
                replicate=peer_pb2.Replicate(key=key, state=state, hint_for=target, cause=peer_pb2.CAUSE_WRITE)
            )


def _misdirected(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    """Forwards that were meant for another run of the node."""
    for incarnation in ("", facts.incarnation + "0", "ringcheck"):
        for key in chance.sample(facts.keys, min(2, len(facts.keys))):
            yield peer_pb2.ExchangeRequest(
                forward=peer_pb2.Forward(incarnation=incarnation, key=key, value=NOBODYS, w=1)
            )


def _invalid(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    """Forwards for this run of the node of what a client could not ask for."""
    key = chance.choice(facts.keys)
    for forward in (
        peer_pb2.Forward(key=key, value=NOBODYS, w=LARGEST),
        peer_pb2.Forward(key=key, value=NOBODYS, context=MALFORMED_CONTEXT, w=1),
        peer_pb2.Forward(value=NOBODYS, w=1),
        peer_pb2.Forward(key=key, w=1),  # a Delete that has seen nothing
        peer_pb2.Forward(key=key),
        peer_pb2.Forward(),
    ):
        forward.incarnation = facts.incarnation
        yield peer_pb2.ExchangeRequest(forward=forward)


def _replayed(chance: random.Random, facts: Facts) -> Iterator[peer_pb2.ExchangeRequest]:
    """States of earlier moments, the latest ones among them, each several times and not in canonical form."""
    for key, state in facts.states:
        for _ in range(STATE_REPEATS):
            yield peer_pb2.ExchangeRequest(
                replicate=peer_pb2.Replicate(key=key, state=_disordered(chance, state), cause=chance.choice(_CAUSES))
            )


def _disordered(chance: random.Random, state: peer_pb2.State) -> peer_pb2.State:
    """The same state: its lists in another order, dots of its context twice."""
    vector = [*state.context.vector, *state.context.vector[:1]]
    loose = [*state.context.loose, *state.context.loose[:1]]
    versions = [*state.versions]
    for some in (vector, loose, versions):
        chance.shuffle(some)
    return peer_pb2.State(versions=versions, context=peer_pb2.CausalContext(vector=vector, loose=loose))


def _some(
    chance: random.Random, states: Sequence[tuple[bytes, peer_pb2.State]]
) -> Sequence[tuple[bytes, peer_pb2.State]]:
    return chance.sample(states, min(3, len(states)))


_CAUSES = tuple(peer_pb2.Cause.values())

_KINDS: dict[str, Callable[[random.Random, Facts], Iterable[peer_pb2.ExchangeRequest | bytes]]] = {
    "envelopes without a body": _bodiless,
    "unknown kinds": _unknown,
    "absurd queries": _absurd,
    "changes that cannot be meant": _changes,
    "impossible states": _impossible,
    "oversized messages": _oversized,
    "hints for nobody": _hints_for_nobody,
    "forwards for another incarnation": _misdirected,
    "invalid forwards": _invalid,
    "states sent again": _replayed,
}

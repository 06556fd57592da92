"""Between wire and core: nothing is lost on the way, and nothing malformed gets in."""

import random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_node.v1 import config_pb2, membership_pb2, peer_pb2
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.encoding import decode_state, encode_state
from ringcheck_reference.core.events import ChangeKind, Event, drained, joined, left, removed
from ringcheck_reference.core.messages import (
    AnswerBody,
    Cause,
    Forward,
    Found,
    Gossip,
    Held,
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
from ringcheck_reference.core.versions import Context, Dot, State, Version
from ringcheck_reference.shell import translate

uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)
raw = st.binary(max_size=8)
keys = st.binary(min_size=1, max_size=8)
names = st.text(max_size=5)
numbers = st.lists(uint32, max_size=4).map(tuple)
hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple)
dots = st.builds(Dot, st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 5))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any canonical state."""
    live = draw(st.dictionaries(dots, raw, max_size=4))
    context = Context.of(draw(st.lists(dots, max_size=2)), [*draw(st.lists(dots, max_size=4)), *live])
    return State.of([Version(dot, value) for dot, value in live.items()], context)


leaves = st.lists(st.builds(Leaf, keys, raw), max_size=3).map(tuple)
events = st.one_of(
    st.builds(joined, st.builds(Member, st.text(min_size=1, max_size=5), st.integers(1, 9), names)),
    st.sampled_from([left("n1"), removed("n2"), drained("n3")]),
    st.builds(
        Event,
        st.just(ChangeKind.CONFIRMED),
        st.just(Member("n1", 0)),
        uint32,
        st.just(bytes(32)),
        uint32,
        st.just(("n2", "n1")),
    ),
)
gossip = st.builds(Gossip, st.lists(events, max_size=3).map(tuple), st.binary(max_size=32))

requests: st.SearchStrategy[RequestBody] = st.one_of(
    st.just(Ping()),
    st.builds(Replicate, keys, states(), names, st.sampled_from(Cause)),
    st.builds(Read, keys),
    st.builds(Forward, names, keys, st.none() | raw, raw, st.integers(1, 2**32 - 1)),
    st.builds(RootsQuery, numbers),
    st.builds(NodesQuery, uint32, st.integers(0, 2), numbers),
    st.builds(LeavesQuery, uint32, numbers, raw, st.booleans()),
    gossip,
    st.builds(Release, uint32, raw, st.booleans()),
    st.builds(Holding, uint32, raw, leaves),
    st.builds(Reap, uint32, raw, leaves, st.booleans()),
)
answers: st.SearchStrategy[AnswerBody] = st.one_of(
    st.builds(Pong, names, st.lists(names, max_size=3).map(tuple)),
    st.builds(Stored, st.booleans(), st.booleans()),
    st.builds(Found, states(), st.booleans()),
    st.builds(Outcome, st.integers(0, 16), names, raw),
    st.builds(Roots, hashes),
    st.builds(Nodes, hashes),
    st.builds(Leaves, leaves, st.booleans()),
    gossip,
    st.builds(Released, uint32, leaves),
    st.builds(Held, numbers),
    st.builds(Reaped, numbers),
    st.builds(Refusal, st.integers(1, 16), names),
)


@given(uint64, requests, raw)
def test_requests_survive_the_way_there_and_back(request_id: int, body: RequestBody, digest: bytes) -> None:
    """Every question is the same after translation to bytes and back, number and view digest included."""
    request = PeerRequest(request_id, body, digest)
    data = translate.request_to_wire(request).SerializeToString()
    assert translate.request_from_wire(peer_pb2.ExchangeRequest.FromString(data)) == request


@given(uint64, answers, raw)
def test_answers_survive_the_way_there_and_back(request_id: int, body: AnswerBody, digest: bytes) -> None:
    """Every answer is the same after translation to bytes and back, number and view digest included."""
    answer = PeerAnswer(request_id, body, digest)
    data = translate.answer_to_wire(answer).SerializeToString()
    assert translate.answer_from_wire(peer_pb2.ExchangeResponse.FromString(data)) == answer


def test_every_body_is_translated() -> None:
    """Nothing that nodes say to one another was forgotten, here or in the contract."""
    said = {field.name for field in peer_pb2.ExchangeRequest.DESCRIPTOR.oneofs_by_name["body"].fields}
    answered = {field.name for field in peer_pb2.ExchangeResponse.DESCRIPTOR.oneofs_by_name["body"].fields}
    assert translate._READ_REQUEST.keys() == said - {"hello", "several"}
    assert translate._READ_ANSWER.keys() == answered - {"hello", "several"}
    assert set(translate._WRITE_REQUEST) == set(get_args(RequestBody))
    assert set(translate._WRITE_ANSWER) == set(get_args(AnswerBody))


@pytest.mark.parametrize("kind", [ChangeKind.LEAVE, ChangeKind.REMOVE, ChangeKind.DRAINED])
def test_what_does_not_count_in_an_event_is_left_away(kind: ChangeKind) -> None:
    """Whoever fills in more than an event says means the same event."""
    message = membership_pb2.MembershipEvent(
        kind=membership_pb2.ChangeKind.ValueType(kind),
        member=config_pb2.Member(node_id="n1", weight=3, host="h"),
        partition=5,
        owners=["n1"],
    )
    request = translate.request_from_wire(peer_pb2.ExchangeRequest(gossip=peer_pb2.Gossip(events=[message])))
    assert request.body == Gossip((Event(kind, Member("n1", 0)),))


@given(states(), st.randoms())
def test_the_order_on_the_wire_means_nothing(state: State, shuffling: random.Random) -> None:
    """A peer that sends dots and versions in another order, or twice, means the same state."""
    message = translate.state_to_wire(state)
    repeated_fields: tuple[Any, ...] = (message.versions, message.context.vector, message.context.loose)
    for repeated in repeated_fields:
        shuffled = list(repeated)
        shuffling.shuffle(shuffled)
        del repeated[:]
        repeated.extend(shuffled)
    message.context.loose.extend(list(message.context.loose))
    assert translate.state_from_wire(message) == state


def dot(counter: int) -> peer_pb2.Dot:
    """A dot of one actor."""
    return peer_pb2.Dot(actor=b"a", counter=counter)


UNCOVERED = peer_pb2.State(versions=[peer_pb2.Version(dot=dot(1))])
TWICE = peer_pb2.State(
    versions=[peer_pb2.Version(dot=dot(1), value=b"x"), peer_pb2.Version(dot=dot(1), value=b"y")],
    context=peer_pb2.CausalContext(vector=[dot(1)]),
)


N1 = config_pb2.Member(node_id="n1")


def gossip_of(event: membership_pb2.MembershipEvent) -> peer_pb2.ExchangeRequest:
    """The envelope of one event."""
    return peer_pb2.ExchangeRequest(gossip=peer_pb2.Gossip(events=[event]))


@pytest.mark.parametrize(
    "request_",
    [
        peer_pb2.ExchangeRequest(),
        gossip_of(membership_pb2.MembershipEvent(member=N1)),
        gossip_of(membership_pb2.MembershipEvent(kind=membership_pb2.CHANGE_KIND_LEAVE)),
        gossip_of(membership_pb2.MembershipEvent(kind=membership_pb2.CHANGE_KIND_JOIN, member=N1)),
        gossip_of(membership_pb2.MembershipEvent(kind=membership_pb2.CHANGE_KIND_CONFIRMED, member=N1)),
        peer_pb2.ExchangeRequest(holding=peer_pb2.Holding(leaves=[peer_pb2.Leaf()])),
        peer_pb2.ExchangeRequest(replicate=peer_pb2.Replicate(key=b"k", state=UNCOVERED)),
        peer_pb2.ExchangeRequest(replicate=peer_pb2.Replicate(key=b"k", state=TWICE)),
        peer_pb2.ExchangeRequest(replicate=peer_pb2.Replicate()),
        peer_pb2.ExchangeRequest(read=peer_pb2.Read()),
        peer_pb2.ExchangeRequest(forward=peer_pb2.Forward(key=b"k")),
        peer_pb2.ExchangeRequest(nodes_query=peer_pb2.NodesQuery(level=3)),
    ],
    ids=[
        "empty",
        "no kind",
        "nobody",
        "no weight",
        "not its own",
        "no key to hold",
        "uncovered",
        "twice",
        "no key",
        "no key to read",
        "no w",
        "no such level",
    ],
)
def test_malformed_requests_are_untranslatable(request_: peer_pb2.ExchangeRequest) -> None:
    """What breaks a rule of peer.proto is refused as that, and as nothing else."""
    with pytest.raises(translate.UntranslatableError):
        translate.request_from_wire(request_)


@pytest.mark.parametrize(
    "response",
    [
        peer_pb2.ExchangeResponse(),
        peer_pb2.ExchangeResponse(found=peer_pb2.Found(state=UNCOVERED)),
        peer_pb2.ExchangeResponse(refusal=peer_pb2.Refusal()),
    ],
    ids=["empty", "uncovered", "refusal with OK"],
)
def test_malformed_answers_are_untranslatable(response: peer_pb2.ExchangeResponse) -> None:
    """An answer that makes no sense is never taken for one."""
    with pytest.raises(translate.UntranslatableError):
        translate.answer_from_wire(response)


@pytest.mark.parametrize("place", ["vector", "loose"])
def test_an_actor_for_which_the_bytes_of_a_dot_have_no_room_is_refused(place: str) -> None:
    """The longest name that there is room for is taken, and written and read again."""
    for length, is_fine in ((2**16 - 1, True), (2**16, False)):
        dot = peer_pb2.Dot(actor=b"x" * length, counter=1)
        loose = peer_pb2.Dot(actor=b"x" * length, counter=3)
        context = peer_pb2.CausalContext(**{place: [dot if place == "vector" else loose]})
        state = peer_pb2.State(context=context)
        request = peer_pb2.ExchangeRequest(request_id=1, replicate=peer_pb2.Replicate(key=b"k", state=state))
        if is_fine:
            body = translate.request_from_wire(request).body
            assert isinstance(body, Replicate)
            assert decode_state(encode_state(body.state)) == body.state
        else:
            with pytest.raises(translate.UntranslatableError, match="65535"):
                translate.request_from_wire(request)

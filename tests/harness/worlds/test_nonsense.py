"""What the harness says in the place of a peer: all of it follows from a seed, and none of it is a client's word."""

import random

import msgspec
import pytest
from google.protobuf.message import DecodeError

from dynamo_node.v1 import peer_pb2
from ringcheck.worlds.live.nonsense import NOBODYS, Facts, Said, garbage, nonsense

HELLO = peer_pb2.Hello(node_id="n3", incarnation="understudy", protocol=1)
DOT = peer_pb2.Dot(actor=b"n1-1", counter=1)
STATE = peer_pb2.State(
    versions=[peer_pb2.Version(dot=DOT, value=b"v1")],
    context=peer_pb2.CausalContext(vector=[DOT, peer_pb2.Dot(actor=b"n2-1", counter=4)]),
)
FORWARD = peer_pb2.ExchangeRequest(
    request_id=3, forward=peer_pb2.Forward(incarnation="run", key=b"a", value=b"v1", w=2)
).SerializeToString()
FACTS = Facts(
    incarnation="run",
    view_digest=b"digest",
    partitions=16,
    keys=(b"a", b"b"),
    states=((b"a", STATE),),
    forwards=(FORWARD,),
    message=1 << 20,
)
KINDS = 12


def said(seed: int) -> list[Said]:
    """Everything, by one seed."""
    return nonsense(random.Random(seed), FACTS, HELLO)


def requests(seed: int) -> list[peer_pb2.ExchangeRequest]:
    """All of it that is an envelope."""
    return [peer_pb2.ExchangeRequest.FromString(each.data) for each in said(seed)]


def possible(state: peer_pb2.State) -> bool:
    """Whether a state keeps the rules of peer.proto, however it is ordered."""
    dots = [(version.dot.actor, version.dot.counter) for version in state.versions]
    tops = {dot.actor: dot.counter for dot in state.context.vector}
    loose = {(dot.actor, dot.counter) for dot in state.context.loose}
    covered = all(counter <= tops.get(actor, 0) or (actor, counter) in loose for actor, counter in dots)
    return covered and len(set(dots)) == len(dots) and all(actor and counter for actor, counter in dots)


def test_the_same_seed_says_the_same() -> None:
    """Another says it in another order."""
    assert said(1) == said(1)
    assert said(1) != said(2)
    assert {each.kind for each in said(1)} == {each.kind for each in said(2)}
    assert len({each.kind for each in said(1)}) == KINDS


@pytest.mark.parametrize("seed", range(20))
def test_no_state_that_could_be_meant_holds_a_value_that_no_client_put(seed: int) -> None:
    """A valid Replicate would be a put: its values are those that the node gave out itself."""
    states = [request.replicate.state for request in requests(seed) if request.HasField("replicate")]
    values = {version.value for state in states if possible(state) for version in state.versions}
    assert values == {b"v1"}
    assert any(NOBODYS in {version.value for version in state.versions} for state in states)


@pytest.mark.parametrize("seed", range(20))
def test_no_forward_could_be_carried_out_but_one_that_was(seed: int) -> None:
    """It names another incarnation, or asks for what cannot be, or is word for word an earlier one."""
    for each in said(seed):
        request = peer_pb2.ExchangeRequest.FromString(each.data)
        if not request.HasField("forward") or each.data == FORWARD:
            continue
        forward = request.forward
        assert request.request_id
        invalid = not forward.key or not forward.HasField("value") or forward.w > 1_000 or forward.context
        assert invalid or forward.incarnation != FACTS.incarnation


@pytest.mark.parametrize("seed", range(20))
def test_states_that_are_said_again_are_the_same_states(seed: int) -> None:
    """In whatever order their parts come: none says more than it did, or less."""
    again = [each for each in said(seed) if each.kind == "states sent again"]
    assert len(again) >= 2
    for each in again:
        replicate = peer_pb2.ExchangeRequest.FromString(each.data).replicate
        assert replicate.key == b"a"
        assert not replicate.hint_for
        assert list(replicate.state.versions) == list(STATE.versions)
        context = replicate.state.context
        assert {(dot.actor, dot.counter) for dot in context.vector} == {(b"n1-1", 1), (b"n2-1", 4)}
        assert not context.loose


def test_no_event_could_change_the_membership() -> None:
    """Each lacks its kind or its member."""
    for request in requests(1):
        for event in request.gossip.events:
            assert not (event.kind and event.member.node_id)


@pytest.mark.parametrize("seed", range(5))
def test_garbage_is_no_envelope(seed: int) -> None:
    """Nobody can take it for one."""
    for each in garbage(random.Random(seed)):
        with pytest.raises(DecodeError):
            peer_pb2.ExchangeRequest.FromString(each.data)


def test_nothing_is_longer_than_a_message_may_be() -> None:
    """A node that takes short messages only is not asked for more."""
    narrow = msgspec.structs.replace(FACTS, message=2_000)
    assert max(len(each.data) for each in nonsense(random.Random(1), narrow, HELLO)) <= 2_000

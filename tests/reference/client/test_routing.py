"""Whom a client asks: laws of the order in which it tries the nodes."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.client.routing import PAUSE_S, Ring, Routing
from ringcheck_reference.core import ring as core
from ringcheck_reference.core.config import Member

names = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=7, unique=True)


def ring_of(members: list[str], n: int = 3, partitions: int = 16) -> tuple[core.Ring, Ring]:
    """A ring as a node has it, and as a client does."""
    theirs = core.Ring(tuple(Member(name) for name in members), n, partitions)
    return theirs, Ring(tuple(sorted(members)), tuple(tuple(owners) for owners in theirs.owners))


@given(names, st.integers(1, 40), st.binary(min_size=1, max_size=9))
def test_it_begins_with_the_owners_as_the_nodes_see_them(members: list[str], partitions: int, key: bytes) -> None:
    """Same partition, same owners in the same order, and then everybody else, once."""
    theirs, ours = ring_of(members, partitions=partitions)
    order = ours.preference_list(key)
    assert ours.partition(key) == theirs.partition(key)
    homes = theirs.homes(key)
    assert order[: len(homes)] == tuple(homes)
    assert sorted(order) == sorted(members)


@given(names, st.sets(st.sampled_from("abcdef")), st.binary(min_size=1))
def test_who_was_out_of_reach_comes_last_and_is_not_left_out(members: list[str], out: set[str], key: bytes) -> None:
    """For a while; the order stays as it was among both."""
    routing = Routing(members)
    routing.ring = ring_of(members)[1]
    before = list(routing.order(key, 0.0))
    for node in out & set(members):
        routing.suspect(node, 0.0)
    late = [node for node in before if node in out]
    assert list(routing.order(key, PAUSE_S / 2)) == [node for node in before if node not in out] + late
    assert list(routing.order(key, PAUSE_S)) == before
    for node in out & set(members):
        routing.trust(node)
    assert list(routing.order(key, PAUSE_S / 2)) == before


def test_without_a_ring_everybody_is_asked_in_turn() -> None:
    """Any node takes any request."""
    routing = Routing(["a", "b", "c"])
    assert {tuple(routing.order(b"key", 0.0)) for _ in range(3)} == {("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b")}


def test_a_member_without_an_address_is_passed_over() -> None:
    """And who has one but is no member is not asked, unless all members lack one."""
    routing = Routing(["a", "z"])
    routing.ring = Ring(("a", "b"), (("b", "a"),))
    assert list(routing.order(b"key", 0.0)) == ["a"]
    routing.ring = Ring(("b", "c"), (("b", "c"),))
    assert sorted(routing.order(b"key", 0.0)) == ["a", "z"]


def test_those_that_own_nothing_of_a_key_take_turns_as_the_last_resort() -> None:
    """Nobody is the last resort of all partitions."""
    members = ["a", "b", "c", "d", "e", "f"]
    ring = Ring(tuple(members), tuple((members[number % 2],) for number in range(16)))
    firsts = {ring.preference_list(b"key %d" % number)[1] for number in range(200)}
    assert len(firsts) > 3

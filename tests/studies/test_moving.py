"""What a change of members moves: at least what must, at most what the lists allow, and as much backwards."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

from .moving import CROWDED_N, KINDS, Kind, N, compare, draw_crowded_moves, draw_members, draw_moves
from .strategies import ring_loads

kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32)


@settings(deadline=None, max_examples=50)
@given(kinds, st.sampled_from([1, 16, 64]), seeds)
def test_a_leave_moves_what_the_join_moved(kind: Kind, q: int, seed: int) -> None:
    """It is the same two rings; so joins alone are measured."""
    members = draw_members(kind, Random(seed))
    without, everyone = Ring(members[:-1], N, q), Ring(members, N, q)
    assert compare(without, everyone) == compare(everyone, without)


@settings(deadline=None, max_examples=50)
@given(kinds, st.sampled_from([1, 16, 64]), seeds)
def test_nothing_moves_less_than_the_least(kind: Kind, q: int, seed: int) -> None:
    """What the newcomer holds has been moved to it, and so has what anybody holds more than before."""
    *members, newcomer = draw_members(kind, Random(seed))
    after = Ring([*members, newcomer], N, q)
    moved, least = compare(Ring(members, N, q), after)
    assert round(ring_loads(after)[newcomer.id] * q) <= least <= moved <= N * q


@given(seeds)
def test_nothing_moves_where_nothing_changes(seed: int) -> None:
    """The same members in another order are the same ring."""
    members = draw_members(KINDS[0], Random(seed))
    assert compare(Ring(members, N, 16), Ring(members[::-1], N, 16)) == (0, 0)


@given(kinds, seeds)
def test_members_are_drawn_as_they_are_called(kind: Kind, seed: int) -> None:
    """Number and weights are within the kind's limits, and N hosts are left without the last."""
    members = draw_members(kind, Random(seed))
    assert kind.fewest <= len(members) <= kind.most
    assert all(1 <= member.weight <= kind.heaviest for member in members)
    assert len({member.machine for member in members[:-1]}) >= N


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_lists_themselves_bound_what_is_moved(kind: Kind) -> None:
    """The bound of the contract has always been enough."""
    moves = draw_moves(kind, 16, 40, "bounds")
    assert all(move.moved <= move.allowed for move in moves)


@pytest.mark.parametrize("n", CROWDED_N)
def test_few_hosts_keep_the_bound(n: int) -> None:
    """Also with many copies, strong members and a weak newcomer, where most is moved in vain."""
    moves = draw_crowded_moves(n, 64, 20, "bounds")
    assert all(move.moved <= move.allowed for move in moves)
    assert any(move.moved for move in moves)


def test_fewer_hosts_may_force_more_than_the_bound() -> None:
    """A newcomer of little weight, but on the third host, is in every list: no placement keeps to 4·N·⌈Q·w/Σw⌉."""
    members = [Member(f"n{number}", 4, f"h{number % 2}") for number in range(8)]
    moved, least = compare(Ring(members, N, 64), Ring([*members, Member("newcomer", 1, "h2")], N, 64))
    assert moved >= least >= 64 > 4 * N * -(-64 * 1 // 33)

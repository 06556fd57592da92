"""The slots of a partition whose owners change."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.events import confirmed, joined, left, removed
from ringcheck_reference.core.placement import Placement, placement
from ringcheck_reference.core.ring import ring_of
from ringcheck_reference.core.view import View

N = 3
Q = 4
FIRST = tuple(Member(f"n{number}") for number in range(1, 6))


@st.composite
def views(draw: st.DrawFn) -> View:
    """Some changes, of which some newcomers have confirmed theirs."""
    view = View.of_members(FIRST)
    for _ in range(draw(st.integers(0, 3))):
        member = draw(st.sampled_from([*FIRST, *(Member(f"n{number}") for number in range(6, 9))]))
        made = draw(st.sampled_from([joined(member), left(member.id), removed(member.id)]))
        if made.kind != 1 and len(view.member_ids - {member.id}) < N:
            continue
        view = view.union([made])
        for partition in range(Q):
            listed = place(view, partition).listed
            for node in sorted(place(view, partition).to_take):
                if draw(st.booleans()):
                    view = view.union([confirmed(node, partition, listed)])
    return view


def place(view: View, partition: int) -> Placement:
    """Where a partition belongs in this view."""
    first = ring_of(FIRST, N, Q).owners[partition]
    return placement(partition, view, ring_of(view.members, N, Q), first)


@settings(deadline=None)
@given(views(), st.integers(0, Q - 1))
def test_a_slot_has_one_home(view: View, partition: int) -> None:
    """N homes; each owner is one, or stands for one; nobody is both."""
    placed = place(view, partition)
    assert len(placed.homes) == len(set(placed.homes)) == N
    assert set(placed.stands_for.values()) <= set(placed.homes)
    assert set(placed.owners) <= set(placed.homes) | placed.stands_for.keys()
    assert not set(placed.homes) & placed.stands_for.keys()
    assert not set(placed.fallbacks) & ({*placed.homes} | placed.stands_for.keys())
    assert placed.unconfirmed <= set(placed.owners)


@settings(deadline=None)
@given(views(), st.integers(0, Q - 1))
def test_when_all_have_confirmed_the_owners_are_the_homes(view: View, partition: int) -> None:
    """Whoever has to take the partition over confirms it, and then it is settled; once all agree nothing is left."""
    for _ in range(2):
        placed = place(view, partition)
        listed = placed.listed
        view = view.union(confirmed(node, partition, listed) for node in placed.to_take | placed.to_agree)
    placed = place(view, partition)
    assert placed.is_settled
    assert placed.homes == placed.owners
    assert not placed.to_take
    assert not placed.to_agree

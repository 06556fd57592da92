"""Views: sets of events that are joined in any order, and what follows from them alone."""

import hashlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.events import (
    ChangeKind,
    Event,
    OwnerList,
    confirmed,
    drained,
    encode_event,
    joined,
    left,
    removed,
)
from ringcheck_reference.core.view import View

NAMES = ("n1", "n2", "n3", "n4", "n5")
FIRST = ("n1", "n2", "n3")
names = st.sampled_from(NAMES)
owners = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def confirmations(draw: st.DrawFn) -> Event:
    """Of one of two partitions, under one of a few views."""
    changes = draw(st.integers(4, 6))
    some = draw(owners)
    return confirmed(
        draw(st.sampled_from(some)), draw(st.integers(0, 1)), OwnerList(changes, bytes([changes]) * 32, some)
    )


events = st.one_of(
    st.builds(joined, st.builds(Member, names, st.integers(1, 2))),
    st.builds(left, names),
    st.builds(removed, names),
    st.builds(drained, names),
    confirmations(),
    confirmations(),
)
some_events = st.lists(events, max_size=12)


@given(some_events, some_events, some_events)
def test_union_is_commutative_associative_and_idempotent(a: list[Event], b: list[Event], c: list[Event]) -> None:
    """What is left away as needless is the same whatever the order."""
    one, two, three = View(a), View(b), View(c)
    assert one.union(two.events) == two.union(one.events)
    assert one.union(two.events).union(three.events) == one.union(two.union(three.events).events)
    assert one.union(one.events) is one
    assert one.union(two.events) == View([*a, *b])


@given(some_events, some_events)
def test_a_view_that_has_grown_is_what_it_would_be_from_the_first(a: list[Event], b: list[Event]) -> None:
    """Whatever it has taken over from the one before; and what has come and gone is told."""
    before = View(a)
    grown, anew = before.union(b), View([*a, *b])
    assert (grown.digest, grown.changes_digest) == (anew.digest, anew.changes_digest)
    assert (grown.members, grown.machines, grown.drained) == (anew.members, anew.machines, anew.drained)
    assert grown.changes == anew.changes
    for partition in (0, 1):
        assert grown.history(partition, FIRST) == anew.history(partition, FIRST)
    if grown is not before:
        growth = grown.growth(before)
        assert growth == anew.growth(before)
        assert (growth.added, growth.dropped) == (anew.events - before.events, before.events - anew.events)
        assert growth.partitions == {
            event.partition for event in growth.added | growth.dropped if event.kind is ChangeKind.CONFIRMED
        }


@given(some_events)
def test_the_digest_is_that_of_all_events_in_the_order_of_their_bytes(some: list[Event]) -> None:
    """Each after its length, as membership.proto has it."""
    view = View().union(some)
    rows = sorted(encode_event(event) for event in view.events)
    assert view.digest == hashlib.sha256(b"".join(len(row).to_bytes(4, "big") + row for row in rows)).digest()


@given(some_events, some_events)
def test_digests_are_equal_exactly_when_events_are(a: list[Event], b: list[Event]) -> None:
    """The view digest speaks of all events, the changes digest of joins, leaves and removals."""
    one, two = View(a), View(b)
    assert (one.digest == two.digest) == (one == two)
    changes = [{event for event in view.events if event.kind <= 3} for view in (one, two)]
    assert (one.changes_digest == two.changes_digest) == (changes[0] == changes[1])


@given(some_events, st.sampled_from([0, 1]))
def test_what_is_left_away_changes_no_old_owners(some: list[Event], partition: int) -> None:
    """Old owners follow from what is kept as from all that was heard, whatever was heard first."""
    whole = View(some)
    by_and_by = View()
    for event in some:
        by_and_by = by_and_by.union([event])
    assert by_and_by.history(partition, FIRST) == whole.history(partition, FIRST)


@given(some_events)
def test_members_are_those_that_joined_and_are_not_gone(some: list[Event]) -> None:
    """Nobody joins again."""
    view = View(some)
    here = {event.member.id for event in some if event.kind == 1}
    gone = {event.member.id for event in some if event.kind in (2, 3)}
    assert view.member_ids == here - gone
    assert len(view.members) == len(view.member_ids)


def confirm(view: View, changes: int, some: tuple[str, ...], who: Sequence[str]) -> View:
    """The view in which these have confirmed partition 0."""
    return view.union(confirmed(each, 0, OwnerList(changes, bytes([changes]) * 32, some)) for each in who)


def test_who_was_no_old_owner_has_to_confirm() -> None:
    """A list takes the place of the old owners when all that are new in it have confirmed."""
    view = confirm(View(), 4, ("n1", "n4", "n5"), ["n4"])
    assert view.history(0, FIRST).old_owners == FIRST
    view = confirm(view, 4, ("n1", "n4", "n5"), ["n5"])
    assert view.history(0, FIRST).old_owners == ("n1", "n4", "n5")
    assert view.history(0, FIRST).later == {}


def test_a_list_that_all_have_confirmed_needs_nothing_older() -> None:
    """What came before it is left away; a list that leans on older ones keeps them."""
    older = ("n1", "n4", "n5")
    view = confirm(View(), 4, older, ["n4", "n5"])
    view = confirm(view, 5, ("n4", "n5", "n2"), ["n2"])
    assert view.history(0, FIRST).old_owners == ("n4", "n5", "n2")
    assert len(view.events) == 3
    view = confirm(view, 5, ("n4", "n5", "n2"), ["n4", "n5"])
    assert len(view.events) == 3
    assert view.history(0, FIRST).old_owners == ("n4", "n5", "n2")
    assert confirm(view, 4, older, ["n1"]) == view

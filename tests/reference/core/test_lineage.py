"""The views that were in force lately: what has come since one of them is what a node lacks that has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.events import Event, OwnerList, confirmed, joined
from ringcheck_reference.core.lineage import MOST, Lineage
from ringcheck_reference.core.view import View, in_order

from .test_view import some_events


@given(st.lists(some_events, max_size=6), some_events, st.data())
def test_what_has_come_since_a_view_is_what_it_lacks(
    batches: list[list[Event]], told: list[Event], data: st.DataObject
) -> None:
    """As if the two views were compared; what the other node has told besides is left out."""
    views = [View()]
    lineage = Lineage(views[0])
    for batch in batches:
        views.append(views[-1].union(batch))
        if views[-1] is not views[-2]:
            lineage.go_on(views[-1], views[-1].growth(views[-2]))
    known = data.draw(st.sampled_from(views))
    assert known.digest in lineage
    lacking = views[-1].events - known.events - set(told)
    assert lineage.since(known.digest, told) == in_order(lacking)
    assert known.union(told).union(lacking) == views[-1].union(told)


def test_only_so_many_views_are_remembered() -> None:
    """Who is further behind is to be told everything."""
    views = [View.of_members([Member("n1")])]
    lineage = Lineage(views[0])
    for number in range(MOST):
        views.append(views[-1].union([joined(Member(f"m{number}"))]))
        lineage.go_on(views[-1], views[-1].growth(views[-2]))
    assert views[0].digest not in lineage
    with pytest.raises(KeyError):
        lineage.since(views[0].digest)
    assert len(lineage.since(views[1].digest)) == MOST - 1


def test_a_view_that_has_not_grown_out_of_the_last_one_is_compared_with_it() -> None:
    """What an unrelated view lacks of the one before is not in force any more, and nobody is told it."""
    listed = OwnerList(1, bytes(32), ("n1",))
    one, other = View([confirmed("n1", 0, listed)]), View([joined(Member("n2"))])
    lineage = Lineage(one)
    lineage.go_on(other, other.growth(one))
    assert lineage.since(one.digest) == (joined(Member("n2")),)

"""Where a node stands: what follows from one view after another is what follows from the last one alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.config import CoreConfig, Member
from ringcheck_reference.core.events import confirmed, joined, left, removed
from ringcheck_reference.core.standing import Standing
from ringcheck_reference.core.view import View

N = 3
Q = 8
FIRST = tuple(Member(f"n{number}") for number in range(1, 6))
LATER = tuple(Member(f"n{number}") for number in range(6, 9))
partitions = st.integers(0, Q - 1)


def looked_at(standing: Standing) -> tuple[object, ...]:
    """All that follows from the view and the marks."""
    return (
        [standing.placement(partition) for partition in range(Q)],
        [standing.counts(partition) for partition in range(Q)],
        standing.unsettled(),
        [standing.takes(partition) for partition in range(Q)],
    )


@settings(deadline=None)
@given(st.data())
def test_what_is_kept_from_view_to_view_is_what_would_be_found_anew(data: st.DataObject) -> None:
    """Whatever came between two looks: changes, confirmations of some partitions, marks that come and go."""
    config = CoreConfig("n1", FIRST, n=N, partition_count=Q)
    view, released = View.of_members(FIRST), set[int]()
    standing = Standing(config, view, released)
    for _ in range(data.draw(st.integers(1, 12))):
        if data.draw(st.booleans()):
            assert looked_at(standing) == looked_at(Standing(config, view, released))
        step = data.draw(st.sampled_from(["change", "confirm", "confirm", "confirm", "mark"]))
        if step == "mark":
            partition, marked = data.draw(partitions), data.draw(st.booleans())
            standing.set_released(partition, released=marked)
            (released.add if marked else released.discard)(partition)
            continue
        if step == "change":
            member = data.draw(st.sampled_from([*FIRST, *LATER]))
            event = data.draw(st.sampled_from([joined(member), left(member.id), removed(member.id)]))
            if event.kind != 1 and len(view.member_ids - {member.id}) < N:
                continue
            news = [event]
        else:
            placements = [standing.placement(each) for each in data.draw(st.sets(partitions))]
            news = [
                confirmed(node, placed.partition, placed.listed)
                for placed in placements
                for node in sorted(placed.to_take | placed.to_agree)
                if data.draw(st.booleans())
            ]
        grown = view.union(news)
        if grown is not view:
            standing.adopt(view := grown)
    assert looked_at(standing) == looked_at(Standing(config, view, released))

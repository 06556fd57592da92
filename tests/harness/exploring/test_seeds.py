"""Which seeds come next: each once, in order, and none is lost."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.exploring.seeds import Position, Seeds

fresh = Position(first=10, following=10)


def test_seeds_come_in_order_and_end_with_their_number() -> None:
    """A number of seeds is a number of seeds, however they are taken."""
    seeds = Seeds(fresh, 5)
    assert [seeds.take(2), seeds.take(2), seeds.take(2), seeds.take(2)] == [(10, 11), (12, 13), (14,), ()]
    assert not seeds.more


def test_what_is_under_way_is_missing_until_it_ends() -> None:
    """The position is what would have to be done if everything under way were lost."""
    seeds = Seeds(fresh)
    seeds.take(3)
    seeds.ended(11)
    assert seeds.position == Position(first=10, following=13, missing=(10, 12))
    assert seeds.under_way == (10, 12)


def test_missing_seeds_come_first_when_it_goes_on() -> None:
    """An exploration that is resumed begins with what the last one left."""
    seeds = Seeds(Position(first=10, following=13, missing=(10, 12)), 3)
    assert seeds.take(10) == (10, 12, 13)


def test_after_a_stop_there_are_no_more() -> None:
    """What is under way may still end."""
    seeds = Seeds(fresh)
    seeds.take(1)
    seeds.stop()
    assert seeds.take(1) == ()
    assert seeds.under_way == (10,)


@given(st.lists(st.tuples(st.sampled_from(("take", "end", "give back")), st.integers(1, 5)), max_size=40), st.data())
def test_every_seed_is_ended_missing_or_to_come(does: list[tuple[str, int]], data: st.DataObject) -> None:
    """Whatever is taken, ended, given back and resumed: no seed is lost, and none ends twice."""
    position = fresh
    seeds, ended = Seeds(position), list[int]()
    for what, count in does:
        if what == "take":
            seeds.take(count)
        elif seeds.under_way:
            seed = data.draw(st.sampled_from(seeds.under_way))
            if what == "end":
                ended.append(seed)
                seeds.ended(seed)
            else:
                seeds.give_back(seed)
        if count == 5:
            seeds = Seeds(seeds.position)
    position = seeds.position
    assert sorted([*ended, *position.missing]) == list(range(position.first, position.following))

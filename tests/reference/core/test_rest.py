"""How long keys rest, and what is left of a state that is reaped."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.rest import MARGIN, SPARE_DOTS, Rest, is_spare, reaped
from ringcheck_reference.core.versions import Context, Dot, State, Version

LIFETIME = 10.0
NEEDED = MARGIN * LIFETIME
TOMBSTONE = State.of((), Context.of([Dot(b"a", 3)]))
LIVE = State.of([Version(Dot(b"a", 3), b"value")], Context.of([Dot(b"a", 3)]))

dots = st.builds(Dot, st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 6))


@st.composite
def states(draw: st.DrawFn) -> State:
    """States of up to three versions, whose contexts cover more."""
    live = draw(st.sets(dots, max_size=3))
    return State.of([Version(dot, b"v") for dot in live], Context.of(loose=[*live, *draw(st.sets(dots))]))


@settings(deadline=None)
@given(states())
def test_reaping_keeps_the_versions_and_forgets_the_rest(state: State) -> None:
    """What is left has the same versions, and a context of nothing but these."""
    left = reaped(state)
    assert left.versions == state.versions
    assert all(left.context.covers(version.dot) for version in state.versions)
    assert state.context.includes(left.context)
    assert bool(left) == bool(state.versions)


@settings(deadline=None)
@given(states())
def test_an_owner_that_has_reaped_and_one_that_has_not_make_the_whole_again(state: State) -> None:
    """Merging what is left with the state gives the state: reaping can fail half-way, and nothing comes of it."""
    assert reaped(state).merge(state) == state


@settings(deadline=None)
@given(states(), states())
def test_what_was_written_since_survives_who_has_not_reaped(state: State, later: State) -> None:
    """A version that the reaped state did not know of is kept whether its owner had reaped or not."""
    news = [each for each in later.versions if not state.context.covers(each.dot)]
    fresh = State.of(news, Context.of(loose=[each.dot for each in news]))
    assert set(reaped(state).merge(fresh).merge(state).versions) == set(state.merge(fresh).versions)


def test_a_tombstone_is_spare_and_a_version_is_not_until_its_context_is_long() -> None:
    """Tombstones are worth reaping; a version's context is once it names many actors that are no longer needed."""
    assert is_spare(TOMBSTONE)
    assert not is_spare(LIVE)
    assert not is_spare(State.EMPTY)
    actors = [Dot(b"%d" % number, 1) for number in range(SPARE_DOTS + 1)]
    assert is_spare(State.of([Version(actors[0], b"v")], Context.of(actors)))
    assert not is_spare(State.of([Version(actors[0], b"v")], Context.of(actors[:-1])))


def test_nothing_ever_rests_enough_without_a_lifetime() -> None:
    """0 is never."""
    rest = Rest(0.0)
    rest.disturb_key(b"key", TOMBSTONE, 0.0)
    assert not rest.is_enough(1e9)
    assert not rest.is_enough_for(b"key", 1e9)
    assert list(rest.rested(1e9)) == []


def test_a_key_rests_as_long_as_nothing_comes_or_goes() -> None:
    """Only after twice the lifetime since the last tombstone, or since a copy of it was dropped."""
    rest = Rest(LIFETIME)
    rest.disturb_key(b"key", TOMBSTONE, 0.0)
    assert rest.is_enough_for(b"key", NEEDED)
    rest.disturb_key(b"key", State.EMPTY, 5.0)
    assert not rest.is_enough_for(b"key", NEEDED)
    assert rest.is_enough_for(b"other", NEEDED)
    assert list(rest.rested(NEEDED)) == []
    assert list(rest.rested(NEEDED + 5.0)) == [b"key"]
    assert list(rest.rested(NEEDED + 5.0)) == []


def test_a_node_that_is_out_of_touch_does_not_rest() -> None:
    """Its rest begins anew."""
    rest = Rest(LIFETIME)
    rest.disturb(3.0)
    assert not rest.is_enough(NEEDED)
    assert rest.is_enough(NEEDED + 3.0)


def test_time_in_which_the_node_did_not_run_is_no_rest() -> None:
    """After a pause, or a jump of its clock, a node has not rested for that long."""
    rest = Rest(LIFETIME)
    rest.disturb_key(b"key", TOMBSTONE, 0.0)
    rest.sleep(60.0)
    assert not rest.is_enough(60.0 + NEEDED - 1)
    assert not rest.is_enough_for(b"key", 60.0 + NEEDED - 1)
    assert rest.is_enough_for(b"key", 60.0 + NEEDED)


def test_what_parts_may_differ_in_that_way_and_for_a_while() -> None:
    """One owner may hold the whole and another what is left of it, and nothing else, until then."""
    rest = Rest(LIFETIME)
    rest.part(b"key", (b"whole", None), until=2.0)
    assert rest.is_parting(b"key", (b"whole", None), 1.0)
    assert rest.is_parting(b"key", (None, b"whole"), 1.0)
    assert not rest.is_parting(b"key", (b"whole", b"another"), 1.0)
    assert not rest.is_parting(b"other", (b"whole", None), 1.0)
    assert not rest.is_parting(b"key", (b"whole", None), 2.0)


def test_what_has_parted_is_not_remembered_for_ever() -> None:
    """Nobody may ever ask for a key again; the rounds of reaping take out what is over, and nothing else."""
    rest = Rest(LIFETIME)
    for number in range(100):
        rest.part(b"%d" % number, (b"whole", None), until=float(number))
    rest.part(b"0", (b"whole", None), until=100.0)
    assert list(rest.rested(98.0)) == []
    assert sorted(rest._parting) == [b"0", b"99"]
    assert rest.is_parting(b"99", (b"whole", None), 98.0)
    assert list(rest.rested(100.0)) == []
    assert not rest._parting


def test_what_has_rested_is_given_a_few_at_a_time() -> None:
    """Many keys may be due in one round; none is given twice, and none is left out."""
    rest = Rest(LIFETIME)
    keys = [b"key %d" % number for number in range(10)]
    for key in keys:
        rest.disturb_key(key, TOMBSTONE, 0.0)
    assert rest.rested(NEEDED, 4) == keys[:4]
    rest.disturb_key(keys[5], TOMBSTONE, NEEDED)
    assert rest.rested(NEEDED, 4) == [keys[4], *keys[6:9]]
    assert rest.rested(NEEDED, 4) == keys[9:]
    assert rest.rested(2 * NEEDED, 4) == [keys[5]]

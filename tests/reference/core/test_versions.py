"""The algebra of one key: contexts are sets, merging is a join, and bytes are canonical."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.encoding import (
    MalformedContext,
    decode_context,
    decode_state,
    encode_context,
    encode_state,
)
from ringcheck_reference.core.versions import MAX_COUNTER, Context, Dot, MalformedState, State, Version

dots = st.builds(Dot, st.sampled_from([b"a", b"b", b"a\0"]), st.integers(1, 6))
dot_sets = st.frozensets(dots, max_size=8)
contexts = dot_sets.map(lambda members: Context.of(loose=members))
UNIVERSE = [Dot(actor, counter) for actor in (b"a", b"a\0", b"b") for counter in range(1, 8)]


@st.composite
def states(draw: st.DrawFn) -> State:
    """States of one history: a dot always names the same value, as dots are issued once."""
    seen = draw(dot_sets)
    live = draw(st.frozensets(st.sampled_from(sorted(seen)), max_size=4)) if seen else frozenset()
    versions = [Version(dot, b"value of %d" % dot.counter) for dot in live]
    return State.of(versions, Context.of(loose=seen))


def members(context: Context) -> set[Dot]:
    """The set that a context stands for, by asking it."""
    return {dot for dot in UNIVERSE if context.covers(dot)}


@given(dot_sets)
def test_a_context_is_the_set_of_its_dots(given_dots: frozenset[Dot]) -> None:
    """A context covers the dots that it was made of, and no others."""
    assert members(Context.of(loose=given_dots)) == given_dots


@given(dot_sets, st.data())
def test_equal_sets_are_equal_contexts(given_dots: frozenset[Dot], data: st.DataObject) -> None:
    """However a set is built up, in whatever order and with repetitions and zeroes, its context is the same value."""
    order = data.draw(st.permutations(sorted(given_dots)))
    grown = Context.EMPTY
    for dot in order:
        grown = grown.with_dot(dot)
    assert grown == Context.of([Dot(b"z", 0)], [*order, *order]) == Context.of(loose=given_dots)
    assert bool(grown) == bool(given_dots)


@given(st.lists(st.builds(Dot, st.sampled_from([b"a", b"b", b"a\0"]), st.integers(0, 6))))
def test_a_vector_is_all_dots_up_to_its_own(tops: list[Dot]) -> None:
    """In whatever order its dots come, with repetitions and zeroes; and a context is made of its own parts again."""
    context = Context.of(tops)
    assert members(context) == {
        dot for dot in UNIVERSE if any(dot.actor == actor and dot.counter <= top for actor, top in tops)
    }
    assert context == Context.of(context.vector, context.loose) == Context.of(loose=members(context))


@given(contexts, contexts)
def test_joining_contexts_is_union(left: Context, right: Context) -> None:
    """The join covers what either covers."""
    assert members(left.join(right)) == members(left) | members(right)


def test_a_canonical_context_takes_consecutive_dots_into_its_vector() -> None:
    """Loose dots that continue the vector are compacted, others stay loose, and both parts are sorted."""
    context = Context.of([Dot(b"b", 2), Dot(b"a", 1)], [Dot(b"b", 4), Dot(b"b", 3), Dot(b"a", 3), Dot(b"c", 1)])
    assert context == Context((Dot(b"a", 1), Dot(b"b", 4), Dot(b"c", 1)), (Dot(b"a", 3),))


@given(states(), states(), states())
def test_merging_is_a_join(one: State, two: State, three: State) -> None:
    """Merging is commutative, associative and idempotent, so order, repetition and loss of messages do no harm."""
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one
    assert one.merge(two).merge(two) == one.merge(two)


@given(states(), states())
def test_merging_keeps_what_the_other_side_has_not_superseded(one: State, two: State) -> None:
    """A version stays when both hold it or when the side without it has not seen it; no other stays."""
    merged = {version.dot for version in one.merge(two).versions}
    ours, theirs = ({version.dot for version in state.versions} for state in (one, two))
    expected = (ours & theirs) | (ours - members(two.context)) | (theirs - members(one.context))
    assert merged == expected


@given(states(), states())
def test_merging_what_is_known_gives_the_same_state(one: State, two: State) -> None:
    """Where one side knows all that the other does, the result is one of the two and no copy: its bytes stay known."""
    merged = one.merge(two)
    for known in (one, two, merged):
        again = merged.merge(known)
        assert again is merged or again is known


@given(states(), states())
def test_state_bytes_are_equal_exactly_when_states_are(one: State, two: State) -> None:
    """The canonical bytes can be compared in place of the states, and can be read back."""
    assert (encode_state(one) == encode_state(two)) == (one == two)
    assert decode_state(encode_state(one)) == one


@given(contexts, st.binary(max_size=5))
def test_a_client_context_is_read_back(context: Context, key: bytes) -> None:
    """What a client brings back is what it was given; nothing stands for the empty context."""
    data = encode_context(key, context)
    assert decode_context(key, data) == context
    assert (data == b"") == (not context)


@given(contexts.filter(bool), st.binary(max_size=5), st.binary(max_size=5))
def test_a_client_context_of_another_key_is_refused(context: Context, key: bytes, other: bytes) -> None:
    """A context works for its own key only."""
    if key != other:
        with pytest.raises(MalformedContext, match="another key"):
            decode_context(other, encode_context(key, context))


@given(contexts.filter(bool), st.data())
def test_a_damaged_client_context_is_refused(context: Context, data: st.DataObject) -> None:
    """Any changed byte, cut or addition is noticed."""
    whole = encode_context(b"key", context)
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    for damaged in (flipped, whole[:at] if at else b"\x01", whole + b"\0"):
        with pytest.raises(MalformedContext):
            decode_context(b"key", damaged)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused_in_order(data: bytes) -> None:
    """Bytes that nobody encoded raise the errors that are announced, and no others."""
    with contextlib.suppress(MalformedContext):
        decode_context(b"key", data)
    try:
        state = decode_state(data)
    except MalformedState:
        pass
    else:
        assert all(state.context.covers(version.dot) for version in state.versions)


@pytest.mark.parametrize(
    ("versions", "context"),
    [
        ([Version(Dot(b"a", 2), b"")], Context.of([Dot(b"a", 1)])),
        ([Version(Dot(b"a", 1), b"x"), Version(Dot(b"a", 1), b"y")], Context.of([Dot(b"a", 1)])),
        ([], Context.of([Dot(b"a", MAX_COUNTER + 1)])),
        ([], Context.of([Dot(b"", 1)])),
    ],
)
def test_a_state_that_breaks_a_rule_is_refused(versions: list[Version], context: Context) -> None:
    """A dot outside the context, a dot twice, an absurd counter and an actor without a name are malformed."""
    with pytest.raises(MalformedState):
        State.of(versions, context)

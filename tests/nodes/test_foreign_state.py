"""The laws that the foreign node's design rests on: merging states, and writing them down."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

FOREIGN = Path(__file__).with_name("foreign.py")


def load_foreign() -> Any:
    """The node's module; it stands in no package, so that nobody imports it by accident."""
    spec = importlib.util.spec_from_file_location("foreign", FOREIGN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


foreign = load_foreign()


def state_of(events: list[tuple[dict[str, int], tuple[str, int] | None]]) -> Any:
    """Merge writes the way a node does: each brings a context and, if it is a Put, a dot of its own."""
    state = foreign.NOTHING
    for covered, dot in events:
        seen = foreign.join(covered, {dot[0]: 1 << dot[1]} if dot else {})
        state = state.merge(foreign.State({dot: repr(dot).encode()} if dot else {}, seen))
    return state


dots = st.tuples(st.sampled_from("ab"), st.integers(1, 3))
contexts = st.dictionaries(st.sampled_from("ab"), st.integers(1, 7).map(lambda bits: bits << 1))
states = st.lists(st.tuples(contexts, st.none() | dots), max_size=4).map(state_of)


@given(states, states, states)
def test_merging_has_its_laws(a: Any, b: Any, c: Any) -> None:
    """Merging is commutative, associative and idempotent, and its lines are equal when states are."""
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(a) == a
    assert foreign.encode(b"k", a.merge(b)) == foreign.encode(b"k", b.merge(a))


@given(st.binary(min_size=1), states)
def test_what_is_encoded_is_read_back(key: bytes, state: Any) -> None:
    """Entries and contexts survive their encoding, and another key's context does not pass."""
    assert foreign.decode(foreign.encode(key, state)) == (key, state)
    context = foreign.encode_context(key, state.seen)
    assert foreign.decode_context(key, context) == state.seen
    if context:
        with pytest.raises(foreign.RefusedError):
            foreign.decode_context(key + b"'", context)

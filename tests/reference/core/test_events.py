"""The bytes of membership events: one for each event, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.events import (
    Event,
    MalformedEvent,
    OwnerList,
    confirmed,
    decode_event,
    drained,
    encode_event,
    joined,
    left,
    removed,
)

ids = st.sampled_from(["n1", "n2", "n3", "é"])
digests = st.binary(min_size=32, max_size=32)
events = st.one_of(
    st.builds(joined, st.builds(Member, ids, st.integers(1, 9), st.sampled_from(["", "h1"]))),
    st.builds(left, ids),
    st.builds(removed, ids),
    st.builds(drained, ids),
    st.builds(
        lambda owners, partition, digest, changes: confirmed(
            owners[0], partition, OwnerList(changes, digest, tuple(owners))
        ),
        st.lists(ids, min_size=1, unique=True),
        st.integers(0, 20),
        digests,
        st.integers(0, 9),
    ),
)


@given(events, events)
def test_bytes_tell_events_apart_and_come_back(one: Event, other: Event) -> None:
    """Decoding gives the event back, and two events have equal bytes exactly when they are equal."""
    assert decode_event(encode_event(one)) == one == one.normal()
    assert (encode_event(one) == encode_event(other)) == (one == other)


@given(events, st.data())
def test_damaged_bytes_are_no_event(event: Event, data: st.DataObject) -> None:
    """Bytes that are cut short or go on are refused."""
    encoded = encode_event(event)
    for damaged in (encoded[: data.draw(st.integers(0, len(encoded) - 1))], encoded + b"\0"):
        with pytest.raises(MalformedEvent):
            decode_event(damaged)


@pytest.mark.parametrize(
    "event",
    [
        joined(Member("")),
        joined(Member("n1", 0)),
        joined(Member("n" * 256)),
        joined(Member("n1", 1, "é" * 128)),
        left("n" * 256),
        confirmed("n1", 0, OwnerList(1, bytes(32), ("n1", "n" * 256))),
        confirmed("n1", 0, OwnerList(1, bytes(32), ("n2", "n3"))),
        confirmed("n1", 0, OwnerList(1, bytes(32), ("n1", "n1"))),
        confirmed("n1", 0, OwnerList(1, b"short", ("n1",))),
    ],
)
def test_an_event_that_says_nothing_sensible_is_refused(event: Event) -> None:
    """Nobody, no weight, a name without end, somebody else's partition; and no such name is said again."""
    with pytest.raises(MalformedEvent) as refused:
        event.normal()
    assert len(str(refused.value)) < 200


def test_names_may_be_of_255_bytes() -> None:
    """And no more."""
    event = joined(Member("n" * 255, 1, "é" * 127))
    assert event.normal() == event

"""Operations are sorted out of a history as their definition says, and whether they are told in order."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.history import Completion, Event, Fail, Info, Invoke, Ok, SettleBegan
from ringcheck.judging.operations import sort_out

NUMBERS = st.integers(1, 6)
TIMES = st.integers(0, 4).map(float)
INVOKES = st.builds(
    Invoke,
    time=TIMES,
    operation=NUMBERS,
    kind=st.sampled_from(["get", "put", "delete"]),
    client=st.just(0),
    node=st.just("n1"),
    key=st.sampled_from("ab"),
    value=st.none() | st.just("v"),
    context_of=st.none() | NUMBERS,
    quorum=st.integers(1, 3),
    final=st.booleans(),
)
COMPLETIONS = st.one_of(
    st.builds(Ok, time=TIMES, operation=NUMBERS, values=st.lists(st.just("v"), max_size=2).map(tuple)),
    st.builds(Fail, time=TIMES, operation=NUMBERS, code=st.just("NOT_FOUND")),
    st.builds(Info, time=TIMES, operation=NUMBERS, code=st.just("UNAVAILABLE")),
)
EVENTS = st.lists(INVOKES | COMPLETIONS | st.builds(SettleBegan, time=TIMES, index=st.just(0)), max_size=25)


def paired(events: Sequence[Event]) -> dict[int, tuple[Invoke, Completion | None]]:
    """By the definition: each operation as it was asked last, with the first end that was told since."""
    found: dict[int, tuple[Invoke, Completion | None]] = {}
    for event in events:
        if isinstance(event, Invoke):
            found[event.operation] = (event, None)
        elif isinstance(event, Ok | Fail | Info) and event.operation in found:
            asked, end = found[event.operation]
            found[event.operation] = (asked, end or event)
    return found


@given(EVENTS)
def test_operations_are_what_was_asked_and_how_it_ended(events: list[Event]) -> None:
    """Each says what its events say, in the order in which they were asked, and what is no part of one is left."""
    operations, _, others, _ = sort_out(events)
    expected = paired(events)
    assert list(operations) == list(expected)
    for operation, (asked, end) in zip(operations.values(), expected.values(), strict=True):
        assert (operation.asked, operation.end, operation.id) == (asked, end, asked.operation)
        assert (operation.kind, operation.key, operation.value) == (asked.kind, asked.key, asked.value)
        assert (operation.context_of, operation.quorum, operation.node) == (asked.context_of, asked.quorum, asked.node)
        assert (operation.start, operation.stop) == (asked.time, end.time if end else inf)
        assert operation.is_write == (asked.kind != "get")
        assert operation.ok == isinstance(end, Ok)
        assert operation.values == (end.values if isinstance(end, Ok) else ())
    assert others == [event for event in events if isinstance(event, SettleBegan)]


@given(st.lists(INVOKES, max_size=6, unique_by=lambda asked: asked.operation))
def test_order_and_final_reads_are_noticed_on_the_way(asked: list[Invoke]) -> None:
    """Where no operation is asked twice: whether all are told in the order of their starts, and which are final."""
    operations, finals, _, in_order = sort_out(asked)
    assert in_order == all(earlier.time <= later.time for earlier, later in pairwise(asked))
    assert finals == [operation for operation in operations.values() if operation.asked.final]


@given(st.lists(INVOKES, max_size=12))
def test_what_is_asked_twice_is_not_in_order(asked: list[Invoke]) -> None:
    """Such an operation keeps its place, and starts later, so that the order in which it was told shows nothing."""
    operations, _, _, in_order = sort_out(sorted(asked, key=lambda each: each.time))
    starts = [operation.start for operation in operations.values()]
    assert in_order == (len(operations) == len(asked))
    assert not in_order or starts == sorted(starts)

"""The trees of a replica are made bit by bit, and come out as if it had been at once."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core import replica as module
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.replica import OwnReplica
from ringcheck_reference.core.ring import ring_of
from ringcheck_reference.core.versions import Context, Dot, State, Version

RING = ring_of((Member("n1", 1),), 1, 4)
keys = st.integers(0, 9).map(lambda number: b"key %d" % number)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 4)),
        st.tuples(st.sampled_from(["write", "drop"]), keys),
        st.tuples(st.sampled_from(["commit", "refuse"]), st.just(0)),
    ),
    max_size=30,
)


class Rows(dict[bytes, bytes]):
    """A disk whose rows change while they are read: the reader goes on seeing those from the beginning."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[override]
        """As of the first that is taken."""
        yield from list(super().items())


def state(counter: int) -> State:
    """A state of one version, that of this counter."""
    dot = Dot(b"a", counter)
    return State.of([Version(dot, b"%d" % counter)], Context.of([dot]))


def roots(replica: OwnReplica) -> list[bytes]:
    """Of all partitions."""
    return [replica.root(partition) for partition in range(4)]


@settings(deadline=None)
@given(st.sets(keys), moves)
def test_writes_while_the_rows_are_read(held: set[bytes], steps: list[tuple[str, int | bytes]]) -> None:
    """Whatever is written, dropped or refused in between, the trees tell of what is durable in the end."""
    rows = Rows({key: encode_state(state(1)) for key in sorted(held)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_READ_AT_ONCE", 0)
        replica = OwnReplica(rows, RING)
    under_way: list[tuple[int, bytes, State]] = []

    def report(durable: bool) -> None:
        token, key, written = under_way.pop(0)
        if durable and written:
            rows[key] = encode_state(written)
        elif durable:
            rows.pop(key, None)
        replica.settle(token, key, durable=durable)

    for token, (move, argument) in enumerate(steps, start=2):
        if isinstance(argument, bytes):
            written = state(token) if move == "write" else State.EMPTY
            replica.stage(token, argument, written)
            under_way.append((token, argument, written))
        elif move == "read":
            replica.read(argument)
        elif under_way:
            report(move == "commit")
    while under_way:
        report(True)
    assert roots(replica) == roots(OwnReplica(dict(rows), RING))
    assert replica.is_read


def test_a_tree_that_somebody_asks_for_is_whole() -> None:
    """However little has been read by then."""
    rows = Rows({b"key %d" % number: encode_state(state(1)) for number in range(module._READ_AT_ONCE + 1)})
    replica = OwnReplica(rows, RING)
    assert not replica.is_read
    assert sum(len(replica.tree(partition)) for partition in range(4)) == len(rows)
    assert replica.is_read

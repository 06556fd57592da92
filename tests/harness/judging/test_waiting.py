"""Writes wait until something has happened since, and are taken once."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.judging.handmade import Handmade
from ringcheck.judging.run import Run
from ringcheck.judging.waiting import Waiting

TIMES = st.floats(10, 14)


@given(st.lists(st.tuples(st.floats(0.1, 3), st.booleans()), max_size=8), st.lists(st.tuples(TIMES, TIMES), max_size=4))
def test_each_is_taken_once_and_by_the_first_that_can(
    lengths: list[tuple[float, bool]], moments: list[tuple[float, float]]
) -> None:
    """Taken at a moment are those begun before it, ended before the other, and taken at no moment earlier."""
    tale = Handmade()
    for number, (takes, answered) in enumerate(lengths):
        tale.put(f"v{number}", takes=takes, end="OK" if answered else None)
    writes = list(Run.of(tale.history()).operations.values())
    waiting, left = Waiting(writes), list(writes)
    for happened, until in moments:
        expected = [write for write in left if write.start <= happened and write.stop <= until]
        assert waiting.ripe(happened, until) == expected
        assert waiting.take(happened, until) == expected
        left = [write for write in left if write not in expected]

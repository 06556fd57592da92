"""Which seeds are tried twice, and how a difference is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck.exploring.audit import Audit, Difference, difference
from ringcheck.exploring.packing import packed


@given(st.floats(0, 1), st.integers(0, 10**6), st.integers(1, 300))
def test_the_share_is_kept(share: float, first: int, seeds: int) -> None:
    """Of any number of seeds from the first on, so many are audited as the share says, rounded up."""
    audit = Audit(share, first)
    audited = sum(audit.wants(seed) for seed in range(first, first + seeds))
    assert seeds * share - 1e-6 <= audited < seeds * share + 1 + 1e-6


def test_the_first_seed_is_audited_unless_none_is() -> None:
    """The shortest exploration notices a core that draws numbers of its own."""
    assert Audit(0.001, 7).wants(7)
    assert not Audit(0.0, 7).wants(7)


@pytest.mark.parametrize(
    ("one", "other", "line"),
    [
        (b"a\nb\nc\n", b"a\nx\nc\n", 2),
        (b"a\nb\n", b"a\nb\nc\n", 3),
        (b"a\nb\n", b"", 1),
    ],
)
def test_the_first_line_that_differs_is_named(one: bytes, other: bytes, line: int) -> None:
    """So that a reader knows where to look, also when one of them is shorter."""
    found = difference(3, one, other)
    assert found is not None
    assert (found.seed, found.line) == (3, line)


def test_equal_histories_do_not_differ() -> None:
    """Both are compared once, and forgotten."""
    audit = Audit(1.0, 0)
    audit.keep(0, packed(b"a\n"))
    assert audit.waiting == 1
    assert audit.compare(0, packed(b"a\n")) is None
    assert (audit.waiting, audit.compared) == (0, 1)


def test_different_histories_are_told_as_they_are() -> None:
    """Unpacked, whichever waited."""
    audit = Audit(1.0, 0)
    audit.keep(0, packed(b"a\nb\n"))
    assert audit.compare(0, packed(b"a\nc\n")) == Difference(seed=0, line=2, one=b"a\nb\n", other=b"a\nc\n")

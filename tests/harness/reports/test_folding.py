"""Folding keeps every word, and no more than it must on a line."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.reports.folding import fold

texts = st.text(alphabet="ab-… \n", max_size=120)
widths = st.integers(1, 40)


@given(texts, widths)
def test_no_word_is_lost_or_broken(text: str, width: int) -> None:
    """Nor do they change places."""
    assert fold(text, width).split() == text.split()


@given(texts, widths)
def test_only_a_word_alone_is_wider(text: str, width: int) -> None:
    """Everything else has its place."""
    for line in fold(text, width).split("\n"):
        assert len(line) <= width or len(line.split()) <= 1


@given(texts)
def test_what_is_narrow_enough_stays_as_it_is(text: str) -> None:
    """Blanks at its beginning and empty lines included."""
    assert fold(text, len(text) + 1) == text


def test_what_goes_on_hangs() -> None:
    """By two columns from where its line began."""
    assert fold("one\n  two three four\nfive", 11) == "one\n  two three\n    four\nfive"

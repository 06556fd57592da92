"""Keys as text and as digits."""

import os

import pytest
from hypothesis import example
from hypothesis import given as forall
from hypothesis import strategies as st

from ringcheck.errors import UsageError
from ringcheck.operating.keys import given, shown


@forall(st.binary() | st.text().map(str.encode))
@example(b"0xab")
@example(b"0x")
@example("0x£".encode())
def test_what_is_shown_can_be_given(key: bytes) -> None:
    """Every key that is shown names itself."""
    assert given(shown(key)) == key


def test_text_is_shown_as_text_and_the_rest_in_digits() -> None:
    """Nothing that a terminal would act on is shown."""
    assert [shown(key) for key in (b"hello", "grüß".encode(), b"\x1b[31m", b"\xff", b"")] == [
        "hello",
        "grüß",
        "0x1b5b33316d",
        "0xff",
        "0x",
    ]


def test_an_argument_that_is_no_text_is_its_bytes() -> None:
    """As the shell was given them; Python has them as escapes."""
    assert given(os.fsdecode(b"k\xff")) == b"k\xff"


def test_digits_that_are_none_are_wrong_use() -> None:
    """One sentence, of what it is about."""
    with pytest.raises(UsageError, match=r"^The key '0xzz' begins with 0x, but hexadecimal digits do not follow; give"):
        given("0xzz")
    with pytest.raises(UsageError, match=r"^The value '0xabc' begins with 0x, but an odd number of hexadecimal digits"):
        given("0xabc", "value")

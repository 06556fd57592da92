"""The option `--only`, however it is given."""

import pytest

from ringcheck.commands.choosing import chosen


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        ([], ()),
        (["DUR-01"], ("DUR-01",)),
        (["DUR-01, SIB-02,"], ("DUR-01", "SIB-02")),
        (["DUR-01", "SIB-02,KV-01"], ("DUR-01", "SIB-02", "KV-01")),
        (["kv-01"], ("KV-01",)),
        ([""], ("",)),
        ([" , "], ("",)),
    ],
)
def test_ids_are_taken_from_all_that_was_given(texts: list[str], ids: tuple[str, ...]) -> None:
    """Several in one, one in several, blanks beside them; what names nothing is not everything."""
    assert chosen(texts) == ids

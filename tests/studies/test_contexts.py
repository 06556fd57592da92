"""What the page about causality says of tombstones and contexts, on a small scale."""

import re
from pathlib import Path

from .contexts import alone, growth, largest
from .tombstones import bring_back

LIFETIME_S = 4.0
PAGE = Path(__file__).parents[2] / "docs" / "causality.md"


def test_an_entry_for_each_restart_and_as_many_bytes_as_the_page_says() -> None:
    """18 bytes and the node id, and no sibling: `growth` reads one value each time."""
    (one, ten) = growth(1, (1, 10), 0.0)
    assert (one[1], ten[1]) == (1, 10)
    assert ten[2] - one[2] == 9 * (18 + len("n1"))
    assert re.search(r"\*\*18 bytes and the node id\*\*", PAGE.read_text())


def test_a_node_alone_pays_as_much() -> None:
    """However many nodes there are, an entry is an entry."""
    assert alone(1, 10) == growth_to(10)


def growth_to(restarts: int) -> tuple[int, int]:
    """(entries, bytes) on three nodes."""
    ((_, entries, size),) = growth(1, (restarts,), 0.0)
    return entries, size


def test_a_rest_cuts_the_context_down_to_its_version() -> None:
    """One entry is left of many."""
    most, after = largest(1, 40, 40)
    assert most > 20 * 40
    assert after < 50


def test_a_disk_within_the_lifetime_brings_nothing_back_and_an_older_one_does() -> None:
    """What is deleted stays so, or does not."""
    assert bring_back(1, LIFETIME_S, 0.9 * LIFETIME_S) == (False, ())
    assert bring_back(1, LIFETIME_S, 3 * LIFETIME_S) == (True, (b"deleted long ago",))


def test_the_page_has_its_tables() -> None:
    """Each was measured: there are rows."""
    page = PAGE.read_text()
    for name in ("ages", "growth", "rests"):
        assert re.search(rf"<!-- {name} -->\n\n\|.+?\n\n<!-- end -->", page, re.DOTALL), name

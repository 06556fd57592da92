"""Rows as a table where there is room, and as blocks where not: nothing is lost either way."""

import io

import pytest
from rich.console import Console

from ringcheck.reports.columns import print_rows

TITLES = ("node", "count", "what it says of itself")
ROWS = [["n1", "12", "a long sentence that may be folded where there is little room for it"], ["n2", "3", ""]]


def printed(width: int, rows: list[list[str]] = ROWS) -> list[str]:
    """The lines, without trailing blanks."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    print_rows(console, TITLES, rows)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_table_where_there_is_room() -> None:
    """Numbers stand below one another."""
    head, rule, *rows = printed(100)
    assert head == "node  count  what it says of itself"
    assert set(rule) == {"─"}
    assert rows == [f"n1       12  {ROWS[0][2]}", "n2        3"]


def test_the_last_column_folds() -> None:
    """As long as it stays readable."""
    rows = printed(45)[2:]
    assert len(rows) > 2
    assert " ".join("".join(row[13:] + " " for row in rows).split()) == ROWS[0][2]


@pytest.mark.parametrize("width", [12, 20, 30])
def test_blocks_where_there_is_none(width: int) -> None:
    """Every cell with its title, none that is empty, and no line too long."""
    lines = printed(width)
    told = "".join("".join(line.split()) for line in lines)
    assert told.startswith("noden1count:12whatitsaysofitself:along")
    assert told.endswith("noden2count:3")
    assert max(map(len, lines)) <= width


def test_what_a_node_says_moves_no_cursor() -> None:
    """Control characters come out as a mark."""
    assert "\x1b" not in "".join(printed(100, [["n1", "1", "\x1b[31m"]]))


def test_no_rows_are_a_head_alone() -> None:
    """Nothing to show is no mistake."""
    assert len(printed(100, [])) == 2

"""Rows that read well in any terminal: a table where there is room for one, else one block a row."""

import re
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ringcheck.reports.printable import printable

GAP = 2
LEAST = 24
"""Columns of text below which the last column is not worth folding."""

NUMBER = re.compile(r"[\d.]*( \(.*\))?")
"""A number, with what it also comes to in brackets; none at all is one too."""

STYLES = {
    "SERVING": "green", "equal": "green", "unreachable": "bold red", "NOT_SERVING": "yellow",
    "differ": "bold red", "unknown": "yellow", "other view": "yellow",
}  # fmt: skip


def print_rows(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows, each with a text for every title; the first names the row, the last may fold. Nothing is cut."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(cell_len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    fixed = sum(widths[:-1]) + GAP * len(widths)
    if fixed + min(widths[-1], LEAST) <= console.width:
        console.print(_table(titles, rows))
    else:
        _print_blocks(console, titles, rows)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, GAP - 1, 0, 0), show_edge=False)
    last = len(titles) - 1
    for index, title in enumerate(titles):
        numbers = all(NUMBER.fullmatch(row[index]) for row in rows)
        justify: JustifyMethod = "right" if numbers else "left"
        table.add_column(title, no_wrap=index < last, overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return table


def _print_blocks(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for row in rows:
        console.print(Text(f"{titles[0]} {row[0]}", "bold", overflow="fold"))
        for title, cell in zip(titles[1:], row[1:], strict=True):
            if cell:
                line = Text.assemble(f"{title}: ", (cell, STYLES.get(cell, "")), overflow="fold")
                console.print(Padding(line, (0, 0, 0, 2)))

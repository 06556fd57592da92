"""Tables in a page that is otherwise written by hand: each stands between two comments that name it."""

import re
from collections.abc import Mapping, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned, so that it reads as well in a terminal."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    padded.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(padded) + "\n"


def renew(page: str, tables: Mapping[str, str]) -> str:
    """The page with what is between `<!-- NAME -->` and `<!-- end -->` replaced; ValueError where a name is missing."""
    for name, text in tables.items():
        place = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        filled = "\\1\n" + text.replace("\\", r"\\") + "\n\\2"
        page, found = place.subn(filled, page)
        if found != 1:
            raise ValueError(
                f"the page has {found} places for the table {name}, between <!-- {name} --> and <!-- end -->"
            )
    return page

"""Text as wide as a terminal: prose is folded between words, what is to be copied stays whole."""

import textwrap

HANGING = "  "


def fold(text: str, width: int) -> str:
    """The text with each line folded to `width` columns; what goes on is a little further in than its beginning.

    A word that is longer stays as it is.
    """
    return "\n".join(folded for line in text.split("\n") for folded in _lines(line, width))


def _lines(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, width, subsequent_indent=indent + HANGING, break_long_words=False, break_on_hyphens=False
    )

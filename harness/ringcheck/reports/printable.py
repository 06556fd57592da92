"""Text from outside, such as a node's log, without what moves cursors, changes colours, or breaks XML."""

import re

# All that XML 1.0 cannot hold even escaped, which includes every control character that a terminal acts on.
UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def printable(text: str) -> str:
    """The text with `�` for each character that is neither printable nor white space."""
    return UNPRINTABLE.sub("�", text)

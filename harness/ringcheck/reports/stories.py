"""A breach told at length, with the commands that go on from there."""

import shlex
from pathlib import Path

from ringcheck.errors import HistoryError
from ringcheck.history_file import read_history
from ringcheck.judging import explain
from ringcheck.judging.verdict import Charge


def story(charge: Charge) -> str:
    """What `ringcheck.judging.explain` says of the breach, and the commands that show it again.

    A history that cannot be read any more leaves what the judge said when it could.
    """
    breach = charge.breach
    try:
        history = read_history(Path(charge.history), partial=True)
    except HistoryError as error:
        return f"{breach.requirement}\n  expected  {breach.expected}\n  actual    {breach.actual}\n  ({error})"
    return f"{explain(history, breach)}\n{commands(charge.history)}"


def commands(path: str) -> str:
    """The history's path, how to judge it again, and how to carry its schedule out again."""
    quoted = shlex.quote(path)
    return f"  judge it again         ringcheck check {quoted}\n  carry it out again     ringcheck replay {quoted}"

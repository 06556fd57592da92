"""A breach told at length, with the commands that go on from there."""

import shlex
from pathlib import Path

from ringcheck.errors import HistoryError
from ringcheck.history_file import read_history
from ringcheck.judging import explain
from ringcheck.judging.verdict import Breach, Charge


def story(charge: Charge) -> str:
    """What is told of the breach, and the commands that show it again, as long as there is a history to show it."""
    text = told(charge.history, charge.breach)
    return f"{text}\n{commands(charge.history)}" if Path(charge.history).exists() else text


def told(path: str, breach: Breach) -> str:
    """What `ringcheck.judging.explain` says of a breach in the history at `path`.

    A history that cannot be read any more leaves what the judge said when it could.
    """
    try:
        return explain(read_history(Path(path), partial=True), breach)
    except HistoryError as error:
        return f"{breach.requirement}\n  expected  {breach.expected}\n  actual    {breach.actual}\n  ({error})"


def commands(path: str) -> str:
    """The history's path, how to judge it again, and how to carry its schedule out again."""
    quoted = shlex.quote(path)
    return f"  judge it again         ringcheck check {quoted}\n  carry it out again     ringcheck replay {quoted}"

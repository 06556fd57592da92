"""The console on which all reports are printed."""

import contextlib
import io
import os
import re
import sys
from typing import IO, Any, BinaryIO, Final

from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 120
"""Columns where there is no terminal to ask."""
_BLANKS: Final = re.compile(r" +\n")


class ReportConsole(Console):
    """A console whose reader may go away (`ringcheck run | head`): then it falls silent, and the run goes on."""

    def on_broken_pipe(self) -> None:
        """Called by rich; its own way would be to exit with 1, which says that a MUST is broken."""
        self.quiet = True
        silence_output(self.file)


class PlainConsole(ReportConsole):
    """Where there is no terminal: tables fill cells with blanks, of which a file has no use at the end of a line."""

    def print(self, *objects: Any, **options: Any) -> None:
        """See rich."""
        with self.capture() as printed:
            super().print(*objects, **options)
        super().print(Text(_BLANKS.sub("\n", printed.get())), end="", soft_wrap=True)


def make_console(output: BinaryIO | None = None) -> Console:
    """Standard output, or another, as wide as the terminal; without one, plain and of a fixed width."""
    file = io.TextIOWrapper(output, sys.stdout.encoding, "replace", write_through=True) if output else None
    console = ReportConsole(file=file, highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        return console
    return PlainConsole(file=file, highlight=False, markup=False, emoji=False, width=PLAIN_WIDTH)


def silence_output(output: IO[str] | None = None) -> None:
    """Let what is still written to standard output, or another, go nowhere, and not even at the end fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (output or sys.stdout).fileno())
        os.close(nowhere)

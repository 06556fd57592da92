"""The console of reports: a reader that goes away does not change what a run ends with."""

import io
import subprocess
import sys

from rich.table import Table
from rich.text import Text

from ringcheck.reports.console import make_console

PROGRAM = """
import sys
from ringcheck.reports.console import make_console
console = make_console()
sys.stdin.readline()
for _ in range(3):
    console.print("x" * 100_000)
sys.stderr.write("went on")
sys.exit(7)
"""


def test_a_run_goes_on_when_its_reader_has_gone() -> None:
    """Its exit code stays its own, and nothing is said about the pipe."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.close()
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.close()
    assert child.stderr is not None
    said = child.stderr.read()
    child.stderr.close()
    assert child.wait() == 7
    assert said == b"went on"


def test_no_line_of_a_file_ends_with_blanks() -> None:
    """Neither in a table, nor where text was folded; blank lines, indents and long lines stay as they are."""
    table = Table("number", "name", box=None)
    table.add_row("1", "a name")
    table.add_row("234567890", "b")
    output = io.BytesIO()
    console = make_console(output)
    console.print(table)
    console.print()
    console.print(Text("  words " * 30))
    console.print(Text("long " * 40 + "end"), soft_wrap=True)
    console.print("no", end=" ")
    console.print("break", end="")
    lines = output.getvalue().decode().split("\n")
    assert [line for line in lines if line.endswith(" ")] == []
    assert lines[2].split() == ["234567890", "b"]
    assert lines[3] == ""
    assert lines[4].startswith("  words   words")
    assert lines[-2] == "long " * 40 + "end"
    assert lines[-1] == "no break"

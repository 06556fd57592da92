"""The console of reports: a reader that goes away does not change what a run ends with."""

import subprocess
import sys

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

"""No core ends the process that tries it, and everybody else may."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.harness.exploring import parts

from ringcheck.errors import UsageError
from ringcheck.exploring.trial import Trials
from ringcheck.simulation.captivity import EndedProcessError, captivity


def test_exiting_raises_while_it_lasts() -> None:
    """Afterwards os._exit is what it was."""
    real = os._exit
    with captivity(), pytest.raises(EndedProcessError, match=r"os\._exit\(3\)"):
        os._exit(3)
    assert os._exit is real


FORK = """
import os
from ringcheck.simulation.captivity import captivity
with captivity():
    child = os.fork()
    if not child:
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_ends_as_it_is_told() -> None:
    """It is no part of what is held. In a process of its own: this one may have threads."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "7\n"


def test_a_core_that_exits_as_it_is_imported_is_told(tmp_path: Path) -> None:
    """In one sentence, as with any other that cannot be imported."""
    path = tmp_path / "leaves.py"
    path.write_text("import os\nos._exit(0)\n")
    with pytest.raises(UsageError, match=r"cannot be imported.*os\._exit\(0\)"):
        Trials(str(path), parts.source)

"""The reference conforms, by the program and by plain pytest."""

import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Program


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_requirement_of_the_reference_is_kept(program: "Program", workers: str) -> None:
    """Exit 0, a table with the verdict, a history that can be judged again, and JUnit for a CI."""
    done = program("run", "--only", "KV-04", "--seed", "7", "-n", workers, "--junit", "junit.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert program.statuses() == {"KV-04": "pass"}
    assert "conforms: 1 pass · 1 schedule in" in done.stdout
    assert "seed 7" in done.stdout
    assert "\x1b" not in done.stdout
    assert ET.parse(program.folder / "junit.xml").getroot().attrib["failures"] == "0"
    (history,) = (program.results / "histories").iterdir()
    again = program("check", str(history))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "KV-04" in again.stdout


def test_plain_pytest_runs_the_properties(program: "Program") -> None:
    """The plugin alone is enough: options for the target, selection by requirement, workers by xdist."""
    # Without pytest's own folders for tmp_path, which it keeps: nothing may be left in the temporary folder.
    quiet = ("-p", "no:cacheprovider", "-p", "no:tmpdir")
    arguments = ["--pyargs", "ringcheck_properties", "--ringcheck-only=KV-04,KV-05", "-n", "2", *quiet]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=program.folder, env=program.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert len(list((program.folder / "ringcheck-results" / "latest" / "histories").iterdir())) == 2

"""Bugs about members are found by runs of whole cores, which find nothing in the reference."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = {"44": (53, 17), "H5": (0, 16), "41": (0, 8), "69": (40, 8), "H6": (0, 8)}
"""The first seed and how many: of drawn runs more than one that finds the bug, of scenarios some."""


def hunt(name: str, first: int, seeds: int, run: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own: a bug stays planted."""
    command = [sys.executable, "-m", "tests.mutants.upheaval", name, str(first), str(seeds), run]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize("name", SEEDS)
def test_a_run_finds_the_bug_and_nothing_in_the_reference(name: str) -> None:
    """The same seeds, with the bug and without."""
    first, seeds = SEEDS[name]
    found = hunt(name, first, seeds, name)
    assert found.returncode == 0, found.stderr
    assert "runs" in found.stdout
    honest = hunt("honest", first, min(seeds, 3), name)
    assert honest.returncode == 1, honest.stdout
    assert not honest.stdout

"""Whole runs of the program on real processes."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
MARK = "RINGCHECK_E2E"
TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here takes whole runs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@dataclass(frozen=True)
class Program:
    """The program `ringcheck` in a folder of its own, with its own temporary folder and a mark on its processes."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def temporary(self) -> Path:
        """Where it and its processes put what must not stay."""
        return self.folder / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with its temporary folder and its mark."""
        return {**os.environ, "TMPDIR": str(self.temporary), MARK: self.mark, "COLUMNS": "200"}

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        command = [sys.executable, "-m", "ringcheck", *arguments]
        environment = {**self.environment, **(env or {})}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it and leave it running."""
        command = [sys.executable, "-m", "ringcheck", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def outcome(self) -> dict[str, Any]:
        """What the last run says of itself."""
        summary: dict[str, Any] = msgspec.json.decode((self.results / "run.json").read_bytes())
        outcome: dict[str, Any] = summary["outcome"]
        return outcome

    def statuses(self) -> dict[str, str]:
        """The verdicts of the last run, by requirement."""
        return {verdict["requirement"]: verdict["status"] for verdict in self.outcome()["verdicts"]}

    @property
    def results(self) -> Path:
        """The folder of the last run's results."""
        return self.folder / "ringcheck-results" / "latest"

    def processes(self) -> list[str]:
        """The command lines of its processes that still run."""
        wanted = f"{MARK}={self.mark}".encode()
        return [line for pid in _pids() if (line := _command_if(pid, wanted))]


def _pids() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _command_if(process: Path, wanted: bytes) -> str:
    try:
        if wanted not in (process / "environ").read_bytes().split(b"\0"):
            return ""
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") or "(ending)"
    except OSError:
        return ""  # it ended while we looked, or is somebody else's


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The program; whatever a test does with it, nothing of it may be left at the end."""
    made = Program(tmp_path)
    made.temporary.mkdir()
    yield made
    assert made.processes() == []
    assert list(made.temporary.iterdir()) == []


Command = Callable[..., tuple[str, ...]]


@pytest.fixture
def foreign() -> Command:
    """The command of the foreign node, with switches."""
    return lambda *switches: ("--", sys.executable, str(ROOT / "tests/nodes/foreign.py"), *switches, "{config}")


@pytest.fixture
def mutant() -> Command:
    """The command of a mutant of the reference, by name."""
    return lambda name: ("--", sys.executable, str(ROOT / "tests/mutants/node.py"), name, "{config}")


@pytest.fixture
def listener() -> Command:
    """The command of the reference with a bug in how it listens to peers, by name."""
    return lambda name: ("--", sys.executable, str(ROOT / "tests/mutants/peering.py"), name, "{config}")


@pytest.fixture
def babbler() -> Command:
    """The command of the foreign node that lies to its peers."""
    return lambda: ("--", sys.executable, str(ROOT / "tests/nodes/babbler.py"), "{config}")

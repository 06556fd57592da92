"""What users get wrong: one sentence on stderr, no traceback, the right code, nothing started."""

import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ringcheck.history import FORMAT

if TYPE_CHECKING:
    from tests.e2e.conftest import Program


def assert_one_sentence(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    """It ended with this code and one line that holds these words."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith("ringcheck: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def history(program: "Program") -> Path:
    """The history of a short run of the reference."""
    done = program("run", "--only", "KV-01", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    path: Path = next((program.results / "histories").iterdir())
    return path


def test_a_history_that_is_cut_off(program: "Program", history: Path) -> None:
    """A file without its end is refused, since what is missing might matter."""
    cut = program.folder / "cut.jsonl"
    cut.write_bytes(history.read_bytes()[:-40])
    assert_one_sentence(program("check", str(cut)), 2, "cut.jsonl", "cut off")


def test_a_history_of_a_newer_format(program: "Program", history: Path) -> None:
    """A file that a later version wrote is refused, with the advice to update."""
    header, rest = history.read_text().split("\n", 1)
    newer = program.folder / "newer.jsonl"
    newer.write_text(header.replace(f'"format":{FORMAT}', '"format":99', 1) + "\n" + rest)
    assert_one_sentence(program("check", str(newer)), 2, "newer.jsonl", "99")
    assert_one_sentence(program("replay", str(newer)), 2, "newer.jsonl", "99")


def test_a_history_that_is_not_there(program: "Program") -> None:
    """A path that leads nowhere is wrong use."""
    assert_one_sentence(program("check", "nowhere.jsonl"), 2, "nowhere.jsonl")


def test_a_node_whose_address_is_taken(program: "Program") -> None:
    """The address is named, and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = program("node", "--listen", address)
    assert_one_sentence(done, done.returncode, address)
    assert done.returncode in {2, 4}

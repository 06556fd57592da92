"""Cores are found by a name, and what is none is refused in one sentence."""

from pathlib import Path

import pytest

from ringcheck.errors import UsageError
from ringcheck.simulation.loading import REFERENCE, load, load_kit

KIT = """
disk = "transactions"
def describe(config): ...
def start(*arguments, **named): ...
class inner:
    disk = "tape"
    describe = start = None
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with something like a kit in it."""
    path = tmp_path / "mine.py"
    path.write_text(KIT)
    return path


def test_the_reference_is_a_kit() -> None:
    """By the name of its module."""
    assert load_kit(REFERENCE).disk == "transactions"


def test_a_file_and_a_name_in_it_are_found(file: Path) -> None:
    """The same file is loaded once."""
    assert load(f"{file}") is load(f"{file}")
    assert load(f"{file}:inner").disk == "tape"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_module", "no_such_module cannot be imported"),
        ("not a name", "'not a name' is no name of a module"),
        ("/no/such/file.py", "There is no file /no/such/file.py"),
        ("json:nothing", "json has no nothing"),
        ("json", "json is no core that can be simulated: it lacks describe, start, disk"),
        ("{file}:inner", "has disk = 'tape'; it must be"),
    ],
)
def test_what_is_none_is_told(file: Path, name: str, sentence: str) -> None:
    """What was named, what is missing, what to do."""
    with pytest.raises(UsageError, match=sentence):
        load_kit(name.format(file=file))


def test_a_file_that_lies_here_is_pointed_out(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python -m` would have found it."""
    monkeypatch.chdir(file.parent)
    with pytest.raises(UsageError, match=r"There is no module mine; for the file that lies here, write mine\.py\."):
        load("mine")


def test_a_file_that_fails_says_why(tmp_path: Path) -> None:
    """And may be mended and loaded then."""
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        load(str(path))
    path.write_text("fine = 1")
    assert load(f"{path}:fine") == 1

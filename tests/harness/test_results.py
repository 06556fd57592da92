"""The folder of a run's results."""

from pathlib import Path

import pytest

from ringcheck.errors import UsageError
from ringcheck.results import Results


def test_each_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Two runs with one seed in one second do not share a folder, and `latest` is the second."""
    one, two = Results.create(tmp_path, 7), Results.create(tmp_path, 7)
    assert one.folder != two.folder
    assert one.histories.is_dir()
    assert two.events.is_dir()
    assert (tmp_path / "latest").resolve() == two.folder.resolve()


def test_missing_parents_are_made(tmp_path: Path) -> None:
    """A results folder may lie deeper than what exists."""
    assert Results.create(tmp_path / "a" / "b", 1).folder.parent == tmp_path / "a" / "b"


def test_something_of_the_users_called_latest_stays(tmp_path: Path) -> None:
    """A folder that is no link of ours is not replaced."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "kept").touch()
    Results.create(tmp_path, 1)
    assert (tmp_path / "latest" / "kept").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file in the way is wrong use, told without a traceback."""
    (tmp_path / "taken").touch()
    with pytest.raises(UsageError, match=r"The results folder .*taken/below cannot be written \(.*\); name another"):
        Results.create(tmp_path / "taken" / "below", 1)

"""Where an exploration is kept, and which one is resumed."""

import os
from pathlib import Path

import msgspec
import pytest

from ringcheck.errors import UsageError
from ringcheck.exploring.folder import Folder, State, examples_of, newest
from ringcheck.exploring.seeds import Position
from ringcheck.exploring.tally import Tally
from ringcheck.exploring.trial import SOURCE
from ringcheck.version import __version__


def state(core: str = "core", source: str = SOURCE, version: str = __version__, seeds: int = 5) -> State:
    """An exploration that has come to seed 5."""
    position = Position(first=0, following=5, missing=(3,))
    return State(ringcheck=version, core=core, source=source, position=position, tally=Tally(seeds=seeds))


def leave(out: Path, left: State, age: int = 0) -> Folder:
    """Leave an exploration's state behind, so many seconds ago."""
    folder = Folder.create(out, left.core, left.source)
    folder.write_state(left)
    path = folder.root / "state.json"
    os.utime(path, (10**9 - age, 10**9 - age))
    return folder


def test_the_newest_of_the_same_core_and_source_is_resumed(tmp_path: Path) -> None:
    """Neither an older one, nor one of another core or source."""
    leave(tmp_path, state(seeds=1), age=20)
    wanted = leave(tmp_path, state(seeds=2), age=10)
    leave(tmp_path, state(core="another"), age=5)
    leave(tmp_path, state(source="elsewhere"), age=5)
    folder, found = newest(tmp_path, "core", SOURCE)
    assert folder.root == wanted.root
    assert found == state(seeds=2)


def test_none_to_resume_is_told_with_what_there_is(tmp_path: Path) -> None:
    """A mistyped core is noticed."""
    with pytest.raises(UsageError, match=r"no exploration of core in .*, nor of any other"):
        newest(tmp_path, "core", SOURCE)
    leave(tmp_path, state(core="another"))
    with pytest.raises(UsageError, match="only of another"):
        newest(tmp_path, "core", SOURCE)


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    """Its seeds were other schedules; it need not even be readable."""
    folder = leave(tmp_path, state(version="0.0.1"))
    raw = msgspec.json.decode((folder.root / "state.json").read_bytes())
    (folder.root / "state.json").write_bytes(msgspec.json.encode({**raw, "position": "of old"}))
    with pytest.raises(UsageError, match=r"made by ringcheck 0\.0\.1"):
        newest(tmp_path, "core", SOURCE)


def test_a_file_that_is_no_state_is_named(tmp_path: Path) -> None:
    """Something else of that name."""
    folder = leave(tmp_path, state())
    (folder.root / "state.json").write_text("{}")
    with pytest.raises(UsageError, match=r"state\.json is no state"):
        newest(tmp_path, "core", SOURCE)


def test_a_state_is_replaced_whole(tmp_path: Path) -> None:
    """Nothing is left beside it."""
    folder = leave(tmp_path, state())
    folder.write_state(state(seeds=9))
    assert newest(tmp_path, "core", SOURCE)[1].tally.seeds == 9
    assert sorted(path.name for path in folder.root.iterdir()) == ["histories", "state.json"]


def test_each_core_and_source_has_examples_of_its_own(tmp_path: Path) -> None:
    """Names that look alike as folders are kept apart."""
    names = [
        ("core", SOURCE),
        ("core", "elsewhere"),
        ("a/core.py", SOURCE),
        ("a-core.py", SOURCE),
        ("a:core.py", SOURCE),
    ]
    assert len({examples_of(tmp_path, core, source) for core, source in names}) == len(names)
    assert examples_of(tmp_path, "core", SOURCE) == tmp_path / "examples" / "core"

"""Where an exploration is kept, and which one is resumed."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ringcheck.errors import UsageError
from ringcheck.exploring.folder import Folder, State, examples_of, newest
from ringcheck.exploring.seeds import Position
from ringcheck.exploring.tally import Group, Tally
from ringcheck.exploring.trial import SOURCE, Alarm
from ringcheck.exploring.versions import current
from ringcheck.judging.verdict import Breach


def state(core: str = "core", source: str = SOURCE, seeds: int = 5, changed: dict[str, str] | None = None) -> State:
    """An exploration that has tried so many seeds, by the versions that there are but for what has `changed`."""
    position = Position(first=0, following=seeds + 1, missing=(0,))
    versions = {**current(), **(changed or {})}
    return State(versions=versions, core=core, source=source, position=position, tally=Tally(seeds=seeds))


def leave(out: Path, left: State, age: int = 0) -> Folder:
    """Leave an exploration's state behind, so many seconds ago."""
    folder = Folder.create(out, left.core, left.source)
    folder.write_state(left)
    path = folder.root / "state.json"
    os.utime(path, (10**9 - age, 10**9 - age))
    return folder


def read(folder: Folder) -> dict[str, Any]:
    """The state as it is written."""
    state: dict[str, Any] = msgspec.json.decode((folder.root / "state.json").read_bytes())
    return state


def spoil(folder: Folder, changes: dict[str, object]) -> None:
    """Write other things into the state."""
    (folder.root / "state.json").write_bytes(msgspec.json.encode({**read(folder), **changes}))


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


@pytest.mark.parametrize("part", current())
def test_a_state_of_another_version_is_refused(tmp_path: Path, part: str) -> None:
    """Its seeds were other schedules; it need not even be readable."""
    spoil(leave(tmp_path, state(changed={part: "0.0.1"})), {"position": "of old"})
    with pytest.raises(UsageError, match=rf"made by {part} 0\.0\.1, .* those of {part} {re.escape(current()[part])};"):
        newest(tmp_path, "core", SOURCE)


def test_a_state_that_says_no_version_is_refused(tmp_path: Path) -> None:
    """Nobody knows what its seeds were."""
    spoil(leave(tmp_path, state()), {"versions": {}})
    with pytest.raises(UsageError, match="made by ringcheck unknown and Hypothesis unknown and Python unknown"):
        newest(tmp_path, "core", SOURCE)


group = Group(alarm=Alarm(requirement="DUR-01", cause="gone"), count=1, seeds=[2])
breach = Breach(requirement="ODD-01", expected="this", actual="that")


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("position", {"following": -5}, "from seed 0 to -5"),
        ("position", {"first": -5}, "from seed -5"),
        ("position", {"first": 3, "following": 2, "missing": ()}, "from seed 3 to 2"),
        ("position", {"missing": (9,)}, "seed 9 is missing"),
        ("position", {"missing": (1, 1)}, "missing twice"),
        ("tally", {"seeds": 6}, "6 seeds were tried of 5"),
        ("tally", {"seeds": -1}, "counted -1 times"),
        ("tally", {"simulated_s": -0.5}, "counted -0.5 times"),
        ("tally", {"held": {"KV-01": -1}}, "counted -1 times"),
        ("tally", {"held": {"KV-99": 1}}, "no requirement 'KV-99'"),
        ("tally", {"broken": {"odd": 1}}, "no requirement 'odd'"),
        ("tally", {"failing": 6}, "more seeds failed"),
        ("tally", {"groups": {group.key: group}}, "more seeds failed"),
        ("tally", {"failing": 1, "groups": {"odd": group}}, "'odd' goes by another name"),
        ("tally", {"failing": 1, "groups": {"ODD-01: gone": Group(alarm=Alarm(requirement="ODD-01", cause="gone"))}},
         "no requirement 'ODD-01'"),
        ("tally", {"failing": 1, "groups": {group.key: Group(alarm=replace(group.alarm, breach=breach))}},
         "no requirement 'ODD-01'"),
    ],
)  # fmt: skip
def test_a_state_that_makes_no_sense_is_refused(
    tmp_path: Path, part: str, changes: dict[str, object], words: str
) -> None:
    """In one sentence, which says what cannot be."""
    folder = leave(tmp_path, state())
    spoil(folder, {part: {**read(folder)[part], **msgspec.to_builtins(changes)}})
    with pytest.raises(UsageError, match=rf"state\.json is no state of an exploration \(.*{words}"):
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

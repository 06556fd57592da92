import sys
from pathlib import Path

import pytest

from ringcheck.errors import TargetError, UsageError
from ringcheck.target import Target


def test_default_is_the_reference(tmp_path: Path) -> None:
    """Without a command the reference node is the target, started by this very Python."""
    target = Target.from_command(None, tmp_path)
    assert target.command[0] == sys.executable
    assert target.argv(tmp_path / "n1.json")[-2:] == ("ringcheck_reference", str(tmp_path / "n1.json"))


@pytest.mark.parametrize("command", [["node"], ["node", "{config}", "--again={config}"], ["node", "{config}{config}"]])
def test_config_stands_in_a_template_exactly_once(command: list[str]) -> None:
    """A template without {config}, or with two, is wrong use, and the sentence shows what is right."""
    with pytest.raises(UsageError, match=r"must hold it once.*mynode --config \{config\}") as caught:
        Target.from_command(command)
    assert caught.value.exit_code == 2


def test_config_may_be_part_of_an_argument(tmp_path: Path) -> None:
    """{config} is replaced wherever it stands in an argument."""
    target = Target.from_command(["node", "--config={config}"], tmp_path)
    assert target.argv(tmp_path / "c")[1] == f"--config={tmp_path / 'c'}"


def test_files_named_relatively_are_found_from_elsewhere(tmp_path: Path) -> None:
    """Relative paths of files become absolute, and folders and plain words stay as the user wrote them."""
    (tmp_path / "nodes" / "package").mkdir(parents=True)
    (tmp_path / "nodes" / "node.py").write_text("")
    target = Target.from_command(["python", "nodes/node.py", "nodes/package", "word", "{config}"], tmp_path)
    assert target.command == ("python", str(tmp_path / "nodes" / "node.py"), "nodes/package", "word", "{config}")
    assert target.folder == tmp_path


def test_program_with_a_slash_is_a_path_of_the_user_folder(tmp_path: Path) -> None:
    """A program is looked up as a shell does it: by path if there is a slash in it, else on PATH."""
    program = tmp_path / "mystore"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    Target.from_command(["./mystore", "{config}"], tmp_path).check()
    with pytest.raises(TargetError, match="'mystore' was not found"):
        Target.from_command(["mystore", "{config}"], tmp_path).check()


def test_command_that_is_no_program_is_told_before_anything_starts(tmp_path: Path) -> None:
    """A file that cannot be executed is not found either, and that breaks the target: exit code 4."""
    (tmp_path / "mystore").write_text("")
    with pytest.raises(TargetError, match="name a program on PATH") as caught:
        Target.from_command(["./mystore", "{config}"], tmp_path).check()
    assert caught.value.exit_code == 4


def test_history_of_the_reference_replays_with_the_reference_of_this_machine(tmp_path: Path) -> None:
    """Where Python lies on the machine of the history plays no part."""
    elsewhere = ("/opt/other/python", *Target.from_command(None, tmp_path).command[1:])
    assert Target.from_history(elsewhere, tmp_path).command[0] == sys.executable
    assert Target.from_history(["other", "{config}"], tmp_path).command == ("other", "{config}")

"""What is tested: a command that starts one node of somebody's implementation."""

import contextlib
import math
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from ringcheck.errors import TargetError, UsageError

PLACEHOLDER = "{config}"
REFERENCE = ("-P", "-m", "ringcheck_reference", PLACEHOLDER)
"""How Python starts the reference node, which is known by this name alone.

-P keeps a json.py in the user's folder from standing in for the library's.
"""


START_DEADLINE_VARIABLE = "RINGCHECK_START_DEADLINE_S"
START_DEADLINE_S = 20.0
"""How long a node may take to become healthy, unless the environment variable says otherwise."""


def start_deadline_s() -> float:
    """Seconds that a node may take from its start to SERVING. Raises UsageError for what is no such number."""
    given = os.environ.get(START_DEADLINE_VARIABLE, "")
    if not given:
        return START_DEADLINE_S
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(given)) < math.inf:
            return seconds
    raise UsageError(f"{START_DEADLINE_VARIABLE} is {given!r}; give a number of seconds above 0, or leave it out.")


class Target(msgspec.Struct, frozen=True):
    """A command template; `{config}` in it stands for the path of a node's NodeConfig file.

    `folder` is where the command was given. Nodes are started in it, so relative paths mean what the user meant.
    """

    command: tuple[str, ...]
    folder: Path

    @classmethod
    def from_command(cls, command: Sequence[str] | None = None, folder: Path | None = None) -> Self:
        """The target that a user names; the reference when there is no command.

        Arguments that are relative paths of files are made absolute, so that a history can be replayed elsewhere.
        Raises UsageError unless `{config}` stands in the command exactly once.
        """
        folder = (folder or Path.cwd()).absolute()
        if not command:
            return cls.reference(folder)
        if (count := sum(argument.count(PLACEHOLDER) for argument in command)) != 1:
            raise UsageError(
                f"The command {shlex.join(command)!r} holds {PLACEHOLDER} {count} times; it must hold it once, "
                f"where a node expects its configuration file, as in: mynode --config {PLACEHOLDER}"
            )
        program, *arguments = command
        return cls((_program(program, folder), *(_argument(each, folder) for each in arguments)), folder)

    @classmethod
    def reference(cls, folder: Path) -> Self:
        """The reference of this installation, started in `folder`."""
        return cls((sys.executable, *REFERENCE), folder)

    @classmethod
    def from_history(cls, command: Sequence[str], folder: Path | None = None) -> Self:
        """The target of an earlier run; its reference is the reference of this installation."""
        return cls.from_command(None if tuple(command[1:]) == REFERENCE else command, folder)

    def check(self) -> None:
        """Raise TargetError if the command cannot be found; nothing is started."""
        if shutil.which(self.command[0]) is None:
            raise TargetError(
                f"The target's command {self.command[0]!r} was not found or cannot be executed; "
                "name a program on PATH or the path of an executable file."
            )

    def argv(self, config: Path) -> tuple[str, ...]:
        """The command that starts the node whose configuration is in this file."""
        return tuple(argument.replace(PLACEHOLDER, str(config)) for argument in self.command)


def _program(name: str, folder: Path) -> str:
    """As a shell has it: a name with a slash is a path, any other is looked up on PATH."""
    return os.path.normpath(folder / name) if os.sep in name else name


def _argument(argument: str, folder: Path) -> str:
    # Folders stay as they are: `python -m package` may be run beside a folder of that name.
    return os.path.normpath(folder / argument) if (folder / argument).is_file() else argument

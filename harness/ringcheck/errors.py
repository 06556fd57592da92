"""What can go wrong that is nobody's bug of ours: one sentence for the user, and the exit code that goes with it.

    RingcheckError
    ├── UsageError         2  the user asked for something that cannot be
    ├── HistoryError       2  a history file cannot be read
    ├── TargetError        4  the target cannot be started, or is no node of the contract
    └── MachineError       4  this machine cannot carry the run (ports, disk, the Toxiproxy server)

A message says what was seen, what was expected and what to do.
"""

import errno
from typing import ClassVar

NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})
NO_FILES_SAID = "No more files can be opened; raise the limit with `ulimit -n`, and try again."


class RingcheckError(Exception):
    """A run cannot go on; the message is one clear sentence for the user."""

    exit_code: ClassVar[int] = 4


class UsageError(RingcheckError):
    """The user asked for something that cannot be."""

    exit_code = 2


class HistoryError(RingcheckError):
    """A history file is missing, cut off, newer than this version, or none at all."""

    exit_code = 2


class TargetError(RingcheckError):
    """The target cannot be started, or what it says of itself breaks the contract."""

    exit_code = 4


class MachineError(RingcheckError):
    """This machine cannot carry the run: its ports, its disk, or the Toxiproxy server."""

    exit_code = 4

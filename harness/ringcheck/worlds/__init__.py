"""Worlds carry schedules out and say what happened."""

from pathlib import Path
from typing import Protocol

from ringcheck.history import History
from ringcheck.schedule import Schedule

__all__ = ["World"]


class World(Protocol):
    """Somewhere a schedule can be carried out: on live processes, or in simulation."""

    def carry_out(self, schedule: Schedule, path: Path) -> History:
        """Carry the schedule out, write its history to the file `path` as it happens, and return it.

        When the target or the machine fails in mid-run, the history ends with Broke. Raises RingcheckError when it
        could not even begin.
        """

    def close(self) -> None:
        """Leave nothing behind. Closing twice does nothing."""

"""After a start: reading the rest of the replica, piece by piece, beside what clients and peers ask."""

from typing import Final

from .conversation import Conversation
from .desk import Desk

ROWS_A_PIECE: Final = 1000
"""Some milliseconds of work,"""
_PAUSE_S: Final = 0.005
"""and as much time for others."""


class Recovery(Conversation):
    """Makes the trees of all that the disk holds. Until they are whole, nobody is told of one."""

    lasts = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._to_hash: list[int] | None = None

    def start(self) -> None:
        """Begin, unless all has been read already."""
        if self._desk.replica.is_read:
            self.close()
        else:
            self._desk.wake(self, self._desk.now)

    def on_time(self) -> None:
        """One piece."""
        replica = self._desk.replica
        if not replica.is_read:
            replica.read(ROWS_A_PIECE)
        elif self._to_hash is None:
            self._to_hash = replica.partitions()
        elif self._to_hash:
            replica.refresh(self._to_hash.pop())
        else:
            self.close()
            return
        self._desk.wake(self, self._desk.now + _PAUSE_S)

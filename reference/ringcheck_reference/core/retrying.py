"""Trying again what has failed: soon at first, then ever later, until the next round comes sooner."""

from collections.abc import Callable
from typing import Final

from .conversation import Conversation
from .desk import Desk

_FIRST_S: Final = 0.1


class Retrying(Conversation):
    """Calls `again` after a failure, each time twice as long after it. What succeeds, or is new, begins anew."""

    lasts = True

    def __init__(self, desk: Desk, again: Callable[[], None]) -> None:
        self._desk = desk
        self._again = again
        self._pause = _FIRST_S
        self._is_due = False

    def failed(self) -> None:
        """Nobody but time can help: another node may be about to hear what this one has heard already."""
        if not self._is_due and self._pause < self._desk.config.handoff_interval:
            self._is_due = True
            self._desk.wake(self, self._desk.now + self._pause)
            self._pause *= 2

    def renew(self) -> None:
        """There is news, so that the next failure is another one."""
        self._pause = _FIRST_S

    def on_time(self) -> None:
        """Once more."""
        self._is_due = False
        self._again()

"""Writes a history as it happens, and keeps it to return it."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ringcheck.errors import MachineError, UsageError
from ringcheck.history import Event, Footer, Header, History
from ringcheck.history_file import HistoryWriter


class Chronicle:
    """The run's clock and its history. Time 0 is when this was made.

    `clock` gives seconds and never goes back. Without a `path` the history is kept in memory alone.
    """

    def __init__(
        self,
        path: Path | None,
        header: Header,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._origin = clock()
        self._header = header
        self._events: list[Event] = []
        self._on_event = on_event
        self._writer: HistoryWriter | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = HistoryWriter(path, header)
        except OSError as error:
            raise UsageError(
                f"The history {path} cannot be written: {error.strerror}. Choose a folder that you may write to."
            ) from None

    def now(self) -> float:
        """Seconds since the run began."""
        return self.at(self._clock())

    def at(self, monotonic: float) -> float:
        """A reading of the clock as seconds since the run began."""
        return monotonic - self._origin

    def write(self, event: Event) -> None:
        """Something happened."""
        if self._writer:
            try:
                self._writer.write(event)
            except OSError as error:
                raise MachineError(f"The history cannot be written on: {error.strerror}; make room.") from None
        self._events.append(event)
        if self._on_event:
            self._on_event(event)

    def close(self, draws: int = 0) -> History:
        """Write the footer and return the whole; without it the file says of itself that it was cut off.

        `draws`: the random numbers that the world drew, where that is known.
        """
        footer = Footer(time=self.now(), events=len(self._events), draws=draws)
        if self._writer:
            self._writer.close(footer.time, draws)
        return History(header=self._header, events=tuple(self._events), footer=footer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer:
            self._writer.__exit__(kind, error, trace)

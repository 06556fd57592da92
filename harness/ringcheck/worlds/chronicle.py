"""Writes a history as it happens, and keeps it to return it."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ringcheck.errors import UsageError
from ringcheck.history import Event, Footer, Header, History
from ringcheck.history_file import HistoryWriter


class Chronicle:
    """The run's clock and its history. Time 0 is when this was made."""

    def __init__(self, path: Path, header: Header, on_event: Callable[[Event], None] | None = None) -> None:
        self._origin = time.monotonic()
        self._header = header
        self._events: list[Event] = []
        self._on_event = on_event
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = HistoryWriter(path, header)
        except OSError as error:
            raise UsageError(
                f"The history {path} cannot be written: {error.strerror}. Choose a folder that you may write to."
            ) from None

    def now(self) -> float:
        """Seconds since the run began."""
        return self.at(time.monotonic())

    def at(self, monotonic: float) -> float:
        """A reading of time.monotonic as seconds since the run began."""
        return monotonic - self._origin

    def write(self, event: Event) -> None:
        """Something happened."""
        self._writer.write(event)
        self._events.append(event)
        if self._on_event:
            self._on_event(event)

    def close(self) -> History:
        """Write the footer and return the whole; without it the file says of itself that it was cut off."""
        ended = self.now()
        self._writer.close(ended)
        footer = Footer(time=ended, events=len(self._events))
        return History(header=self._header, events=tuple(self._events), footer=footer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

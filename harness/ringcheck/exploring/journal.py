"""What an exploration leaves behind, as it happens: its log, its histories, and how far it has come."""

import time
from collections.abc import Callable, Sequence
from typing import Self

import msgspec

from ringcheck.exploring.audit import Difference
from ringcheck.exploring.folder import Folder, State, replace
from ringcheck.exploring.news import Differed, News, Outcome, Progress, ShrinkProgress

STATE_EVERY_S = 1.0

Listener = Callable[[News], None]


class Journal:
    """Writes into one folder, and passes news on to `listeners`. A context manager."""

    def __init__(self, folder: Folder, listeners: Sequence[Listener]) -> None:
        self._folder = folder
        self._listeners = listeners
        self._log = folder.log.open("ab", buffering=0)
        self._state_written = 0.0

    def say(self, news: News) -> None:
        """Log news, unless they come many times a second, and pass them on."""
        match news:
            case Progress() | ShrinkProgress():
                pass
            case Outcome():
                replace(self._folder.summary, msgspec.json.format(msgspec.json.encode(news)) + b"\n")
                self._append(news)
            case _:
                self._append(news)
        for listener in self._listeners:
            listener(news)

    def keep(self, name: str, history: bytes) -> str:
        """Write a history; returns the path of its file."""
        path = self._folder.histories / f"{name}.jsonl"
        replace(path, history)
        return str(path)

    def keep_both(self, difference: Difference) -> Differed:
        """Write both histories of a seed that has two, and say so."""
        name = f"seed-{difference.seed}"
        paths = self.keep(f"{name}-once", difference.one), self.keep(f"{name}-again", difference.other)
        differed = Differed(seed=difference.seed, line=difference.line, histories=paths)
        self.say(differed)
        return differed

    def state(self, state: Callable[[], State], *, at_once: bool = True) -> None:
        """Write how far it has come; unless `at_once`, only when that has not been done for a while."""
        if at_once or time.monotonic() - self._state_written >= STATE_EVERY_S:
            self._folder.write_state(state())
            self._state_written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def _append(self, news: News) -> None:
        self._log.write(msgspec.json.encode(news) + b"\n")

"""What stands in the way of one direction of one connection: stages in a row, with a socket at their end."""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import ClassVar, Protocol

from ringcheck_chaos.embedded.errors import bad_body

Attributes = dict[str, int]


class Receiver(Protocol):
    """Takes the bytes of a stream, and then its end."""

    def receive(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def end(self) -> None:
        """No more bytes will come. Called again, it does nothing."""


class Stage:
    """One toxic at work on one stream of one connection; this one, `noop`, does nothing.

    `attributes` are the toxic's own dict, seen as they are at any moment. A stage hands on to `next`.
    """

    NAMES: ClassVar[tuple[str, ...]] = ()
    """The attributes that the toxic has, in the order in which they are shown."""

    LIMIT: ClassVar[int] = 64 * 1024
    """How many bytes it holds before the source is no longer read."""

    @staticmethod
    def check(attributes: Attributes) -> None:
        """Raise ApiError (400) for attributes that cannot be carried out."""

    def __init__(
        self, attributes: Attributes, random: Random, following: Receiver, relieved: Callable[[], None]
    ) -> None:
        self.attributes = attributes
        self.random = random
        self.next = following
        self.relieved = relieved
        """To be called when time, and not a new chunk, has changed `held`."""
        self.held = 0
        """Bytes that wait here."""

    def start(self) -> None:
        """The stage has its place in the row."""

    def receive(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.next.receive(chunk)

    def end(self) -> None:
        """Take the end of the stream."""
        self.next.end()

    def changed(self) -> None:
        """The attributes are others now."""

    def leave(self) -> None:
        """Hand on at once what is held: this stage is taken out of the row."""

    def removed(self) -> None:
        """The toxic was removed. What some do more than leave, they do here."""
        self.leave()

    def dropped(self) -> None:
        """The connection is gone: forget what is held, stop all timers."""


class HoldingStage(Stage):
    """A stage in which chunks wait in a line; subclasses say how long the first one still has to."""

    def __init__(
        self, attributes: Attributes, random: Random, following: Receiver, relieved: Callable[[], None]
    ) -> None:
        super().__init__(attributes, random, following, relieved)
        self._line: deque[tuple[bytes | None, float]] = deque()
        """Chunks, None for the end, each with a time of the loop's clock that the subclass chose."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def receive(self, chunk: bytes) -> None:
        """Put the chunk at the end of the line."""
        self.held += len(chunk)
        self._line.append((chunk, self.due()))
        self._advance()

    def end(self) -> None:
        """The end waits for what is before it; with nothing before it, it passes."""
        if self._line:
            self._line.append((None, 0.0))
        else:
            self.next.end()

    def due(self) -> float:
        """A time to remember with a chunk that arrives now."""
        return 0.0

    def wait_s(self) -> float | None:
        """How long the first chunk of the line has to wait from now; None for ever."""
        raise NotImplementedError

    def changed(self) -> None:
        """Ask anew how long the first one has to wait."""
        self._stop()
        self._advance()

    def leave(self) -> None:
        """Hand the whole line on."""
        self._stop()
        while self._line:
            self._hand_on()

    def dropped(self) -> None:
        """Forget the line."""
        self._stop()
        self._line.clear()
        self.held = 0

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _advance(self) -> None:
        if self._timer:
            return
        while self._line:
            wait = 0.0 if self._line[0][0] is None else self.wait_s()
            if wait is None:
                return
            if wait > 0:
                self._timer = self._loop.call_later(wait, self._on_time)
                return
            self._hand_on()

    def _on_time(self) -> None:
        self._timer = None
        self._advance()
        self.relieved()

    def _hand_on(self) -> None:
        chunk, _ = self._line.popleft()
        if chunk is None:
            self.next.end()
        else:
            self.held -= len(chunk)
            self.next.receive(chunk)


def at_least(attributes: Attributes, name: str, least: int) -> None:
    """Raise ApiError (400) if an attribute is too small."""
    if attributes[name] < least:
        raise bad_body(f"{name} must be at least {least}, not {attributes[name]}")

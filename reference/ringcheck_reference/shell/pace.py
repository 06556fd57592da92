"""When the streams of a node write: at once, or, while much is under way, all together at the next beat.

A gRPC message costs ten times what an envelope in it does, and to wake a peer costs as much again. While many requests
are under way at a node, more is sure to come: what is to be sent waits for the next beat, as TCP waits by Nagle's
algorithm, and then goes on all streams together, so that few and full messages reach the peers, and their answers and
commits gather too. While few are, nothing waits.
"""

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

MANY: Final = 6
"""From so many requests on, asked and to be answered on all streams of the node, it keeps to the beat: with N=3 a
coordinator asks two for each write. A node that answers quickly has few under way, however much it is asked."""
BEAT_S: Final = 0.006
"""No sooner than so long after one beat comes the next."""


class Paced(Protocol):
    """A stream that asks when to write."""

    under_way: Collection[int]
    """Those of its requests that have no answer yet."""

    def go(self) -> None:
        """Write what waits, if anything does."""


class Pace:
    """The beat of one node's streams."""

    def __init__(self) -> None:
        self._streams: set[Paced] = set()
        self._next: asyncio.TimerHandle | None = None
        self._last = 0.0

    def join(self, stream: Paced) -> None:
        """From now on it counts."""
        self._streams.add(stream)

    def leave(self, stream: Paced) -> None:
        """It does not count any more, and is told no more."""
        self._streams.discard(stream)

    def under_way(self) -> int:
        """How many requests of all streams have no answer yet."""
        return sum([len(each.under_way) for each in self._streams])

    def ask(self, stream: Paced) -> None:
        """A stream that has joined has something to write: let it go now, or with the others."""
        if self._next is not None:
            return
        if self.under_way() < MANY:
            stream.go()
            return
        loop = asyncio.get_running_loop()
        # Not before the end of this turn of the loop, even if the beat is long due: the turn may bring more.
        self._next = loop.call_at(max(self._last + BEAT_S, loop.time()), self._beat)

    def _beat(self) -> None:
        self._next = None
        self._last = asyncio.get_running_loop().time()
        for stream in self._streams:
            stream.go()

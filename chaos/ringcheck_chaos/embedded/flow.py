"""One direction of one connection: from a socket, through the stages of its toxics, into another socket."""

import asyncio
from collections.abc import Sequence
from random import Random

from ringcheck_chaos.embedded.stage import Receiver, Stage
from ringcheck_chaos.embedded.toxic import Toxic


class Sink:
    """The socket at the end. It has no half-close: the end of the stream closes it, as in Toxiproxy."""

    def __init__(self, target: asyncio.Transport) -> None:
        self._target = target

    def receive(self, chunk: bytes) -> None:
        """Write to the socket, if it is open still."""
        if not self._target.is_closing():
            self._target.write(chunk)

    def end(self) -> None:
        """Close the socket when what was written has left."""
        self._target.close()


class Flow:
    """A row of stages between two sockets. Without toxics it is empty, and `head` is the sink itself."""

    def __init__(
        self, source: asyncio.Transport, target: asyncio.Transport, toxics: Sequence[Toxic], random: Random
    ) -> None:
        self._source = source
        self._sink = Sink(target)
        self._random = random
        self._full = False
        self._reading = True
        self.stages: dict[Toxic, Stage] = {}
        self.head: Receiver = self._sink
        for toxic in toxics:
            self.add(toxic)

    def receive(self, chunk: bytes) -> None:
        """Take what the source sent."""
        self.head.receive(chunk)
        if self.stages:
            self.balance()

    def end(self) -> None:
        """The source has ended."""
        self.head.end()

    def full(self, full: bool) -> None:
        """The target's buffer has become full, or is so no longer."""
        self._full = full
        self.balance()

    def add(self, toxic: Toxic) -> None:
        """Put a toxic at the end of the row, if chance has it that it concerns this connection."""
        if self._random.random() >= toxic.toxicity:
            return
        stage = toxic.stage(toxic.attributes, self._random, self._sink, self.balance)
        self.stages[toxic] = stage
        self._link()
        stage.start()

    def update(self, toxic: Toxic) -> None:
        """Follow a change of a toxic; chance decides anew whether it concerns this connection."""
        stage = self.stages.get(toxic)
        if stage is None:
            self.add(toxic)
        elif self._random.random() < toxic.toxicity:
            stage.changed()
        else:
            self._take_out(toxic).leave()
        self.balance()

    def remove(self, toxic: Toxic) -> None:
        """Take a toxic out of the row."""
        if toxic in self.stages:
            self._take_out(toxic).removed()
            self.balance()

    def drop(self) -> None:
        """Forget all that is under way."""
        for stage in self.stages.values():
            stage.dropped()

    def balance(self) -> None:
        """Read from the source as long as neither the target nor a stage has too much already."""
        reading = not self._full and all(stage.held <= stage.LIMIT for stage in self.stages.values())
        if reading != self._reading:
            self._reading = reading
            if reading:
                self._source.resume_reading()
            else:
                self._source.pause_reading()

    def _take_out(self, toxic: Toxic) -> Stage:
        stage = self.stages.pop(toxic)
        self._link()
        return stage

    def _link(self) -> None:
        following: Receiver = self._sink
        for stage in reversed(self.stages.values()):
            stage.next = following
            following = stage
        self.head = following

"""The toxics, each a stage with its attributes; behaviour as Toxiproxy 2.12 has it.

Attributes that would kill that server are refused here: a negative bandwidth, a slicer whose slices have no size, a
jitter that no random number covers.
"""

import asyncio
from typing import ClassVar

from ringcheck_chaos.embedded.errors import bad_body
from ringcheck_chaos.embedded.stage import Attributes, HoldingStage, Stage, at_least

MAX_JITTER_MS = 2**62


class Latency(HoldingStage):
    """Every chunk arrives `latency` ms after it came, give or take `jitter`; never before an earlier one."""

    NAMES = ("latency", "jitter")
    LIMIT: ClassVar[int] = 1024 * 32 * 1024

    @staticmethod
    def check(attributes: Attributes) -> None:
        """The jitter has an upper limit."""
        if attributes["jitter"] >= MAX_JITTER_MS:
            raise bad_body(f"jitter must be less than 2^62, not {attributes['jitter']}")

    def due(self) -> float:
        """When the chunk that arrives now may go on."""
        jitter_ms = max(0, self.attributes["jitter"])
        delay_ms = self.attributes["latency"] + (self.random.uniform(-jitter_ms, jitter_ms) if jitter_ms else 0)
        return self._loop.time() + delay_ms / 1000

    def wait_s(self) -> float:
        """Until the time that was chosen on arrival."""
        return self._line[0][1] - self._loop.time()

    def changed(self) -> None:
        """Chunks that wait go on at once; the new latency is for those to come."""
        self.leave()


class Bandwidth(HoldingStage):
    """At most `rate` thousand bytes a second; at rate 0 all wait, and nothing is lost."""

    NAMES = ("rate",)
    PIECE_MS = 100

    @staticmethod
    def check(attributes: Attributes) -> None:
        """No rate is below zero."""
        at_least(attributes, "rate", 0)

    _due: float | None = None
    """When the first piece of the line has been sent."""
    _free_at = 0.0
    """When the line could send the next one: what the loop was late for is made up."""

    def wait_s(self) -> float | None:
        """As long as the first piece, of at most 100 ms, takes at the rate."""
        rate = self.attributes["rate"]
        if rate == 0:
            return None
        now = self._loop.time()
        if self._due is None:
            size = self._cut(rate * self.PIECE_MS)
            self._due = max(now, self._free_at) + size / (rate * 1000)
        if (wait := self._due - now) <= 0:
            self._free_at = self._due
            self._due = None
        return wait

    def changed(self) -> None:
        """The first piece is measured anew."""
        self._due, self._free_at = None, 0.0
        super().changed()

    def _cut(self, most: int) -> int:
        """Make the first chunk of the line no longer than `most` bytes; returns its length."""
        chunk, mark = self._line[0]
        assert chunk is not None
        if len(chunk) > most:
            self._line[0] = (chunk[most:], mark)
            self._line.appendleft((chunk[:most], mark))
        return min(len(chunk), most)


class Slicer(HoldingStage):
    """Cuts chunks into slices of `average_size` bytes, give or take `size_variation`, `delay` µs apart."""

    NAMES = ("average_size", "size_variation", "delay")

    @staticmethod
    def check(attributes: Attributes) -> None:
        """Slices have a size."""
        at_least(attributes, "average_size", 1)
        at_least(attributes, "size_variation", 0)
        if attributes["size_variation"] >= attributes["average_size"]:
            raise bad_body("size_variation must be less than average_size")

    _free_at = 0.0

    def receive(self, chunk: bytes) -> None:
        """Put the slices at the end of the line."""
        if not self._line:
            self._free_at = self._loop.time()
        position = 0
        for size in self._sizes(len(chunk)):
            self._line.append((chunk[position : position + size], 0.0))
            position += size
        self.held += len(chunk)
        self._advance()

    def wait_s(self) -> float:
        """Until `delay` after the slice before."""
        wait = self._free_at - self._loop.time()
        if wait <= 0:
            self._free_at += max(0, self.attributes["delay"]) / 1_000_000
        return wait

    def _sizes(self, size: int) -> list[int]:
        """Halve, not quite in the middle, until every slice is small enough."""
        variation = self.attributes["size_variation"]
        if size <= self.attributes["average_size"] + variation:
            return [size]
        left = size // 2 + (self.random.randrange(-variation, variation) if variation else 0)
        return self._sizes(left) + self._sizes(size - left)


class ClosingStage(Stage):
    """A stage that ends the stream at a time of its own; of what comes afterwards nothing is passed on."""

    _timer: asyncio.TimerHandle | None = None
    closed = False

    def close(self) -> None:
        """End the stream now."""
        self.dropped()
        self.closed = True
        self.next.end()

    def close_after(self, delay_ms: int) -> None:
        """End the stream later; a delay that is set already is set anew."""
        self.dropped()
        self._timer = asyncio.get_running_loop().call_later(max(0, delay_ms) / 1000, self.close)

    def dropped(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()
            self._timer = None


class SlowClose(ClosingStage):
    """The end of the stream arrives `delay` ms late."""

    NAMES = ("delay",)

    def end(self) -> None:
        """Wait before the end is handed on."""
        if not self._timer and not self.closed:
            self.close_after(self.attributes["delay"])

    def leave(self) -> None:
        """An end that waits is handed on at once."""
        if self._timer:
            self.close()


class Timeout(ClosingStage):
    """Drops everything. If `timeout` is positive, ends the stream once nothing has come for so many ms."""

    NAMES = ("timeout",)

    def start(self) -> None:
        """Wait for the first chunk as for any other."""
        if self.attributes["timeout"] > 0:
            self.close_after(self.attributes["timeout"])

    def receive(self, _: bytes) -> None:
        """Drop it."""
        if not self.closed:
            self.start()

    def end(self) -> None:
        """The end of the stream passes."""
        self.close()

    def changed(self) -> None:
        """Count the new time from now."""
        self.dropped()
        self.start()

    def leave(self) -> None:
        """Nothing is held."""
        self.dropped()

    def removed(self) -> None:
        """A stream with a hole in it must not go on."""
        self.close()


class ResetPeer(ClosingStage):
    """Drops everything, and ends the stream `timeout` ms after its first chunk.

    By RST on connections that were opened under it: see `Connection`.
    """

    NAMES = ("timeout",)

    def receive(self, _: bytes) -> None:
        """Drop it. The first one starts the clock."""
        if self.closed or self._timer:
            return
        if self.attributes["timeout"] > 0:
            self.close_after(self.attributes["timeout"])
        else:
            self.close()

    def end(self) -> None:
        """The end counts as a first chunk."""
        self.receive(b"")

    def leave(self) -> None:
        """A stream of which something was dropped must not go on."""
        if self._timer:
            self.close()


class LimitData(ClosingStage):
    """Passes `bytes` bytes, counted from when it was added, and then ends the stream."""

    NAMES = ("bytes",)
    _passed = 0

    def receive(self, chunk: bytes) -> None:
        """Pass as much as the limit leaves."""
        if self.closed:
            return
        rest = max(0, self.attributes["bytes"] - self._passed)
        self._passed += min(rest, len(chunk))
        if rest:
            self.next.receive(chunk[:rest])
        if len(chunk) >= rest:
            self.close()


KINDS: dict[str, type[Stage]] = {
    "bandwidth": Bandwidth,
    "latency": Latency,
    "limit_data": LimitData,
    "noop": Stage,
    "reset_peer": ResetPeer,
    "slicer": Slicer,
    "slow_close": SlowClose,
    "timeout": Timeout,
}
"""The class of each type of toxic."""

"""Who tries seeds. An exploration hands out chunks of seeds and takes results as they come, in any order.

A cluster's scheduler would be one more executor: chunks and results are plain data.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from ringcheck.exploring.packing import packed
from ringcheck.exploring.trial import BROKE, Alarm, Result, Trials
from ringcheck.history import History

TOLD = 3
"""So many failures of one cause come with their history from one worker."""
MOST_CAUSES = 1_000
"""A worker remembers so many causes; a core that fails in ever new words must not fill its memory."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Seeds to try, one after another.

    audited    those of them whose history is wanted, whatever comes of them
    not_on     the worker that tried them before, which should not be the one to try them again if there are others
    """

    seeds: tuple[int, ...]
    audited: tuple[int, ...] = ()
    not_on: str = ""


class Tried(msgspec.Struct, frozen=True, kw_only=True, tag_field="said", tag="tried"):
    """What came of one seed on one worker. `history` is the content of its file, packed, None when nobody needs it.

    lost    the worker was lost over it, so that it must not be tried in a process that is worth keeping
    again   this was the second time, for the sake of the audit
    """

    worker: str
    result: Result
    history: bytes | None = None
    lost: bool = False
    again: bool = False


class Executor(Protocol):
    """Tries seeds. Whoever makes one closes it."""

    def room(self) -> int:
        """How many more chunks it wants now, so that nobody is idle."""

    def submit(self, chunk: Chunk) -> None:
        """Take a chunk; its results will come."""

    def results(self, within_s: float) -> Sequence[Tried]:
        """What has come, waiting so long for the first.

        Raises RingcheckError when nothing more will come.
        """

    def longest(self) -> tuple[int, float] | None:
        """The seed that has been under way longest and for how many seconds of real time, if any can be told."""

    def close(self) -> None:
        """Give up what is under way, and leave nothing behind. Closing twice does nothing."""


class Teller:
    """Tries seeds in this process, and decides whose history is told. Shared by all executors."""

    def __init__(self, trials: Trials, worker: str) -> None:
        self._trials = trials
        self._worker = worker
        self._told: dict[str, int] = {}

    def __call__(self, seed: int, chunk: Chunk) -> Tried:
        """Try one seed of a chunk."""
        result, history = self._trials.attempt(seed)
        news = [alarm for alarm in result.alarms if self._is_news(alarm)]
        wanted = seed in chunk.audited or bool(news)
        return Tried(
            worker=self._worker,
            result=result,
            history=packed(content(history)) if wanted and history else None,
            again=bool(chunk.not_on),
        )

    def _is_news(self, alarm: Alarm) -> bool:
        group = f"{alarm.requirement} {alarm.cause}"
        if group not in self._told and len(self._told) >= MOST_CAUSES:
            return False
        self._told[group] = self._told.get(group, 0) + 1
        return self._told[group] <= TOLD


class InProcess:
    """Tries seeds in this process, one with each call of `results`."""

    def __init__(self, trials: Trials) -> None:
        self._tell = Teller(trials, "main")
        self._waiting: deque[tuple[int, Chunk]] = deque()

    def room(self) -> int:
        """One chunk at a time."""
        return 0 if self._waiting else 1

    def submit(self, chunk: Chunk) -> None:
        """See Executor."""
        self._waiting.extend((seed, chunk) for seed in chunk.seeds)

    def results(self, within_s: float) -> Sequence[Tried]:  # noqa: ARG002  - nothing to wait for
        """See Executor."""
        if not self._waiting:
            return ()
        seed, chunk = self._waiting.popleft()
        return (self._tell(seed, chunk),)

    def longest(self) -> None:
        """Nobody asks while one is under way."""

    def close(self) -> None:
        """See Executor."""
        self._waiting.clear()


def content(history: History) -> bytes:
    """The whole file that a history makes, byte by byte."""
    encode = msgspec.json.Encoder().encode
    lines = [history.header, *history.events, *([history.footer] if history.footer else ())]
    return b"".join(encode(line) + b"\n" for line in lines)


def lost(seed: int, chunk: Chunk, worker: str, how: str, where: str = "") -> Tried:
    """The result of a seed that ended its worker, or never ended; `where` it was then, if that is known."""
    reason = f"Seed {seed}: {how}." + (f" It was here, the innermost call first:\n{where}" if where else "")
    alarm = Alarm(requirement=BROKE, cause=how, reason=reason)
    return Tried(worker=worker, result=Result(seed=seed, alarms=(alarm,)), lost=True, again=bool(chunk.not_on))

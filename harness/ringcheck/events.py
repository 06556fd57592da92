"""What a run says of itself while it runs: typed events, one JSON object a line.

Every process that runs tests appends to a file of its own in one folder, and the engine follows that folder: nothing
is lost when a worker is killed, and nothing waits for the end of a test. Times are seconds of the machine's
monotonic clock, which all its processes share.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self, TypeAlias

import msgspec

from ringcheck.judging.verdict import Judgement

CaseResult: TypeAlias = Literal["passed", "failed", "skipped"]


def now() -> float:
    """The time to stamp an event with."""
    return time.monotonic()


class Collected(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="collected"):
    """A worker has collected its tests; all workers collect alike. `requirements`: those that have a test."""

    time: float
    worker: str
    tests: int
    requirements: tuple[str, ...]


class CaseBegan(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="case-began"):
    """A test begins on a worker, for the sake of these requirements."""

    time: float
    worker: str
    test: str
    requirements: tuple[str, ...]


class ScheduleBegan(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="schedule-began"):
    """A schedule begins to be carried out; its history is written to the file `history`."""

    time: float
    worker: str
    test: str
    schedule: str
    history: str


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="progress"):
    """Something a watcher wants to see: a fault, a kill, a settle. Sparse."""

    time: float
    worker: str
    text: str


class ScheduleEnded(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="schedule-ended"):
    """A schedule was carried out and its history judged."""

    time: float
    worker: str
    test: str
    history: str
    seconds: float
    judgement: Judgement


class CaseEnded(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="case-ended"):
    """A test ended; `reason` says why it failed or was skipped."""

    time: float
    worker: str
    test: str
    requirements: tuple[str, ...]
    result: CaseResult
    reason: str = ""


class TargetBroke(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="target-broke"):
    """The target or the environment failed. `fatal`: no more can be learnt, so the run should stop.

    `exit_code` is what the command should end with, unless a requirement is broken as well.
    """

    time: float
    worker: str
    reason: str
    exit_code: int = 4
    fatal: bool = True


class WorkerLost(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="worker-lost"):
    """A worker process ended before its work was done, or a test module could not be collected."""

    time: float
    worker: str
    reason: str


Event: TypeAlias = (
    Collected | CaseBegan | ScheduleBegan | Progress | ScheduleEnded | CaseEnded | TargetBroke | WorkerLost
)


class EventLog:
    """Appends events to `folder/WORKER.jsonl`, each flushed at once."""

    def __init__(self, folder: Path, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{worker}.jsonl").open("ab", buffering=0)

    def write(self, event: Event) -> None:
        """Append one event, by a single write."""
        self._file.write(msgspec.json.encode(event) + b"\n")

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Follower:
    """Reads what appears in the event files of a folder. A line is taken up only when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._decoder = msgspec.json.Decoder(Event)

    def news(self) -> Iterator[Event]:
        """The events written since the last call, file by file, in each file in order."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    yield self._decoder.decode(line)

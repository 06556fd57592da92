"""Whether memory stays flat while `ringcheck explore` goes through seeds for an hour.

    python tests/benchmarks/memory.py [--minutes 60] [-n 1] [--first SEED] [--within 10]

The exploration is a process of its own, as a user starts it. What it and each of its workers hold in memory (RSS) is
looked up every second. What was there when a quarter of the time had passed may have been warming up; after that a
process is flat when the most that it held in the last quarter is at most so many percent above that of the second.

A worker that came or went meanwhile shows nothing: that it was replaced may be what kept the memory low.

Whether any seed broke a requirement is said too, since so many are tried anyway.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

EVERY_S = 1.0
QUARTERS = 4
ENOUGH = 10
"""So many samples at least must have been taken of a process in each quarter, else nothing is said of it."""
LATE_S = 300.0
"""So long after its time an exploration must have ended."""


class Sample(NamedTuple):
    """One look at a process: seconds since the beginning, MB, and how many seeds were done in all."""

    at_s: float
    mb: float
    seeds: int


class Life:
    """What was seen of one process, of a time of `seconds`."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.samples: list[Sample] = []
        self._seconds = seconds

    def quarter(self, number: int) -> list[float]:
        """The MB of a quarter, from 0 up."""
        length = self._seconds / QUARTERS
        return [each.mb for each in self.samples if number * length <= each.at_s < (number + 1) * length]

    @property
    def is_seen(self) -> bool:
        """Whether it was looked at often enough from the second quarter on, where memory has to be flat."""
        return all(len(self.quarter(number)) >= ENOUGH for number in range(1, QUARTERS))

    @property
    def seeds(self) -> int:
        """How many seeds were done while it lived."""
        return self.samples[-1].seeds - self.samples[0].seeds if self.samples else 0

    @property
    def growth(self) -> float:
        """By how much, as a share, the most of the last quarter is above that of the second."""
        return max(self.quarter(QUARTERS - 1)) / max(self.quarter(1)) - 1

    @property
    def slope(self) -> float:
        """MB an hour by least squares, over all but the first quarter."""
        later = [each for each in self.samples if each.at_s >= self._seconds / QUARTERS]
        return statistics.linear_regression([each.at_s for each in later], [each.mb for each in later]).slope * 3600


def verdict(parent: Life, workers: Sequence[Life], count: int, within: float) -> tuple[bool, str]:
    """Whether all of it was flat, and a line that says so, or why not."""
    lives = (parent, *workers)
    if not parent.is_seen:
        return False, f"NOT SHOWN: the exploration was looked at {len(parent.samples)} times; give it more time"
    if not parent.seeds:
        return False, "NOT SHOWN: no seed was tried"
    if len(workers) != count:
        return False, f"NOT SHOWN: {len(workers)} workers were seen instead of {count}; some were replaced"
    if unseen := [each.name for each in lives if not each.is_seen]:
        return False, f"NOT SHOWN: {', '.join(unseen)} did not live long enough"
    if grown := [f"{each.name} by {each.growth:.0%}" for each in lives if each.growth > within]:
        return False, f"NOT FLAT: from the second quarter to the last, {', '.join(grown)}"
    most = max(each.growth for each in lives)
    return True, f"flat: from the second quarter to the last, by {most:+.1%} at most"


def cleanliness(code: int, output: str) -> tuple[bool, str]:
    """Whether no seed broke a requirement, and a line that says so; or what was broken, and how to see it again."""
    told = [line.strip() for line in output.splitlines() if line.strip().startswith(("FAIL ", "the seed again"))]
    if not code and not told:
        return True, "clean: no seed broke a requirement"
    return False, "\n".join(["NOT CLEAN: requirements were broken", *told])


def table(lives: Sequence[Life]) -> Iterator[str]:
    """A line for each process: the median and the most of each quarter in MB, and the slope over the last three."""
    heads = "".join(f"{f'quarter {number}':>16}" for number in range(1, QUARTERS + 1))
    yield f"{'':16}{heads}{'MB an hour':>14}{'seeds':>10}"
    yield f"{'':16}{'  median    most' * QUARTERS}"
    for life in lives:
        quarters = [life.quarter(number) for number in range(QUARTERS)]
        cells = "".join(
            f"{statistics.median(each):8.1f}{max(each):8.1f}" if each else f"{'-':>16}" for each in quarters
        )
        slope = f"{life.slope:+14.1f}" if life.is_seen else f"{'-':>14}"
        yield f"{life.name:16}{cells}{slope}{life.seeds:10,}"


class Exploration:
    """A `ringcheck explore` under way, in a folder that goes with it."""

    def __init__(self, folder: Path, seconds: float, workers: int, first: int) -> None:
        self._folder = folder
        self._seconds = seconds
        options = [f"--time={seconds:g}", f"--workers={workers}", f"--first={first}", "--keep-going", "--no-shrink"]
        argv = [sys.executable, "-m", "ringcheck", "explore", *options, f"--out={folder}"]
        with (folder / "output").open("wb") as output:
            self._process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
        self.parent = Life("parent", seconds)
        self._workers: dict[int, Life] = {}

    @property
    def workers(self) -> tuple[Life, ...]:
        """All workers that were seen, also those that are gone."""
        return tuple(self._workers.values())

    @property
    def output(self) -> str:
        """What it has printed."""
        return (self._folder / "output").read_text()

    def watch(self) -> int:
        """Look at it until it ends; returns its exit code."""
        began = time.monotonic()
        while (code := self._process.poll()) is None:
            now = time.monotonic() - began
            if now > self._seconds + LATE_S:
                raise click.ClickException(f"The exploration was to end after {self._seconds:g} s and did not.")
            if now < self._seconds:  # what it does afterwards is no exploring
                self._look(now)
            time.sleep(EVERY_S)
        return code

    def close(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait()

    def _look(self, now: float) -> None:
        seeds = self._seeds()
        _note(self.parent, self._process.pid, now, seeds)
        for pid in _children(self._process.pid):
            life = self._workers.setdefault(pid, Life(f"worker {len(self._workers) + 1}", self._seconds))
            _note(life, pid, now, seeds)

    def _seeds(self) -> int:
        """How many seeds are done, by the state that it writes every second."""
        state = next(self._folder.glob("*-explore/state.json"), None)
        return int(json.loads(state.read_bytes())["tally"]["seeds"]) if state else 0


def _note(life: Life, pid: int, now: float, seeds: int) -> None:
    """Add what a process holds now; nothing if it is no more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return
    resident = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    if resident:  # a process that is just ending has none
        life.samples.append(Sample(now, int(resident[0]) / 1024, seeds))


def _children(pid: int) -> list[int]:
    """The processes that this one has started and that have not ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@click.command()
@click.option("--minutes", default=60.0, show_default=True, help="How long seeds are tried.")
@click.option("-n", "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("--first", type=click.IntRange(min=0), default=1, show_default=True, help="The first seed.")
@click.option("--within", default=10.0, show_default=True, help="So many percent more are still flat.")
def main(minutes: float, workers: int, first: int, within: float) -> None:
    """Print what `ringcheck explore` and its workers hold in memory, by quarters of the time.

    Ends with 1 when it is not flat, or a seed broke a requirement.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the exploration ends with us
    with tempfile.TemporaryDirectory(prefix="ringcheck-memory-") as folder:
        exploration = Exploration(Path(folder), minutes * 60, workers, first)
        try:
            code = exploration.watch()
        finally:
            exploration.close()
        output = exploration.output
    if code not in (0, 1):  # a MUST that is broken is told, and seeds go on
        raise click.ClickException(f"The exploration ended with {code}:\n{output}")
    for line in table((exploration.parent, *exploration.workers)):
        click.echo(line)
    flat, line = verdict(exploration.parent, exploration.workers, workers, within / 100)
    click.echo(f"{exploration.parent.seeds:,} seeds in {minutes:g} minutes; {line}")
    clean, line = cleanliness(code, output)
    click.echo(line)
    sys.exit(not (flat and clean))


if __name__ == "__main__":
    main()

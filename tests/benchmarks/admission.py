"""What background work costs the foreground, with and without admission control.

    python -m tests.benchmarks.admission [--rounds N] [--hints N] [--rate N]

Four real nodes with N=3 and R=W=2. One is killed, and writes leave hints for it with the three others. Then clients
begin to ask at a steady rate, Gets and Puts by turns: at first while nothing else goes on, then while the node is back
and is handed all it has missed. A request's time runs from the moment when it was due, so that one that
had to wait for its predecessors is not let off. Rounds with admission control and without take turns; ratios are those
of one round, and the middle one is shown.
"""

import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import grpc.aio
from tests.benchmarks import clusters

from dynamo_node.v1 import inspect_pb2, key_value_pb2
from ringcheck_reference.core.admission import MOST_SLICES, Admission
from ringcheck_reference.core.node import Node
from ringcheck_reference.shell.main import Parts, serve

NODES: Final = 4
VALUE: Final = b"v" * 1000
FOREGROUND_KEYS: Final = 100
QUIET_S: Final = 10.0
FILLING: Final = 32
"""Puts in flight while hints are made."""
GIVEN_UP_S: Final = 300.0


class Unbridled(Admission):
    """All slices at any time."""

    def slices(self, now: float) -> int:
        """See Admission."""
        return MOST_SLICES


class Greedy(Node):
    """Does background work as if nobody asked it anything."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._desk.admission = Unbridled(self._desk.config.max_in_flight)


@dataclass(frozen=True)
class Times:
    """Of one round: 99th percentiles in seconds, quiet and beside background work, and how long that work took."""

    quiet_s: float
    busy_s: float
    handoff_s: float
    failures: int

    @property
    def ratio(self) -> float:
        """How many times as slow requests are beside background work."""
        return self.busy_s / self.quiet_s


class Foreground:
    """Clients that ask at a steady rate."""

    def __init__(self, asked: Sequence[clusters.Node], rate: float) -> None:
        self.failures = 0
        self._turns = itertools.cycle(asked)
        self._rate = rate
        self._numbers = itertools.count()
        self._times: list[float] = []
        self._contexts: dict[bytes, bytes] = {}

    async def until(self, end: asyncio.Event) -> float:
        """Ask until told to end; the 99th percentile of what that took."""
        self._times = []
        due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while not end.is_set():
                group.create_task(self._ask(due))
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        return statistics.quantiles(self._times, n=100)[-1]

    async def _ask(self, due: float) -> None:
        number = next(self._numbers)
        node, key = next(self._turns), b"foreground %d" % (number // 2 % FOREGROUND_KEYS)
        try:
            if number % 2:
                got = await node.key_value.Get(key_value_pb2.GetRequest(key=key), timeout=10)
                self._contexts[key] = got.context
            else:
                context = self._contexts.get(key, b"")
                await node.key_value.Put(key_value_pb2.PutRequest(key=key, value=VALUE, context=context), timeout=10)
        except grpc.aio.AioRpcError:
            self.failures += 1
        self._times.append(time.monotonic() - due)


async def fill(asked: Sequence[clusters.Node], count: int) -> None:
    """Put so many keys, a few at a time."""
    numbers = iter(range(count))

    async def put() -> None:
        for number in numbers:
            request = key_value_pb2.PutRequest(key=b"background %d" % number, value=VALUE)
            await asked[number % len(asked)].key_value.Put(request, timeout=10)

    await asyncio.gather(*(put() for _ in range(FILLING)))


async def hints(asked: Sequence[clusters.Node]) -> int:
    """How many are kept by now."""
    statuses = [await node.inspect.Status(inspect_pb2.StatusRequest(), timeout=10) for node in asked]
    return sum(status.hints_pending.count for status in statuses)


async def measure(command: clusters.Command, count: int, rate: float) -> Times:
    """One round."""
    async with clusters.running(NODES, command) as everybody, asyncio.timeout(GIVEN_UP_S):
        *asked, away = everybody
        away.kill()
        await fill(asked, count)
        foreground = Foreground(asked, rate)
        quiet = asyncio.Event()
        asyncio.get_running_loop().call_later(QUIET_S, quiet.set)
        quiet_s = await foreground.until(quiet)
        if not await hints(asked):
            raise click.ClickException("no hints were kept, so there is nothing to hand over; raise --hints")
        handed_over = asyncio.Event()
        busy = asyncio.create_task(foreground.until(handed_over))
        away.start()
        await away.serving()
        began = time.monotonic()
        while await hints(asked):  # noqa: ASYNC110, as it is others that end it
            await asyncio.sleep(0.2)
        handoff_s = time.monotonic() - began
        handed_over.set()
        return Times(quiet_s, await busy, handoff_s, foreground.failures)


def greedy(config: Path) -> Sequence[str]:
    """A node without admission control."""
    return [sys.executable, "-m", "tests.benchmarks.admission", "--serve", str(config)]


def line(name: str, rounds: Sequence[Times]) -> str:
    """What the rounds of one kind have shown."""
    quiet, busy, handoff, ratio = (
        statistics.median(values)
        for values in zip(*((each.quiet_s, each.busy_s, each.handoff_s, each.ratio) for each in rounds), strict=True)
    )
    failures = sum(each.failures for each in rounds)
    return f"{name:10}{1e3 * quiet:10.1f}{1e3 * busy:10.1f}{ratio:8.2f}{handoff:11.1f}{failures:10}"


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="How many of each kind.")
@click.option("--hints", "count", default=10_000, show_default=True, type=click.IntRange(1), help="Keys to hand over.")
@click.option("--rate", default=60.0, show_default=True, type=click.FloatRange(1), help="Requests a second.")
@click.option("--serve", "config", hidden=True, type=click.Path(path_type=Path), help="Be a node without admission.")
def main(rounds: int, count: int, rate: float, config: Path | None) -> None:
    """Print the 99th percentile of the foreground in milliseconds, without and with background work beside it."""
    if config:
        sys.exit(serve(config, Parts(node=Greedy)))
    measured: dict[str, list[Times]] = {"without": [], "with": []}
    for _ in range(rounds):
        for name, command in (("without", greedy), ("with", clusters.reference)):
            measured[name].append(asyncio.run(measure(command, count, rate)))
    click.echo("admission   p99 quiet, busy ms   ratio  handoff s  failures")
    for name, times in measured.items():
        click.echo(line(name, times))
    gains = [a.ratio / b.ratio for a, b in zip(measured["without"], measured["with"], strict=True)]
    click.echo(f"without against with, middle of {rounds}: {statistics.median(gains):.2f} times as slow")


if __name__ == "__main__":
    main()

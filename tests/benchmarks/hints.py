"""What many hints cost the nodes that keep them, and how fast they are handed over.

    python -m tests.benchmarks.hints [--hints 100000] [--pace 20] [--partitions 16]

Four real nodes with N=3 and R=W=2, of which one is down. The three others keep hints for it, each those of the keys of
which it is the stand-in, put there by its own store. Clients get and put at a steady pace; they may be refused nothing
(AVL-01). Then nobody asks for a while, and what the nodes use of the CPU is what their rounds cost. All of that is
done with no hints, with a tenth of them and with all: the ratios say whether it matters how many there are.

Then the node that was down is started, and hints are delivered: a while beside nobody, and a while beside the same
clients. Whatever the holders say that they have delivered, its replica must hold. Anti-entropy, which brings the same
keys, is as good as off.
"""

import asyncio
import itertools
import os
import random
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from tests.benchmarks.filling import fill_hints, key_of
from tests.benchmarks.joining import LATE_S, REQUEST_TIMEOUT_S, Clients, Phase
from tests.benchmarks.nodes import REFERENCE, NodeProcess, judged, write_config

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc, key_value_pb2_grpc
from ringcheck_chaos import ports
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

HOLDERS: Final = ("n1", "n2", "n3")
AWAY: Final = "n4"
N: Final = 3
ASKED: Final = 1000
"""The keys that clients ask for; those of the hints come behind them."""
START_S: Final = 60.0
LOOKS_EVERY_S: Final = 0.1
NEVER_MS: Final = 3_600_000


@dataclass(frozen=True)
class Delivery:
    """How many hints the holders have delivered together, and in how many seconds: till they had no more, at most."""

    count: int
    took_s: float
    cpu_s: float
    """What all four nodes used of the CPU meanwhile."""

    @property
    def rate(self) -> float:
        """Hints a second."""
        return self.count / self.took_s

    @property
    def cpu_ms(self) -> float:
        """What each of them took of the CPU, at all nodes together."""
        return 1e3 * self.cpu_s / self.count if self.count else 0.0


@dataclass(frozen=True)
class Seen:
    """What one number of hints a node has shown."""

    hints: int
    answered: int
    """How many requests were answered OK, while the node was down and after it."""
    failures: int
    put_p50_s: float
    put_p99_s: float
    asked_cpu: float
    """What the holders used of one core each, on average, while clients asked; and while nobody did."""
    idle_cpu: float
    alone: Delivery | None = None
    """Beside nobody; None where there was nothing to deliver."""
    beside: Delivery | None = None
    """Beside clients."""
    kept_s: float = 0.0
    """How long it took to start with so many."""
    arrived: int = 0
    """How many of the hints' keys are in the replica of their target in the end."""

    @property
    def delivered(self) -> int:
        """In both times together; in between some more are."""
        return sum(each.count for each in (self.alone, self.beside) if each is not None)


def ratio(this: float, that: float) -> float:
    """How many times that this is; as much as can be where that is nothing."""
    return this / that if that else float("inf")


def verdict(none: Seen, some: Seen, many: Seen, most: float) -> list[tuple[bool, str]]:
    """What was asked, and whether it was seen; `most` is how many times as much many hints may cost."""
    put, asked, idle = (
        ratio(many.put_p50_s, none.put_p50_s),
        ratio(many.asked_cpu, none.asked_cpu),
        ratio(many.idle_cpu, none.idle_cpu),
    )
    words = f"with {many.hints:,} hints a node as with none"
    checks = [
        (
            all(seen.answered and not seen.failures for seen in (none, some, many)),
            f"no request failed: {none.failures}, {some.failures} and {many.failures} did with {none.hints}, "
            f"{some.hints:,} and {many.hints:,} hints a node",
        ),
        (put <= most, f"the middle Put takes at most {most:g} times as long {words}: {put:.2f}"),
        (asked <= most, f"holders use at most {most:g} times the CPU beside clients {words}: {asked:.2f}"),
        (idle <= most, f"holders use at most {most:g} times the CPU beside nobody {words}: {idle:.2f}"),
    ]
    if some.alone is None or many.alone is None or many.beside is None:
        return [*checks, (False, "hints were delivered: there was none to deliver")]
    each, rate = ratio(many.alone.cpu_ms, some.alone.cpu_ms), ratio(many.alone.rate, some.alone.rate)
    by_clients = ratio(many.beside.rate, many.alone.rate)
    return [
        *checks,
        (
            0 < each <= most,
            f"to deliver a hint takes at most {most:g} times the CPU with {many.hints:,} a node as with "
            f"{some.hints:,}: {each:.2f}; {rate:.2f} times as many were delivered in a second",
        ),
        (by_clients > 0, f"some are delivered beside clients, too: {by_clients:.2f} times as many as beside nobody"),
        (
            all(seen.arrived >= seen.delivered > 0 for seen in (some, many)),
            f"what is said to be delivered is there: {some.delivered:,} and {many.delivered:,} said, "
            f"{some.arrived:,} and {many.arrived:,} there",
        ),
    ]


def numbers_for(hints: int, partitions: int) -> dict[str, list[int]]:
    """So many keys for each holder that it stands in for, of those that the node which is away is a home of."""
    ring = Ring([Member(name) for name in (*HOLDERS, AWAY)], N, partitions)
    found: dict[str, list[int]] = {name: [] for name in HOLDERS}
    for number in itertools.count(ASKED):
        if all(len(each) >= hints for each in found.values()):
            return found
        key = key_of(number)
        if AWAY in ring.homes(key):
            (holder,) = ring.fallbacks(key)
            if len(found[holder]) < hints:
                found[holder].append(number)
    raise AssertionError("there are numbers enough")


class Cluster:
    """Four nodes, of which one is not started, and clients of the others."""

    def __init__(self, nodes: dict[str, NodeProcess], options: "Options", hints: int) -> None:
        self._nodes = nodes
        self._options = options
        self._hints = hints
        self._holders = [nodes[name] for name in HOLDERS]
        self._inspect: list[Any] = [inspect_pb2_grpc.InspectStub(node.channel) for node in self._holders]

    async def measure(self, kept_s: float) -> Seen:
        """All of it, in turn."""
        phases = []
        await asyncio.sleep(self._options.seconds / 2)  # until everybody knows who is down
        began, idle = self._cpu_s(), self._options.seconds
        await asyncio.sleep(idle)
        idle_cpu = (self._cpu_s() - began) / idle / len(self._holders)
        await self._ask("down")  # what comes first is slower: connections, caches
        began, at = self._cpu_s(), time.monotonic()
        phases.append(await self._ask("down"))
        asked_cpu = (self._cpu_s() - began) / (time.monotonic() - at) / len(self._holders)
        alone = beside = None
        arrived = 0
        if self._hints:
            await self._nodes[AWAY].start(START_S)
            await self._until_delivering()
            alone = await self._delivery(asyncio.sleep(0))
            asking = Phase("back")
            beside = await self._delivery(self._ask("back", asking))
            phases.append(asking)
            arrived = await self._arrived()
        for phase in phases:
            click.echo(f"  {phase.line()}")
        times = phases[0].put_s
        failures, answered = sum(each.failures for each in phases), sum(each.answers["OK"] for each in phases)
        seen = Seen(
            self._hints, answered, failures, statistics.median(times), statistics.quantiles(times, n=100)[98],
            asked_cpu, idle_cpu, alone, beside, kept_s, arrived,
        )  # fmt: skip
        click.echo(f"  a holder uses {asked_cpu:.3f} cores beside clients, {idle_cpu:.3f} beside nobody")
        for delivery, who in ((alone, "nobody"), (beside, "clients")):
            if delivery is not None and delivery.count:
                click.echo(
                    f"  delivered beside {who}: {delivery.count:,} hints in {delivery.took_s:.1f} s, "
                    f"{delivery.rate:,.0f} a second, {delivery.cpu_ms:.2f} ms of CPU each"
                )
        return seen

    async def _ask(self, name: str, phase: Phase | None = None) -> Phase:
        """Let clients ask for a while."""
        stubs = [key_value_pb2_grpc.KeyValueStub(node.channel) for node in self._holders]
        clients = Clients(stubs, ASKED, self._options.pace, random.Random(self._options.seed))
        clients.phase = phase or Phase(name)
        asking = asyncio.create_task(clients.run())
        await asyncio.sleep(self._options.seconds)
        asking.cancel()
        await clients.finish()
        return clients.phase

    async def _delivery(self, asking: Any) -> Delivery:
        """What is delivered in a while, beside whoever asks meanwhile."""
        task = asyncio.ensure_future(asking)
        cpu_s, before, began = self._all_cpu_s(), await self._delivered(), time.monotonic()
        await self._until(self._nothing_pending, began + self._options.seconds)
        count, took_s = await self._delivered() - before, time.monotonic() - began
        seen = Delivery(count, took_s, self._all_cpu_s() - cpu_s)
        await task
        return seen

    async def _until_delivering(self) -> None:
        """Every holder has reached the node."""

        async def all_deliver() -> bool:
            return all(each.hints_delivered.count for each in await self._statuses())

        if not await self._until(all_deliver, time.monotonic() + START_S):
            raise click.ClickException(f"not every node has delivered a hint within {START_S:g} s")

    async def _until(self, holds: Callable[[], Awaitable[bool]], ends: float) -> bool:
        """Whether it comes to hold in time."""
        while time.monotonic() < ends:
            if await holds():
                return True
            await asyncio.sleep(LOOKS_EVERY_S)
        return False

    async def _statuses(self) -> list[inspect_pb2.StatusResponse]:
        request, within_s = inspect_pb2.StatusRequest(), REQUEST_TIMEOUT_S + LATE_S
        return [await stub.Status(request, timeout=within_s) for stub in self._inspect]

    async def _delivered(self) -> int:
        return sum(each.hints_delivered.count for each in await self._statuses())

    async def _nothing_pending(self) -> bool:
        return not any(each.hints_pending.count for each in await self._statuses())

    async def _arrived(self) -> int:
        """How many of the hints' keys their target holds."""
        stub: Any = inspect_pb2_grpc.InspectStub(self._nodes[AWAY].channel)
        asked = {key_of(number) for number in range(ASKED)}
        scan = stub.ScanReplica(inspect_pb2.ScanReplicaRequest())
        return len({entry.key async for piece in scan for entry in piece.entries} - asked)

    def _all_cpu_s(self) -> float:
        return sum(node.cpu_s for node in self._nodes.values())

    def _cpu_s(self) -> float:
        return sum(node.cpu_s for node in self._holders)


async def measure(options: "Options", folder: Path, hints: int) -> Seen:
    """Fill, start, and look."""
    with ports.lease(4) as lease, ExitStack() as stack:
        names = (*HOLDERS, AWAY)
        book = {name: f"{ports.HOST}:{port}" for name, port in zip(names, lease.ports, strict=True)}
        actor = AWAY.encode() + os.urandom(8)
        numbers = numbers_for(hints, options.partitions)
        nodes = {}
        for name in names:
            config = write_config(
                folder, name, book, members=[{"nodeId": member, "weight": 1} for member in names], n=N, r=2, w=2,
                partitionCount=options.partitions, requestTimeoutMs=round(1e3 * REQUEST_TIMEOUT_S), seed=options.seed,
                antiEntropyIntervalMs=NEVER_MS,
            )  # fmt: skip
            if name in HOLDERS:
                fill_hints(folder / f"{name}-data", actor, AWAY, numbers[name], options.value_bytes)
            node = NodeProcess(shlex.split(options.command), config, book[name], folder / f"{name}.log")
            nodes[name] = stack.enter_context(node)
        try:
            kept_s = max([await nodes[name].start(START_S) for name in HOLDERS])
            click.echo(f"{hints:,} hints a node: SERVING after {kept_s:.2f} s at most")
            return await Cluster(nodes, options, hints).measure(kept_s)
        finally:
            for node in nodes.values():
                await node.channel.close()


@dataclass(frozen=True)
class Options:
    """What is measured."""

    hints: int
    value_bytes: int
    pace: float
    partitions: int
    seconds: float
    most: float
    seed: int
    command: str


@click.command()
@click.option("--hints", type=click.IntRange(1000), default=100_000, show_default=True, help="For each holder.")
@click.option("--value-bytes", type=click.IntRange(16), default=100, show_default=True)
@click.option("--pace", default=20.0, show_default=True, help="So many times a second a key is read and written.")
@click.option("--partitions", type=click.IntRange(8), default=16, show_default=True)
@click.option("--seconds", default=8.0, show_default=True, help="How long each part takes.")
@click.option("--most", default=2.0, show_default=True, help="Times what it costs to have none, or a tenth.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the keys that are asked for.")
@click.option("--command", default=REFERENCE, help="Starts a node; its configuration's path follows.")
def main(**given: Any) -> None:
    """Print what many hints cost and how fast they are delivered; 1 when they make their holders slow."""
    options = Options(**given)
    seen = []
    for hints in (0, options.hints // 10, options.hints):
        with tempfile.TemporaryDirectory(prefix="ringcheck-hints-") as folder:
            seen.append(asyncio.run(measure(options, Path(folder), hints)))
    none, some, many = seen
    sys.exit(not judged(verdict(none, some, many, options.most)))


if __name__ == "__main__":
    main()

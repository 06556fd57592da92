"""What a fourth node's joining costs three that hold 100,000 keys, while clients write.

    python -m tests.benchmarks.joining [--keys 100000] [--pace 20] [--partitions 64,1024]

The nodes are real processes with N=3, R=W=2; the data directories of the first three are filled by their own store.
Clients put and get at a steady pace through the members, before, while and after the fourth joins. They may be refused
nothing: while members change and nothing else is wrong every Get and Put succeeds within the request time-out (MEM-03).

Entries of the owner lists that change are compared with the bound of the contract (RNG-04), and the keys that the nodes
have taken over with those that had to be: the keys of each partition, once for each new owner of it. What clients wrote
meanwhile goes to new and old owners alike and may be counted besides. The join is over once no partition is unconfirmed
at any node, and settled once nobody keeps a partition that it does not own (MEM-05); in between copies are dropped.

Of several numbers of partitions each has a join of its own, and in the end a row of a table, with its time and CPU time
as multiples of the first one's.
"""

import asyncio
import itertools
import math
import os
import random
import shlex
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import grpc
import grpc.aio
from tests.benchmarks.filling import fill, key_of
from tests.benchmarks.nodes import REFERENCE, NodeProcess, judged, write_config
from tests.studies.moving import allowed

from dynamo_node.v1 import (
    config_pb2,
    inspect_pb2,
    inspect_pb2_grpc,
    key_value_pb2,
    key_value_pb2_grpc,
    membership_pb2,
    membership_pb2_grpc,
    ring_pb2,
    ring_pb2_grpc,
)
from ringcheck_chaos import ports
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

MEMBERS: Final = ("n1", "n2", "n3")
NEWCOMER: Final = "n4"
N: Final = 3
START_S: Final = 60.0
LOOKS_EVERY_S: Final = 0.25
REQUEST_TIMEOUT_S: Final = 2.0
LATE_S: Final = 1.0
"""So much later than its time-out an answer may arrive: the clients share the machine with the nodes."""

Owners = list[tuple[str, ...]]


@dataclass
class Phase:
    """What clients saw in one part of the run."""

    name: str
    answers: Counter[str] = field(default_factory=Counter)
    put_s: list[float] = field(default_factory=list)
    """How long each Put took that was answered OK."""

    @property
    def failures(self) -> int:
        """How many requests were not answered OK."""
        return self.answers.total() - self.answers["OK"]

    def line(self) -> str:
        """What clients saw, by code, and the times of Puts."""
        codes = ", ".join(f"{count} {code}" for code, count in sorted(self.answers.items()))
        if len(self.put_s) < 2:
            return f"{self.name:8} {codes or 'nothing asked'}"
        middle, high = statistics.median(self.put_s), statistics.quantiles(self.put_s, n=100)[98]
        return f"{self.name:8} {codes}; Put p50 {1e3 * middle:.1f} ms, p99 {1e3 * high:.1f} ms"


@dataclass(frozen=True)
class Seen:
    """What one run has shown."""

    failures: int
    answered: int
    """How many requests were answered OK while the join was under way."""
    entries: int
    """How many entries of the owner lists are new."""
    least_entries: int
    members: int
    keys_due: int
    """How many keys had to be taken over, once for each new owner."""
    keys_moved: int
    """How many the nodes have taken over or sent."""
    written: int
    """How many keys clients wrote meanwhile: each may be moved besides, once for each owner."""
    over: bool
    """Whether the join came to its end."""
    settled: bool
    """Whether nobody kept what it does not own."""


@dataclass(frozen=True)
class Cost:
    """What one join has taken."""

    over_s: float
    cpu_s: float
    """Of all nodes, until nobody keeps what it does not own, beyond what the same time has taken before the join."""
    put_s: tuple[float, ...]
    """How long each Put took while it was under way."""
    failures: int

    def row(self, partitions: int, first: "Cost") -> str:
        """One of the table; `first` is what others are multiples of."""
        slow = 1e3 * statistics.quantiles(self.put_s, n=100)[98] if len(self.put_s) > 1 else math.nan
        return (
            f"| {partitions} | {self.over_s:.1f} s | {self.over_s / first.over_s:.1f} | {self.cpu_s:.1f} s "
            f"| {self.cpu_s / first.cpu_s:.1f} | {slow:.0f} ms | {self.failures} |"
        )


COLUMNS: Final = "| partitions | join over after | times | CPU time for it | times | p99 of Put | failed |"


def verdict(seen: Seen) -> list[tuple[bool, str]]:
    """What was asked, and whether it was seen."""
    bound = allowed(seen.least_entries, seen.members, N)
    most = seen.keys_due + N * seen.written
    return [
        (seen.over and seen.settled, "the join came to its end, and nobody keeps what it does not own"),
        (
            seen.answered > 0 and not seen.failures,
            f"no request failed while it was under way: {seen.failures} did, {seen.answered} did not",
        ),
        (
            0 < seen.entries <= bound,
            f"{seen.entries} entries of the owner lists are new: {seen.least_entries} at least, {bound} at most",
        ),
        (
            seen.keys_due <= seen.keys_moved <= most,
            f"{seen.keys_moved:,} keys were moved: {seen.keys_due:,} had to be "
            f"({seen.keys_moved / max(1, seen.keys_due):.3f} times), {most:,} may be, with {seen.written} written",
        ),
    ]


def moves(before: Owners, after: Owners) -> list[int]:
    """How many owners each partition has got."""
    return [len(set(new) - set(old)) for old, new in zip(before, after, strict=True)]


def least_entries(before: Owners, after: Owners) -> int:
    """What the members hold more than before: no two such placements move less."""
    held, holds = (Counter(node for owners in ring for node in owners) for ring in (before, after))
    return (holds - held).total()


class Clients:
    """Clients that ask at a steady pace, whatever the answers, for keys that are there; half of it Puts."""

    def __init__(self, stubs: list[Any], keys: int, pace: float, chance: random.Random) -> None:
        self._stubs = itertools.cycle(stubs)
        self._keys = keys
        self._pace = pace
        self._chance = chance
        self._under_way: set[asyncio.Task[None]] = set()
        self.phase = Phase("warm-up")
        self.written: Counter[bytes] = Counter()

    async def run(self) -> None:
        """Ask for ever."""
        began = time.monotonic()
        for turn in itertools.count():
            await asyncio.sleep(began + turn / self._pace - time.monotonic())
            task = asyncio.create_task(self._ask(next(self._stubs), turn))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way)

    async def _ask(self, stub: Any, turn: int) -> None:
        phase, key = self.phase, key_of(self._chance.randrange(self._keys))
        try:
            read = await stub.Get(key_value_pb2.GetRequest(key=key), timeout=REQUEST_TIMEOUT_S + LATE_S)
            phase.answers["OK"] += 1
            self.written[key] += 1
            began = time.monotonic()
            put = key_value_pb2.PutRequest(key=key, value=b"written in turn %d" % turn, context=read.context)
            await stub.Put(put, timeout=REQUEST_TIMEOUT_S + LATE_S)
            phase.put_s.append(time.monotonic() - began)
            phase.answers["OK"] += 1
        except grpc.aio.AioRpcError as error:
            phase.answers[error.code().name] += 1
            click.echo(f"  {phase.name}: {error.code().name}: {error.details()}")


class Watch:
    """What the nodes say of the join."""

    def __init__(self, nodes: dict[str, NodeProcess]) -> None:
        self._inspect: dict[str, Any] = {
            name: inspect_pb2_grpc.InspectStub(node.channel) for name, node in nodes.items()
        }
        self._rings: dict[str, Any] = {name: ring_pb2_grpc.RingStub(node.channel) for name, node in nodes.items()}

    async def statuses(self) -> list[inspect_pb2.StatusResponse]:
        """Of all nodes."""
        return [await stub.Status(inspect_pb2.StatusRequest()) for stub in self._inspect.values()]

    async def moved(self) -> tuple[int, int]:
        """States that nodes took over or sent since their start, and their bytes."""
        tallies = [status.transfers for status in await self.statuses()]
        return sum(each.count for each in tallies), sum(each.bytes for each in tallies)

    async def owners(self, node: str) -> Owners:
        """As this node sees them."""
        ring = await self._rings[node].GetRing(ring_pb2.GetRingRequest())
        return [tuple(each.owners) for each in ring.partitions]

    async def is_over(self) -> bool:
        """Whether all nodes know of the newcomer, agree on everything, and have nothing to confirm."""
        statuses = await self.statuses()
        return len({bytes(each.view_digest) for each in statuses}) == 1 and all(
            len(each.members) == len(statuses) and not each.unconfirmed_partitions for each in statuses
        )

    async def is_settled(self) -> bool:
        """Whether nobody keeps a partition that it does not own."""
        owners = await self.owners(NEWCOMER)
        for name, stub in self._inspect.items():
            answer = await stub.MerkleRoots(inspect_pb2.MerkleRootsRequest())
            if any(name not in owners[each.partition] for each in answer.roots):
                return False
        return True


async def measure(options: "Options", folder: Path) -> tuple[Seen, Cost]:
    """Start three, let clients ask, let the fourth join, and look."""
    chance = random.Random(options.seed)
    with ports.lease(4) as lease, ExitStack() as stack:
        names = (*MEMBERS, NEWCOMER)
        book = {name: f"{ports.HOST}:{port}" for name, port in zip(names, lease.ports, strict=True)}
        actor = MEMBERS[0].encode() + os.urandom(8)
        nodes = {}
        for name in names:
            config = write_config(
                folder, name, book, members=[{"nodeId": member, "weight": 1} for member in MEMBERS], n=N, r=2, w=2,
                partitionCount=options.partitions, requestTimeoutMs=round(1e3 * REQUEST_TIMEOUT_S), seed=options.seed,
                handoffIntervalMs=round(1e3 * options.handoff_s), antiEntropyIntervalMs=2000, gossipIntervalMs=1000,
            )  # fmt: skip
            if name in MEMBERS:
                fill(folder / f"{name}-data", actor, options.keys, options.value_bytes)
            node = NodeProcess(shlex.split(options.command), config, book[name], folder / f"{name}.log")
            nodes[name] = stack.enter_context(node)
        for node in nodes.values():
            await node.start(START_S)
        watch = Watch(nodes)
        stubs = [key_value_pb2_grpc.KeyValueStub(nodes[name].channel) for name in MEMBERS]
        clients = Clients(stubs, options.keys, options.pace, chance)
        asking = asyncio.create_task(clients.run())
        try:
            return await follow(options, nodes, watch, clients)
        finally:
            asking.cancel()
            await clients.finish()
            for node in nodes.values():
                await node.channel.close()


async def follow(
    options: "Options", nodes: dict[str, NodeProcess], watch: Watch, clients: Clients
) -> tuple[Seen, Cost]:
    """The join itself, from before to after."""
    await asyncio.sleep(options.calm_s)
    before = await watch.owners(MEMBERS[0])
    clients.phase = calm = Phase("before")
    cpu_calm = {name: node.cpu_s for name, node in nodes.items()}
    await asyncio.sleep(options.calm_s)
    moved_before, bytes_before = await watch.moved()
    cpu_before = {name: node.cpu_s for name, node in nodes.items()}
    clients.written.clear()
    clients.phase = during = Phase("during")
    began = time.monotonic()
    membership: Any = membership_pb2_grpc.MembershipStub(nodes[MEMBERS[0]].channel)
    await membership.Join(membership_pb2.JoinRequest(member=config_pb2.Member(node_id=NEWCOMER, weight=1)))
    ends = began + options.patience_s
    over = await _until(watch.is_over, ends)
    over_s = time.monotonic() - began
    clients.phase = dropping = Phase("dropping")
    settled = await _until(watch.is_settled, ends)
    settled_s = time.monotonic() - began
    written = clients.written.total()
    moved, moved_bytes = await watch.moved()
    clients.phase = Phase("after")
    after = await watch.owners(NEWCOMER)
    cpu = {name: node.cpu_s - cpu_before[name] for name, node in nodes.items()}
    due = keys_due(before, after, options.keys)
    for phase in (calm, during, dropping):
        click.echo(phase.line())
    click.echo(
        f"over after {over_s:.1f} s, settled after {settled_s:.1f} s; "
        f"{(moved_bytes - bytes_before) / 2**20:.1f} MB of keys and states moved; "
        f"CPU {', '.join(f'{name} {used:.1f} s' for name, used in cpu.items())}, "
        f"before the join {sum(cpu_before.values()) - sum(cpu_calm.values()):.1f} s in {options.calm_s:g} s by all"
    )
    failures = during.failures + dropping.failures
    entries, least = sum(moves(before, after)), least_entries(before, after)
    seen = Seen(
        failures, during.answers["OK"], entries, least, len(nodes), due, moved - moved_before, written, over, settled
    )
    usual_s = (sum(cpu_before.values()) - sum(cpu_calm.values())) * settled_s / options.calm_s
    return seen, Cost(over_s, sum(cpu.values()) - usual_s, tuple(during.put_s), failures)


async def _until(holds: Callable[[], Awaitable[bool]], ends: float) -> bool:
    """Whether it comes to hold in time."""
    while time.monotonic() < ends:
        if await holds():
            return True
        await asyncio.sleep(LOOKS_EVERY_S)
    return False


def keys_due(before: Owners, after: Owners, keys: int) -> int:
    """How many keys new owners have to take over."""
    gained = moves(before, after)
    ring = Ring([Member(name) for name in MEMBERS], N, len(before))
    return sum(gained[ring.partition(key_of(number))] for number in range(keys))


@dataclass(frozen=True)
class Options:
    """What is measured."""

    keys: int
    value_bytes: int
    pace: float
    partitions: int
    handoff_s: float
    calm_s: float
    patience_s: float
    seed: int
    command: str


@click.command()
@click.option("--keys", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--value-bytes", type=click.IntRange(16), default=100, show_default=True)
@click.option("--pace", default=20.0, show_default=True, help="So many times a second a key is read and written.")
@click.option("--partitions", default="64", show_default=True, help="How many; or several numbers, by commas.")
@click.option("--handoff-s", default=10.0, show_default=True, help="The interval of attempts to hand over.")
@click.option("--calm-s", default=10.0, show_default=True, help="How long clients ask before the join.")
@click.option("--patience-s", default=540.0, show_default=True, help="How long the join may take.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the keys that are asked for.")
@click.option("--command", default=REFERENCE, help="Starts a node; its configuration's path follows.")
def main(**options: Any) -> None:
    """Print what a join moves and what clients see of it; 1 when that is not as the contract has it."""
    try:
        numbers = [int(each) for each in options.pop("partitions").split(",")]
    except ValueError as error:
        raise click.BadParameter("write a number, or several, with commas", param_hint="--partitions") from error
    costs: dict[int, Cost] = {}
    good = True
    for number in numbers:
        click.echo(f"{number} partitions")
        with tempfile.TemporaryDirectory(prefix="ringcheck-joining-") as folder:
            seen, costs[number] = asyncio.run(measure(Options(**options, partitions=number), Path(folder)))
        good = judged(verdict(seen)) and good
    if len(costs) > 1:
        click.echo(f"{COLUMNS}\n{'|---' * 7}|")
        for number, cost in costs.items():
            click.echo(cost.row(number, costs[numbers[0]]))
    sys.exit(not good)


if __name__ == "__main__":
    main()

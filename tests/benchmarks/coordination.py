"""Server-driven against client-driven coordination: table 2 of Dynamo's paper (section 6.4), in small.

    python -m tests.benchmarks.coordination [--seconds S] [--rounds N] [--in-flight N]

Five real nodes with N=3 and R=W=2. Server-driven, a client asks any node, as a load balancer would have it, which
hands a write on unless it is a home of the key. Client-driven, it is `ringcheck_reference.client`, which knows the ring
and asks the coordinator itself. Both use that client's channels, and put and get by turns; a Put carries the context
that the Get before has found, so that a key has one sibling.

The two take turns, slice by slice, since whatever else runs on the machine is felt by both; slices of a kind are one
sample. Ratios hold, milliseconds do not travel.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final

import click
from tests.benchmarks import clusters

from dynamo_node.v1 import inspect_pb2
from ringcheck_reference.client import Client, ClientError

NODES: Final = 5
KEYS: Final = 500
VALUE: Final = b"v" * 100
WARM_UP_S: Final = 3.0

PAPER: Final = {
    "read": {"average": (3.9, 1.55), "99.9th": (68.9, 30.4)},
    "write": {"average": (4.02, 1.9), "99.9th": (68.5, 30.4)},
}
"""Milliseconds: server-driven and client-driven."""


class LoadBalanced(Client):
    """Never hears of the ring, and so asks all nodes in turn."""

    async def refresh(self) -> bool:
        """See Client."""
        return False


class Times:
    """How long requests of one kind took, in seconds."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {"read": [], "write": []}
        self.failures = 0

    def average(self, what: str) -> float:
        """The mean."""
        return statistics.fmean(self.of[what])

    def percentile(self, what: str) -> float:
        """The 99.9th."""
        return statistics.quantiles(self.of[what], n=1000)[-1]


async def use(client: Client, in_flight: int, seconds: float, times: Times, numbers: Iterator[int]) -> None:
    """Get and Put, so many at a time, for so long."""
    end = time.monotonic() + seconds

    async def work() -> None:
        while time.monotonic() < end:
            key = b"key %d" % (next(numbers) % KEYS)
            try:
                began = time.monotonic()
                found = await client.get(key)
                read = time.monotonic()
                await client.put(key, VALUE, found.context)
                written = time.monotonic()
            except ClientError:
                times.failures += 1
                continue
            times.of["read"].append(read - began)
            times.of["write"].append(written - read)

    await asyncio.gather(*(work() for _ in range(in_flight)))


async def forwarded(asked: Sequence[clusters.Node]) -> int:
    """How many requests were handed on since start."""
    statuses = [await node.inspect.Status(inspect_pb2.StatusRequest(), timeout=10) for node in asked]
    return sum(status.forwarded_requests.count for status in statuses)


async def measure(rounds: int, seconds: float, in_flight: int) -> tuple[dict[str, Times], dict[str, int]]:
    """The times of both kinds, and how many requests were handed on while they were taken."""
    times = {"server": Times(), "client": Times()}
    handed_on = {"server": 0, "client": 0}
    numbers = itertools.count()
    async with clusters.running(NODES) as asked:
        addresses = {node.id: node.address for node in asked}
        async with LoadBalanced(addresses) as server_driven, Client(addresses) as client_driven:
            clients = {"server": server_driven, "client": client_driven}
            for client in clients.values():
                await use(client, in_flight, WARM_UP_S, Times(), numbers)
            for _ in range(rounds):
                for kind, client in clients.items():
                    before = await forwarded(asked)
                    await use(client, in_flight, seconds, times[kind], numbers)
                    handed_on[kind] += await forwarded(asked) - before
    return times, handed_on


def lines(times: dict[str, Times]) -> Iterator[str]:
    """The table: each figure of both kinds, and how many times as slow server-driven is, here and in the paper."""
    yield "                  server ms  client ms    ratio    paper: server ms  client ms    ratio"
    for what in ("read", "write"):
        for name, function in (("average", Times.average), ("99.9th", Times.percentile)):
            server, client = (1e3 * function(times[kind], what) for kind in ("server", "client"))
            theirs, ours = PAPER[what][name]
            yield (
                f"{name + ' ' + what:16}{server:11.2f}{client:11.2f}{server / client:9.2f}"
                f"{theirs:20.2f}{ours:11.2f}{theirs / ours:9.2f}"
            )


@click.command()
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(1), help="How many slices of each kind.")
@click.option("--seconds", default=6.0, show_default=True, help="How long a slice is.")
@click.option("--in-flight", default=4, show_default=True, type=click.IntRange(1), help="Requests at a time.")
def main(rounds: int, seconds: float, in_flight: int) -> None:
    """Print averages and 99.9th percentiles of reads and writes, server-driven and client-driven."""
    times, handed_on = asyncio.run(measure(rounds, seconds, in_flight))
    for line in lines(times):
        click.echo(line)
    for kind, each in times.items():
        count = len(each.of["write"])
        click.echo(
            f"{kind}-driven: {count} reads and as many writes, {handed_on[kind]} handed on, {each.failures} failures"
        )


if __name__ == "__main__":
    main()

"""How long a node with a million keys takes to start again after a crash, and what it holds in memory.

    python -m tests.benchmarks.million [--keys 1000000] [--value-bytes 100] [--partitions 64]

The data directory is filled through the node's own store, with states as its coordinator makes them. Then the node is
started as a process of its own, asked for the roots of its trees, written to, killed (SIGKILL), and started again. What
is measured at the second start is the time from exec to SERVING, the time until its trees are whole (it gives
their roots no sooner) with the slowest Get meanwhile, and the most that the process held in memory (VmHWM) in the end.

What was written before the crash must be there, and the roots must be those from before it: a tree that was believed
although writes followed it would give others. CPU time is compared with that of one pass over the rows with one hash of
each, in this process.
"""

import asyncio
import hashlib
import os
import random
import shlex
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import grpc.aio
from tests.benchmarks.filling import fill, key_of, value_of
from tests.benchmarks.nodes import REFERENCE, NodeProcess, judged, write_config

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc, key_value_pb2, key_value_pb2_grpc
from ringcheck_chaos import ports
from ringcheck_reference.shell.schema import DATABASE_NAME

NODE: Final = "n1"
SAMPLE: Final = 1000
"""So many keys are asked for, and so many others are written before the crash."""
START_S: Final = 120.0
ZERO: Final = bytes(32)


@dataclass(frozen=True)
class Seen:
    """What one run has shown."""

    keys: int
    serving_s: float
    whole_s: float
    """From exec until the trees were whole."""
    peak_mb: float
    answered: int
    """How many Gets were answered before that."""
    missing: int
    """How many of the keys asked for were not there."""
    same_roots: bool
    """Whether the roots are those from before the crash."""


def verdict(seen: Seen, within_s: float, within_mb: float) -> list[tuple[bool, str]]:
    """What was asked, and whether it was seen. A node that has lost keys, or its trees, was fast for nothing."""
    a_key = seen.peak_mb * 2**20 / seen.keys
    return [
        (seen.serving_s <= within_s, f"SERVING within {within_s:g} s of exec after a crash: {seen.serving_s:.2f} s"),
        (seen.peak_mb <= within_mb, f"at most {within_mb:g} MB in memory: {seen.peak_mb:.0f} MB, {a_key:.0f} B a key"),
        (seen.answered > 0, f"Gets are answered before the trees are whole, {seen.whole_s:.2f} s after exec"),
        (not seen.missing, f"every key asked for is there: {seen.missing} are missing"),
        (seen.same_roots, "the roots of all trees are those from before the crash"),
    ]


def floor_s(directory: Path) -> float:
    """The CPU time of reading every row and hashing it once."""
    began = time.process_time()
    connection = sqlite3.connect(directory / DATABASE_NAME)
    for _, state in connection.execute("SELECT key, state FROM replica"):
        hashlib.sha256(state).digest()
    connection.close()
    return time.process_time() - began


async def roots(channel: grpc.aio.Channel) -> dict[int, bytes]:
    """The root of each partition."""
    stub: Any = inspect_pb2_grpc.InspectStub(channel)
    answer = await stub.MerkleRoots(inspect_pb2.MerkleRootsRequest())
    return {each.partition: each.root for each in answer.roots}


class Reader:
    """Gets all of `expected` in turn."""

    def __init__(self, channel: grpc.aio.Channel, expected: dict[bytes, bytes]) -> None:
        self._stub: Any = key_value_pb2_grpc.KeyValueStub(channel)
        self._expected = expected
        self.times: list[float] = []
        """How long each took."""

    async def count_missing(self) -> int:
        """How many of the keys do not have just the value that is expected."""
        missing = 0
        for key, value in self._expected.items():
            began = time.monotonic()
            answer = await self._stub.Get(key_value_pb2.GetRequest(key=key))
            self.times.append(time.monotonic() - began)
            missing += list(answer.values) != [value]
        return missing


async def write(channel: grpc.aio.Channel, keys: range, size: int) -> dict[bytes, bytes]:
    """Put new values under keys of these numbers; returns them."""
    stub: Any = key_value_pb2_grpc.KeyValueStub(channel)
    written = {}
    for number in keys:
        key, value = key_of(number), value_of(-1 - number, size)
        context = (await stub.Get(key_value_pb2.GetRequest(key=key))).context
        await stub.Put(key_value_pb2.PutRequest(key=key, value=value, context=context))
        written[key] = value
    return written


async def measure(command: str, folder: Path, keys: int, size: int, partitions: int, chance: random.Random) -> Seen:
    """Fill, start, write, kill, start again, and look."""
    with ports.lease(1) as lease:
        address = f"{ports.HOST}:{lease.ports[0]}"
        members = [{"nodeId": NODE, "weight": 1}]
        config = write_config(folder, NODE, {NODE: address}, members=members, n=1, r=1, w=1, partitionCount=partitions)
        directory = folder / f"{NODE}-data"
        fill(directory, NODE.encode() + os.urandom(8), keys, size)
        megabytes = sum(file.stat().st_size for file in directory.iterdir()) / 2**20
        click.echo(f"filled: {keys:,} keys with values of {size} bytes, {megabytes:,.0f} MB on the disk")
        least = floor_s(directory)
        with NodeProcess(shlex.split(command), config, address, folder / "log") as node:
            first_s = await node.start(START_S)
            click.echo(f"first start: SERVING after {first_s:.2f} s, {node.cpu_s:.2f} s of CPU, {node.rss_mb:.0f} MB")
            before = await roots(node.channel)
            click.echo(f"roots of {len(before)} trees: {node.cpu_s:.2f} s of CPU, {node.rss_mb:.0f} MB")
            expected = {key_of(each): value_of(each, size) for each in chance.sample(range(SAMPLE, keys), SAMPLE)}
            expected |= await write(node.channel, range(SAMPLE), size)
            before = await roots(node.channel)
            node.kill()
            began = time.monotonic()
            serving_s = await node.start(START_S)
            click.echo(f"after a crash: SERVING after {serving_s:.2f} s, {node.cpu_s:.2f} s of CPU")
            reader = Reader(node.channel, expected)
            reading = asyncio.create_task(reader.count_missing())
            after = await roots(node.channel)
            whole_s, answered, cpu_s = time.monotonic() - began, len(reader.times), node.cpu_s
            click.echo(
                f"trees whole after {whole_s:.2f} s, {cpu_s:.2f} s of CPU, {cpu_s / least:.1f} times one pass over the "
                f"rows; {answered} Gets meanwhile, the slowest {1e3 * max(reader.times, default=0):.0f} ms"
            )
            missing = await reading
            is_same = before == after and len(after) == partitions and ZERO not in after.values()
            return Seen(keys, serving_s, whole_s, node.peak_mb, answered, missing, is_same)


@click.command()
@click.option("--keys", type=click.IntRange(4 * SAMPLE), default=1_000_000, show_default=True)
@click.option("--value-bytes", type=click.IntRange(16), default=100, show_default=True)
@click.option("--partitions", type=click.IntRange(1), default=64, show_default=True)
@click.option("--within-s", default=10.0, show_default=True, help="From exec to SERVING.")
@click.option("--within-mb", default=600.0, show_default=True, help="The most that the process may hold.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the keys that are asked for.")
@click.option("--command", default=REFERENCE, help="Starts a node; its configuration's path follows.")
def main(
    keys: int, value_bytes: int, partitions: int, within_s: float, within_mb: float, seed: int, command: str
) -> None:
    """Print how long a full node takes to start again and what it holds in memory; 1 when that is too much."""
    with tempfile.TemporaryDirectory(prefix="ringcheck-million-") as folder:
        seen = asyncio.run(measure(command, Path(folder), keys, value_bytes, partitions, random.Random(seed)))
    sys.exit(not judged(verdict(seen, within_s, within_mb)))


if __name__ == "__main__":
    main()

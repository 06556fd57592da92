"""What a durable Put costs at three reference nodes, in CPU time, against one bare gRPC echo.

    python -m tests.benchmarks.puts [--in-flight N …] [--data-below DIRECTORY]

The nodes are real processes with N=3, W=2 and a disk each; values have 100 bytes, and each Put carries the context that
the Put before returned for its key, so that a key has one sibling. Clients ask the three nodes in turn; each is a home
of every key, and coordinates what it is asked.

The echo is the least that a call of `grpc.aio` can be: one process that answers with the bytes that it was sent.
CPU time is that of all processes of either, the client included. Echo and Puts take turns, slice by slice, because
whatever else runs on the machine takes caches and cycles away from both; ratios are those of neighbouring slices, and
the middle one is shown. Time to answer is that of a call alone in flight. What of it the disk takes is seen with
`--data-below` a directory in memory, such as /dev/shm, where syncing costs nothing.
"""

import asyncio
import itertools
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import grpc
import grpc.aio
from tests.benchmarks.nodes import REFERENCE, THREE_COPIES, cpu_s, until_serving, write_config

from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
from ringcheck_chaos import ports

NODES: Final = ("n1", "n2", "n3")
KEYS: Final = 1000
VALUE: Final = b"v" * 100
ECHO: Final = "/benchmark.Echo/Echo"
START_S: Final = 30.0

Call = Callable[[], Awaitable[object]]
"""One call of a client, from its beginning to its answer."""


@dataclass(frozen=True)
class Slice:
    """What so many calls took."""

    calls: int
    """How many ended well."""
    failures: int
    elapsed_s: float
    client_s: float
    """CPU time of the client."""
    served_s: float
    """CPU time of those that it asked."""

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU time a call."""
        return 1e6 * (self.client_s + self.served_s) / self.calls


class Subject:
    """Processes that are asked."""

    def __init__(self, call: Call, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._call = call
        self._pids = [process.pid for process in processes]

    async def slice(self, in_flight: int, seconds: float) -> Slice:
        """Keep so many calls in flight for so long."""
        calls = failures = 0
        end = time.monotonic() + seconds

        async def ask() -> None:
            nonlocal calls, failures
            while time.monotonic() < end:
                try:
                    await self._call()
                    calls += 1
                except grpc.aio.AioRpcError:
                    failures += 1

        served, client, began = self._served_s(), time.process_time(), time.monotonic()
        await asyncio.gather(*(ask() for _ in range(in_flight)))
        elapsed = time.monotonic() - began
        return Slice(calls, failures, elapsed, time.process_time() - client, self._served_s() - served)

    async def median_s(self, seconds: float) -> float:
        """The median time to an answer, with one call in flight for so long."""
        times = []
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            with suppress(grpc.aio.AioRpcError):
                await self._call()
                times.append(time.monotonic() - began)
        return statistics.median(times)

    def _served_s(self) -> float:
        return sum(map(cpu_s, self._pids))


class Puts:
    """A client that puts all keys in turn."""

    def __init__(self, channels: Iterable[grpc.aio.Channel]) -> None:
        stubs: list[Any] = [key_value_pb2_grpc.KeyValueStub(channel) for channel in channels]
        # A key goes to another node each time around: KEYS is no multiple of three.
        self._turns = itertools.cycle(stubs)
        self._keys = itertools.cycle(range(KEYS))
        self._contexts = [b""] * KEYS

    async def put(self) -> None:
        """Put the next key."""
        key = next(self._keys)
        stub = next(self._turns)
        request = key_value_pb2.PutRequest(key=_key(key), value=VALUE, context=self._contexts[key])
        self._contexts[key] = (await stub.Put(request)).context


def _key(number: int) -> bytes:
    return b"key %d" % number


@contextmanager
def processes(commands: Sequence[Sequence[str]], logs: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One process for each command, killed at the end."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        with logs.open("wb") as log:
            running += [subprocess.Popen(command, stderr=log) for command in commands]
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def commit_s(folder: Path) -> float:
    """The median time of what every Put waits for at least once: a small write and its way to the disk."""
    times = []
    with (folder / "commit").open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.monotonic()
            file.write(VALUE)
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return statistics.median(times)


async def answer_echoes(address: str) -> None:
    """Answer each call with what it was sent, for ever."""

    async def echo(request: bytes, _context: object) -> bytes:
        return request

    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("benchmark.Echo", {"Echo": handler})])
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


class Measurement:
    """Echo and Puts side by side, `rounds` slices each of `seconds`."""

    def __init__(self, echo: Subject, puts: Subject, rounds: int, seconds: float) -> None:
        self._echo = echo
        self._puts = puts
        self._rounds = rounds
        self._seconds = seconds

    async def warm_up(self) -> None:
        """Let connections, caches and beliefs settle."""
        for subject in (self._echo, self._puts):
            await subject.slice(16, self._seconds)

    async def cost(self, in_flight: int) -> str:
        """One line: CPU time a call."""
        pairs = [
            (await self._echo.slice(in_flight, self._seconds), await self._puts.slice(in_flight, self._seconds))
            for _ in range(self._rounds)
        ]
        ratio = statistics.median(puts.cpu_us / echo.cpu_us for echo, puts in pairs)
        echo_us = statistics.median(echo.cpu_us for echo, _ in pairs)
        puts_us = statistics.median(puts.cpu_us for _, puts in pairs)
        client_us = statistics.median(1e6 * puts.client_s / puts.calls for _, puts in pairs)
        pace = statistics.median(puts.calls / puts.elapsed_s for _, puts in pairs)
        failures = sum(puts.failures for _, puts in pairs)
        return f"{in_flight:9}{echo_us:10.0f}{puts_us:10.0f}{client_us:10.0f}{pace:10.0f}{ratio:10.2f}{failures:10}"

    async def time_to_answer(self) -> str:
        """One line: how long a call takes that is alone."""
        pairs = [
            (await self._echo.median_s(self._seconds), await self._puts.median_s(self._seconds))
            for _ in range(self._rounds)
        ]
        ratio = statistics.median(puts / echo for echo, puts in pairs)
        echo_ms, puts_ms = (1e3 * statistics.median(times) for times in zip(*pairs, strict=True))
        return f"alone in flight, p50: echo {echo_ms:.2f} ms, Put {puts_ms:.2f} ms, ratio {ratio:.2f}"


async def measure(
    command: Sequence[str],
    in_flight: Sequence[int],
    rounds: int,
    seconds: float,
    data_below: Path | None,
) -> None:
    """Start everything, and print a line for each number in flight."""
    with ports.lease(4) as lease, tempfile.TemporaryDirectory(dir=data_below) as name:
        folder = Path(name)
        addresses = [f"{ports.HOST}:{port}" for port in lease.ports]
        book = dict(zip(NODES, addresses, strict=False))
        members = [{"nodeId": member, "weight": 1} for member in NODES]
        configs = [write_config(folder, each, book, members=members, **THREE_COPIES) for each in NODES]
        commands = [[*command, str(config)] for config in configs]
        commands.append([sys.executable, "-m", "tests.benchmarks.puts", "--serve-echo", addresses[-1]])
        with processes(commands, folder / "log") as running:
            channels = [grpc.aio.insecure_channel(address) for address in book.values()]
            for channel in channels:
                await until_serving(channel, START_S)
            puts = Puts(channels)
            echo_channel = grpc.aio.insecure_channel(addresses[-1])
            echo: Any = echo_channel.unary_unary(ECHO)
            await echo(VALUE, wait_for_ready=True)
            measurement = Measurement(
                Subject(lambda: echo(VALUE), running[-1:]), Subject(puts.put, running[:-1]), rounds, seconds
            )
            await measurement.warm_up()
            click.echo("in flight   echo us    put us of client    puts/s     ratio  failures")
            for number in in_flight:
                click.echo(await measurement.cost(number))
            click.echo(await measurement.time_to_answer())
            click.echo(f"a write of {len(VALUE)} bytes to the disk, p50: {1e3 * commit_s(folder):.2f} ms")
            for channel in (*channels, echo_channel):
                await channel.close()


@click.command()
@click.option("--in-flight", multiple=True, type=click.IntRange(1), default=(16, 64), help="One line for each.")
@click.option(
    "--data-below",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the nodes keep their data while it lasts; else where temporary files go.",
)
@click.option("--rounds", default=15, show_default=True, help="How many slices of each are measured.")
@click.option("--seconds", default=1.0, show_default=True, help="How long a slice is.")
@click.option(
    "--command", default=REFERENCE, show_default=True, help="Starts a node; its configuration's path follows."
)
@click.option("--serve-echo", hidden=True, help="Be the echo, at this address.")
def main(
    in_flight: Sequence[int],
    data_below: Path | None,
    rounds: int,
    seconds: float,
    command: str,
    serve_echo: str | None,
) -> None:
    """Print the CPU time of an echo and of a Put, in microseconds a call, and the ratio of both."""
    if serve_echo:
        asyncio.run(answer_echoes(serve_echo))
    else:
        asyncio.run(measure(shlex.split(command), in_flight, rounds, seconds, data_below))


if __name__ == "__main__":
    main()

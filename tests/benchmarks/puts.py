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

Beside each ratio stands what is asked of it. The exit code is 1 where one is higher than that.
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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import grpc
import grpc.aio
from tests.benchmarks import clusters
from tests.benchmarks.nodes import REFERENCE, cpu_s

from dynamo_node.v1 import key_value_pb2
from ringcheck_chaos import ports

NODES: Final = 3
KEYS: Final = 1000
VALUE: Final = b"v" * 100
ECHO: Final = "/benchmark.Echo/Echo"
START_S: Final = 30.0
MOST_CPU, GOAL_CPU = 4.0, 2.5
"""How many times the CPU time of an echo a Put may take, and what we are after."""
MOST_ALONE = 4.0
"""How many times as long as an echo a Put may take that is alone in flight."""

Call = Callable[[], Awaitable[object]]
"""One call of a client, from its beginning to its answer."""


@dataclass(frozen=True)
class Ratio:
    """What a Put takes, in echoes; it should take no more than `most`, and we are after `goal`, where there is one."""

    of: str
    found: float
    most: float
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether it is no higher than is asked."""
        return self.found <= self.most

    def __str__(self) -> str:
        asked = f"asked {self.most:g}" + ("" if self.goal is None else f", goal {self.goal:g}")
        if not self.is_met:
            return f"{asked}: not met"
        return f"{asked}: " + ("met" if self.goal is None or self.found <= self.goal else "met, the goal is not")


def shortfall(ratios: Sequence[Ratio]) -> str:
    """One sentence of the limits that are not met; empty when all are."""
    over = [f"{each.of} {each.found:.2f} instead of {each.most:g}" for each in ratios if not each.is_met]
    if not over:
        return ""
    return (
        f"Not met: {', '.join(over)}; a machine with more to do can cause that, so repeat it when it is quiet before "
        "you believe it."
    )


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
    """Processes that are asked, by one client; `served_s` gives the CPU time that they have used, in seconds."""

    def __init__(self, call: Call, served_s: Callable[[], float]) -> None:
        self._call = call
        self._served_s = served_s

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
        _check_answered(calls, seconds)
        return Slice(calls, failures, elapsed, time.process_time() - client, self._served_s() - served)

    async def median_s(self, seconds: float) -> float:
        """The median time to an answer, with one call in flight for so long."""
        times = []
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            with suppress(grpc.aio.AioRpcError):
                await self._call()
                times.append(time.monotonic() - began)
        _check_answered(len(times), seconds)
        return statistics.median(times)


def _check_answered(answered: int, seconds: float) -> None:
    if not answered:
        raise click.ClickException(
            f"Nothing was answered in {seconds:g} s: the machine is too busy to measure anything; "
            "try again when it is not, or give --seconds more."
        )


class Puts:
    """A client that puts all keys in turn."""

    def __init__(self, nodes: Sequence[clusters.Node]) -> None:
        # A key goes to another node each time around: KEYS is no multiple of three.
        self._turns = itertools.cycle([node.key_value for node in nodes])
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


def subject(nodes: Sequence[clusters.Node]) -> Subject:
    """Three nodes that a client puts to."""
    return Subject(Puts(nodes).put, lambda: sum(node.cpu_s for node in nodes))


def by(command: str) -> clusters.Command:
    """What starts a node by a command that the path of its configuration follows."""
    return lambda config: [*shlex.split(command), str(config)]


@contextmanager
def echo_server() -> Iterator[tuple[str, int]]:
    """A process that echoes: its address and its id."""
    with ports.lease(1) as lease:
        address = f"{ports.HOST}:{lease.ports[0]}"
        process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.puts", "--serve-echo", address])
        try:
            yield address, process.pid
        finally:
            process.kill()
            process.wait()


@asynccontextmanager
async def echoing() -> AsyncIterator[Subject]:
    """The echo and its client."""
    with echo_server() as (address, pid):
        async with grpc.aio.insecure_channel(address) as channel:
            echo: Any = channel.unary_unary(ECHO)
            await echo(VALUE, wait_for_ready=True, timeout=START_S)
            yield Subject(lambda: echo(VALUE), lambda: cpu_s(pid))


def commit_s(data_below: Path | None) -> float:
    """The median time of what every Put waits for at least once: a small write and its way to the disk."""
    times = []
    with tempfile.NamedTemporaryFile(buffering=0, dir=data_below) as file:
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

    async def cost(self, in_flight: int) -> tuple[str, Ratio]:
        """CPU time a call: one line, and the ratio in it."""
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
        found = Ratio(f"CPU time with {in_flight} in flight", ratio, MOST_CPU, GOAL_CPU)
        return (
            f"{in_flight:9}{echo_us:10.0f}{puts_us:10.0f}{client_us:10.0f}{pace:10.0f}{failures:10}{ratio:10.2f}"
            f"  {found}",
            found,
        )

    async def time_to_answer(self) -> tuple[str, Ratio]:
        """How long a call takes that is alone: one line, and the ratio in it."""
        pairs = [
            (await self._echo.median_s(self._seconds), await self._puts.median_s(self._seconds))
            for _ in range(self._rounds)
        ]
        ratio = statistics.median(puts / echo for echo, puts in pairs)
        echo_ms, puts_ms = (1e3 * statistics.median(times) for times in zip(*pairs, strict=True))
        found = Ratio("p50 alone in flight", ratio, MOST_ALONE)
        return f"alone in flight, p50: echo {echo_ms:.2f} ms, Put {puts_ms:.2f} ms, ratio {ratio:.2f}  {found}", found


async def measure(
    command: str,
    in_flight: Sequence[int],
    rounds: int,
    seconds: float,
    data_below: Path | None,
) -> Sequence[Ratio]:
    """Start everything, and print a line for each number in flight; returns the ratios."""
    ratios: list[Ratio] = []
    async with clusters.running(NODES, by(command), data_below) as nodes, echoing() as echo:
        measurement = Measurement(echo, subject(nodes), rounds, seconds)
        await measurement.warm_up()
        click.echo("in flight   echo us    put us of client    puts/s  failures     ratio")
        for number in in_flight:
            line, ratio = await measurement.cost(number)
            click.echo(line)
            ratios.append(ratio)
        line, ratio = await measurement.time_to_answer()
        click.echo(line)
        ratios.append(ratio)
        click.echo(f"a write of {len(VALUE)} bytes to the disk, p50: {1e3 * commit_s(data_below):.2f} ms")
    return ratios


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
    """Print the CPU time of an echo and of a Put, in microseconds a call, and the ratio of both.

    Beside each ratio stands what is asked of it. Ends with 1 where one is higher, as on a machine with more to do it
    may be: repeat it then.
    """
    if serve_echo:
        asyncio.run(answer_echoes(serve_echo))
    elif not_met := shortfall(asyncio.run(measure(command, in_flight, rounds, seconds, data_below))):
        raise click.ClickException(not_met)


if __name__ == "__main__":
    main()

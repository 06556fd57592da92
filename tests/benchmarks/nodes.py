"""Reference nodes as real processes, for commands that measure them from outside."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import click
import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

REFERENCE: Final = f"{shlex.quote(sys.executable)} -m ringcheck_reference"
THREE_COPIES: Final = {"n": 3, "r": 2, "w": 2, "partitionCount": 16}
"""Fields of a NodeConfig, in its JSON."""
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_LOOKS_EVERY_S: Final = 0.02


def cpu_s(pid: int) -> float:
    """The CPU time that a process has used, all its threads in user and kernel mode."""
    # The name, in brackets, may hold spaces; utime and stime are the 14th and 15th field of proc(5).
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS_A_SECOND


class NodeProcess:
    """One node: `start` it, look at it, and kill it; it dies with the `with` block at the latest."""

    def __init__(self, command: Sequence[str], config: Path, address: str, log: Path) -> None:
        self._argv = [*command, str(config)]
        self._address = address
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.channel = grpc.aio.insecure_channel(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    async def start(self, within_s: float) -> float:
        """Start it, and return how many seconds it took from exec until it said SERVING."""
        began = time.monotonic()
        self._process = self._spawn()
        await self.channel.close()
        self.channel = grpc.aio.insecure_channel(self._address)
        health = health_pb2_grpc.HealthStub(self.channel)
        while not await _serves(health):
            if self._process.poll() is not None or time.monotonic() - began > within_s:
                raise click.ClickException(f"A node did not serve within {within_s:g} s:\n{self._log.read_text()}")
            await asyncio.sleep(_LOOKS_EVERY_S)
        return time.monotonic() - began

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def cpu_s(self) -> float:
        """The CPU time that it has used, in seconds."""
        return cpu_s(self._pid)

    @property
    def rss_mb(self) -> float:
        """What it holds in memory now, in MB of 2^20 bytes."""
        return self._memory("VmRSS")

    @property
    def peak_mb(self) -> float:
        """The most that it has held so far."""
        return self._memory("VmHWM")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._argv, stderr=log)

    def _memory(self, field: str) -> float:
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid


async def until_serving(channel: grpc.aio.Channel, within_s: float) -> None:
    """Return once a node serves; raises TimeoutError."""
    health = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(within_s):
        while True:
            if await _serves(health, wait_for_ready=True):
                return
            await asyncio.sleep(_LOOKS_EVERY_S)


async def _serves(health: Any, *, wait_for_ready: bool = False) -> bool:
    try:
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=1.0, wait_for_ready=wait_for_ready)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def write_config(folder: Path, node: str, book: Mapping[str, str], **fields: object) -> Path:
    """The file of one node's NodeConfig, with a new data directory; `fields` are as in its JSON."""
    data = folder / f"{node}-data"
    data.mkdir()
    config = {
        "nodeId": node,
        "listenAddress": book[node],
        "dataDirectory": str(data),
        "addressBook": dict(book),
        **fields,
    }
    path = folder / f"{node}.json"
    path.write_text(json.dumps(config))
    return path


def judged(checks: Sequence[tuple[bool, str]], say: Callable[[str], object] = click.echo) -> bool:
    """Print a verdict line for each (whether it holds, what was to hold and what was seen); whether all hold."""
    for holds, words in checks:
        say(f"{'ok' if holds else 'NOT SHOWN'}: {words}")
    return bool(checks) and all(holds for holds, _ in checks)

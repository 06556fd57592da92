"""Clusters of reference nodes as processes, for benchmarks: started together, gone at the end."""

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc.aio
from tests.benchmarks.nodes import THREE_COPIES, cpu_s, until_serving, write_config

from dynamo_node.v1 import inspect_pb2_grpc, key_value_pb2_grpc, ring_pb2_grpc
from ringcheck_chaos import ports

Command = Callable[[Path], Sequence[str]]
"""From the path of a NodeConfig to what starts the node."""

START_S: Final = 60.0


def reference(config: Path) -> Sequence[str]:
    """As everybody starts it."""
    return [sys.executable, "-m", "ringcheck_reference", str(config)]


class Node:
    """One node: its process while it runs, a channel and stubs."""

    def __init__(self, node_id: str, address: str, command: Sequence[str], log: Path) -> None:
        self.id = node_id
        self.address = address
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._channel = grpc.aio.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        )
        self.key_value: Any = key_value_pb2_grpc.KeyValueStub(self._channel)
        self.ring: Any = ring_pb2_grpc.RingStub(self._channel)
        self.inspect: Any = inspect_pb2_grpc.InspectStub(self._channel)

    def start(self) -> None:
        """Start the process; does not wait."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stderr=log)

    @property
    def cpu_s(self) -> float:
        """The CPU time that its process has used, in seconds; 0 without one."""
        return 0.0 if self._process is None else cpu_s(self._process.pid)

    async def serving(self) -> None:
        """Return once it serves."""
        await until_serving(self._channel, START_S)

    def kill(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def close(self) -> None:
        """Leave nothing behind."""
        await self._channel.close()
        self.kill()


@asynccontextmanager
async def running(
    count: int, command: Command = reference, data_below: Path | None = None
) -> AsyncIterator[list[Node]]:
    """So many nodes with N=3 and R=W=2 and an empty disk each, all serving.

    Their data are where temporary files go, or below the directory given.
    """
    with ports.lease(count) as lease, tempfile.TemporaryDirectory(dir=data_below) as name:
        folder = Path(name)
        book = {f"n{number}": f"{ports.HOST}:{port}" for number, port in enumerate(lease.ports, 1)}
        members = [{"nodeId": member, "weight": 1} for member in book]
        configs = {each: write_config(folder, each, book, members=members, **THREE_COPIES) for each in book}
        nodes = [Node(each, book[each], command(configs[each]), folder / f"{each}.log") for each in book]
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                await node.serving()
            yield nodes
        finally:
            for node in nodes:
                await node.close()

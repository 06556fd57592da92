"""Reference nodes as real processes, on leased ports, gone at the end of each test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import inspect_pb2_grpc, key_value_pb2_grpc, membership_pb2_grpc, node_pb2_grpc, ring_pb2_grpc
from ringcheck_chaos import ports

DEADLINE_S = 30.0
REFERENCE = (sys.executable, "-m", "ringcheck_reference")


class LiveNode:
    """One node: its configuration, its process while it runs, and stubs to call it."""

    def __init__(self, config: dict[str, Any], folder: Path, command: Sequence[str]) -> None:
        self.command = command
        self.node_id: str = config["nodeId"]
        self.config = config
        self.config_path = folder / f"{self.node_id}.json"
        self.log_path = folder / f"{self.node_id}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.channel = grpc.insecure_channel(
            config["listenAddress"],
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 100),
            ],
        )
        self.key_value = key_value_pb2_grpc.KeyValueStub(self.channel)
        self.node = node_pb2_grpc.NodeStub(self.channel)
        self.ring = ring_pb2_grpc.RingStub(self.channel)
        self.inspect = inspect_pb2_grpc.InspectStub(self.channel)
        self.membership = membership_pb2_grpc.MembershipStub(self.channel)

    def start(self) -> None:
        """Start the process; does not wait."""
        self.config_path.write_text(json.dumps(self.config))
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, str(self.config_path)],
                stderr=log,
                env=os.environ | {"RINGCHECK_LOG": "info"},
            )

    def wait_until_serving(self) -> None:
        """Return once health says SERVING; fails with the node's log otherwise."""
        assert self.process is not None
        stub = health_pb2_grpc.HealthStub(self.channel)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                time.sleep(0.01)
                continue
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
            time.sleep(0.01)
        pytest.fail(f"{self.node_id} did not get healthy:\n{self.log_path.read_text()}")

    def end(self, signal_number: signal.Signals) -> int:
        """Send a signal and return the exit code (minus the signal's number after a kill)."""
        assert self.process is not None
        self.process.send_signal(signal_number)
        code = self.process.wait(DEADLINE_S)
        self.process = None
        return code

    def close(self) -> None:
        """Leave nothing behind."""
        self.channel.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE_S)


def node_configs(count: int, joiners: int, addresses: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """NodeConfigs of `count` equal members and some that join later, with N=3, R=W=2, in protobuf's JSON mapping."""
    names = [f"n{number}" for number in range(1, count + joiners + 1)]
    book = dict(zip(names, addresses, strict=True))
    configs = []
    for name in names:
        directory = folder / f"{name}-data"
        directory.mkdir()
        configs.append(
            {
                "nodeId": name,
                "listenAddress": book[name],
                "dataDirectory": str(directory),
                "n": min(count, 3),
                "r": min(count, 2),
                "w": min(count, 2),
                "partitionCount": 16,
                "members": [{"nodeId": member, "weight": 1} for member in names[:count]],
                "addressBook": book,
            }
        )
    return configs


StartNodes = Callable[..., list[LiveNode]]
"""(how many, command before the configuration's path = the reference, joiners = how many more) to nodes."""


@pytest.fixture
def make_nodes(tmp_path: Path) -> Iterator[StartNodes]:
    """Makes nodes that are not started yet."""
    leases: list[ports.PortLease] = []
    made: list[LiveNode] = []

    def make(count: int, command: Sequence[str] = REFERENCE, joiners: int = 0) -> list[LiveNode]:
        lease = ports.lease(count + joiners)
        leases.append(lease)
        folder = tmp_path / f"cluster-{len(leases)}"
        folder.mkdir()
        addresses = [f"127.0.0.1:{port}" for port in lease.ports]
        nodes = [LiveNode(config, folder, command) for config in node_configs(count, joiners, addresses, folder)]
        made.extend(nodes)
        return nodes

    yield make
    for node in made:
        node.close()
    for lease in leases:
        lease.release()


@pytest.fixture
def start_nodes(make_nodes: StartNodes) -> StartNodes:
    """Makes nodes, starts them all at once, and waits until they serve."""

    def start(count: int, command: Sequence[str] = REFERENCE, joiners: int = 0) -> list[LiveNode]:
        nodes = make_nodes(count, command, joiners)
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_until_serving()
        return nodes

    return start

"""One node of a cluster: its process, the way straight to it, and the way of its clients."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc
from google.protobuf import json_format

from dynamo_node.v1 import config_pb2
from ringcheck.client import Client, open_channel
from ringcheck.description import read_description
from ringcheck.errors import MachineError, TargetError
from ringcheck.health import check_services, describe, wait_until_serving
from ringcheck.history import Description
from ringcheck.schedule import Configuration
from ringcheck.target import Target
from ringcheck_chaos.disks import Disk
from ringcheck_chaos.processes import Process, ProcessError, Supervisor, SupervisorGoneError

LOG_LINES = 8
CONNECT_S = 1.0


class Node:
    """A node that can be started again and again. `up` is what we believe; a process may end without being asked."""

    def __init__(self, node_id: str, address: str, process: Process, disk: Disk, config: Path) -> None:
        self.id = node_id
        self.address = address
        self.process = process
        self.disk = disk
        self._config = config
        self.metrics_address = ""
        """Where it was told to serve metrics; empty = nowhere."""
        self.up = False
        self.last_seen = time.monotonic()
        """When it last answered or was started, by time.monotonic."""
        self.description: Description | None = None
        self.on_death: Callable[[Node], None] | None = None
        """Called when its process ends and nobody asked it to."""
        self._channel: grpc.aio.Channel | None = None
        self._client: Client | None = None
        self._watch: asyncio.Task[None] | None = None
        self._read_log = 0

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel straight to the node, for everything but what clients do."""
        assert self._channel is not None, f"{self.id} was never started"
        return self._channel

    @property
    def client(self) -> Client:
        """The clients' way to the node."""
        assert self._client is not None, f"{self.id} was never connected"
        return self._client

    def introduce(self, seeds: Sequence[str]) -> None:
        """From its next start on, it gossips with these first; nothing changes where there are none."""
        if seeds:
            message = json_format.Parse(self._config.read_text("utf-8"), config_pb2.NodeConfig())
            message.seeds[:] = seeds
            _write(message, self._config)

    async def start(self, deadline_s: float, configuration: Configuration) -> Description:
        """Start the process, wait until it is healthy, and check what it says of itself. Raises TargetError."""
        if self._channel is not None:  # the old one may be waiting before it tries again
            await self._channel.close()
        try:
            if self.process.pid is not None:  # children of one that died by itself may be left
                await self.process.kill()
            await self.process.start()
        except SupervisorGoneError as error:
            raise MachineError(str(error)) from None
        except ProcessError as error:
            raise TargetError(str(error)) from None
        self._watch = asyncio.create_task(self._tell_of_death(), name=f"watch over {self.id}")
        self._channel = open_channel(self.address)
        await wait_until_serving(
            self._channel, self.id, deadline_s, running=lambda: self.process.running, log=self.last_words
        )
        answer = await describe(self._channel, self.id)
        description = read_description(answer, self.id, configuration)
        if self.description is None:
            await check_services(self._channel, self.id, description.profiles)
        elif description != self.description:
            raise TargetError(f"Node {self.id} describes itself otherwise than before its restart; it must not change.")
        if not self.process.running:
            raise TargetError(f"Node {self.id} ended as soon as it was healthy. {self.last_words()}")
        self.description = description
        self.up = True
        self.last_seen = time.monotonic()
        return description

    @property
    def was_started(self) -> bool:
        """Whether it has ever been healthy: one that is to join may never be."""
        return self.description is not None

    def open_client(self, address: str) -> None:
        """Give the node's clients their way to it, unless they have it."""
        assert self.description is not None
        if self._client is None:
            self._client = Client(address, self.description)

    async def connect_client(self, address: str) -> None:
        """Give the node's clients their way to it, which must be open."""
        self.open_client(address)
        assert self._client is not None
        patience_s = CONNECT_S * 5
        if not await self._client.connect(patience_s):
            raise TargetError(
                f"Node {self.id} is healthy, but no client has reached it for {patience_s:g} s through its proxy at "
                f"{address}; if this machine has few cores for so many nodes, start fewer."
            )

    async def reconnect_client(self) -> None:
        """Wait a moment for the clients' channel to find the node again after it was out of reach."""
        await self.client.connect(CONNECT_S)

    async def close(self) -> None:
        """Close all channels; the process is the supervisor's."""
        if self._watch:
            self._watch.cancel()
        if self._client:
            await self._client.close()
        if self._channel:
            await self._channel.close()

    def new_log_lines(self, lines: int = LOG_LINES) -> str:
        """The last lines that it wrote since this was last asked; empty if none."""
        try:
            with self.process.log_path.open("rb") as log:
                log.seek(self._read_log)
                text = log.read()
                self._read_log = log.tell()
        except FileNotFoundError:
            return ""
        return "\n".join(text.decode(errors="replace").splitlines()[-lines:])

    def how_it_ended(self) -> str:
        """How the process ended, in plain words."""
        return f"{self.id} {_how(self.process.returncode)} (pid {self.process.pid})"

    def last_words(self) -> str:
        """How its process ended and what it wrote last, for an error message."""
        tail = self.process.log_tail(LOG_LINES).strip()
        return f"Its process {_how(self.process.returncode)}; " + (
            f"it wrote:\n{tail}" if tail else "it wrote nothing."
        )

    async def _tell_of_death(self) -> None:
        await self.process.wait()
        if self.up:
            self.up = False
            if self.on_death:
                self.on_death(self)


def _how(returncode: int | None) -> str:
    if returncode is None:
        return "is running"
    if returncode < 0:
        return f"ended by signal {-returncode} ({signal.strsignal(-returncode)})"
    return f"ended with code {returncode}"


def make_node(
    node_id: str,
    target: Target,
    configuration: Configuration,
    *,
    address: str,
    address_book: Mapping[str, str],
    folder: Path,
    supervisor: Supervisor,
    metrics_address: str = "",
) -> Node:
    """Write the files that a node needs below `folder`, and say how its process is to be started."""
    data = folder / node_id
    data.mkdir()
    config = folder / f"{node_id}.json"
    message = node_config(node_id, configuration, address=address, address_book=address_book, data=data)
    message.metrics_address = metrics_address
    _write(message, config)
    argv = target.argv(config)
    process = supervisor.process(node_id, argv, log_path=folder / f"{node_id}.log", cwd=target.folder)
    node = Node(node_id, address, process, Disk(process, data), config)
    node.metrics_address = metrics_address
    return node


def _write(message: config_pb2.NodeConfig, path: Path) -> None:
    path.write_text(json_format.MessageToJson(message, preserving_proto_field_name=True), "utf-8")


def node_config(
    node_id: str, configuration: Configuration, *, address: str, address_book: Mapping[str, str], data: Path
) -> config_pb2.NodeConfig:
    """The NodeConfig of one node of a cluster."""
    members = [
        config_pb2.Member(node_id=each, weight=weight, host=host)
        for each, weight, host in zip(
            configuration.node_ids,
            configuration.weights or [1] * configuration.nodes,
            configuration.hosts or [""] * configuration.nodes,
            strict=True,
        )
    ]
    return config_pb2.NodeConfig(
        node_id=node_id,
        listen_address=address,
        data_directory=str(data),
        n=configuration.n,
        r=configuration.r,
        w=configuration.w,
        partition_count=configuration.partition_count,
        members=members,
        seeds=configuration.node_ids[:2],
        gossip_interval_ms=configuration.gossip_interval_ms,
        handoff_interval_ms=configuration.handoff_interval_ms,
        anti_entropy_interval_ms=configuration.anti_entropy_interval_ms,
        replica_timeout_ms=configuration.replica_timeout_ms,
        request_timeout_ms=configuration.request_timeout_ms,
        detection_deadline_ms=configuration.detection_deadline_ms,
        convergence_deadline_ms=configuration.convergence_deadline_ms,
        tombstone_lifetime_ms=configuration.tombstone_lifetime_ms,
        seed=configuration.seed,
        address_book=address_book,
    )

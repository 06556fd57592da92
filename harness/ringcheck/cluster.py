"""A cluster of real processes with a fault proxy on every directed link."""

import asyncio
import contextlib
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ringcheck.errors import NO_FILES, NO_FILES_SAID, MachineError
from ringcheck.history import Description
from ringcheck.node import Node, make_node
from ringcheck.schedule import Configuration
from ringcheck.target import Target, start_deadline_s
from ringcheck_chaos.faults import CLIENT
from ringcheck_chaos.links import Links
from ringcheck_chaos.ports import HOST, NoPortsError, PortLease, lease
from ringcheck_chaos.processes import ProcessError, Supervisor, kill_all
from ringcheck_chaos.proof import Proof
from ringcheck_chaos.servers import start_server
from ringcheck_chaos.toxiproxy import ServerChoice, Toxiproxy, ToxiproxyError

NETWORK_ANSWER_S = 5.0


class Cluster:
    """The nodes of one configuration and the links between them. Made by `await Cluster.start(…)`; close it.

    Besides the configuration's there are the `joiners`: nodes with links of their own that are not started. Where the
    configuration is mixed, every second of all these nodes is the reference.
    """

    def __init__(
        self,
        configuration: Configuration,
        nodes: list[Node],
        *,
        supervisor: Supervisor,
        ports: PortLease,
        links: Links,
        server_url: str,
    ) -> None:
        self.configuration = configuration
        self.links = links
        self.nodes = {node.id: node for node in nodes}
        self.joiners = tuple(node.id for node in nodes if node.id not in configuration.node_ids)
        self._supervisor = supervisor
        self._ports = ports
        self._server_url = server_url
        self._deadline_s = start_deadline_s()

    @classmethod
    async def start(
        cls,
        target: Target,
        configuration: Configuration,
        server: ServerChoice,
        *,
        listen: Sequence[int] = (),
        joiners: Sequence[str] = (),
        metrics: bool = False,
    ) -> Self:
        """Start all nodes but the joiners, and wait until they are healthy and reachable.

        `listen` are the ports on which the nodes are to listen, one each; leased ones if none are given. With `metrics`
        each node is told an address for them. Raises TargetError, MachineError; then nothing is left behind.
        """
        target.check()
        async with contextlib.AsyncExitStack() as undo:
            with _this_machine():
                ids = (*configuration.node_ids, *joiners)
                cluster = await cls._prepare(target, configuration, ids, server, listen, undo, metrics=metrics)
            undo.push_async_callback(cluster._close_nodes)
            first = [cluster.nodes[name] for name in configuration.node_ids]
            await cluster._run_all(first)
            await asyncio.gather(*(node.connect_client(cluster.links.address(CLIENT, node.id)) for node in first))
            undo.pop_all()
        return cluster

    @classmethod
    async def _prepare(
        cls,
        target: Target,
        configuration: Configuration,
        ids: Sequence[str],
        server: ServerChoice,
        listen: Sequence[int],
        undo: contextlib.AsyncExitStack,
        *,
        metrics: bool,
    ) -> Self:
        """Everything but the running nodes; what is to be undone in case of failure goes to `undo`."""
        folder = Path(tempfile.mkdtemp(prefix="ringcheck-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        supervisor = await undo.enter_async_context(await Supervisor.start(folder))
        ports = undo.enter_context(lease(1 + (2 if metrics else 1) * len(ids) + Links.ports_needed(len(ids))))
        api, *others = ports.ports
        observed = {node: f"{HOST}:{port}" for node, port in zip(ids, others[-len(ids) :], strict=True) if metrics}
        url = await start_server(server, supervisor, api, folder)
        addresses = {node: f"{HOST}:{port}" for node, port in zip(ids, listen or others, strict=False)}
        links = await Links.create(url, addresses, others[len(ids) :])
        undo.push_async_callback(_quietly_close, links)
        kinds = itertools.cycle((target, Target.reference(target.folder)) if configuration.mixed else (target,))
        nodes = [
            make_node(
                node,
                kind,
                configuration,
                address=addresses[node],
                metrics_address=observed.get(node, ""),
                address_book={each: addresses[each] if each == node else links.address(node, each) for each in ids},
                folder=folder,
                supervisor=supervisor,
            )
            for node, kind in zip(ids, kinds, strict=False)
        ]
        return cls(configuration, nodes, supervisor=supervisor, ports=ports, links=links, server_url=url)

    @property
    def descriptions(self) -> dict[str, Description]:
        """What each node says of itself."""
        return {node.id: node.description for node in self.nodes.values() if node.description}

    @property
    def profiles(self) -> frozenset[str]:
        """The profiles that every node declares."""
        return frozenset.intersection(*(frozenset(each.profiles) for each in self.descriptions.values()))

    @property
    def is_fit(self) -> bool:
        """Whether its nodes are such as its configuration wants: a mixed cluster is one of peers."""
        return not self.configuration.mixed or "peer" in self.profiles

    @property
    def narrowest(self) -> Description:
        """What a node says of itself, with the limits that all nodes share."""
        every = tuple(self.descriptions.values())
        limits = ("max_key_bytes", "max_value_bytes", "max_siblings", "max_message_bytes")
        least = {name: min(getattr(each, name) for each in every) for name in limits}
        return msgspec.structs.replace(every[0], **least)

    def longest_s(self, deadline: Callable[[Description], int]) -> float:
        """The longest of a deadline in milliseconds that the nodes declare, in seconds."""
        return max(deadline(each) for each in self.descriptions.values()) / 1000

    @property
    def complete(self) -> bool:
        """Whether all nodes of the configuration run, as far as we know."""
        return all(self.nodes[name].up for name in self.configuration.node_ids)

    @property
    def running(self) -> list[Node]:
        """The nodes that run and are not paused, as far as we know."""
        return [node for node in self.nodes.values() if self.runs(node.id)]

    def runs(self, node: str) -> bool:
        """Whether a node runs and is not paused, as far as we know."""
        return self.nodes[node].up and not self.nodes[node].process.paused

    def watch(self, on_death: Callable[[Node], None] | None) -> None:
        """Have `on_death` called when a node ends by itself; None ends that."""

        def died(node: Node) -> None:
            self.links.node_ended(node.id)
            if on_death:
                on_death(node)

        for node in self.nodes.values():
            node.on_death = died if on_death else None

    async def kill(self, names: Sequence[str]) -> tuple[list[Node], Proof]:
        """SIGKILL those of the named nodes that run, all at once; returns which, and the proof."""
        victims = [self.nodes[name] for name in names if self.nodes[name].up]
        for node in victims:
            node.up = False
        with _this_machine():
            proof = await kill_all([node.process for node in victims])
        for node in victims:
            self.links.node_ended(node.id)
        return victims, proof

    async def back_up(self, names: Sequence[str]) -> dict[str, float]:
        """Copy the disks of these nodes; for how many seconds each of them stood still meanwhile."""
        with _this_machine():
            return {name: await self.nodes[name].disk.back_up() for name in names}

    async def wipe(self, name: str) -> None:
        """Take the disk of a node that is down away; an empty one is put in its place."""
        await self._end(name)
        with _this_machine():
            await self.nodes[name].disk.wipe()

    async def roll_back(self, name: str) -> None:
        """Put the copy of its disk in the place of the disk of a node that is down."""
        await self._end(name)
        with _this_machine():
            await self.nodes[name].disk.roll_back()

    def forget_copies(self) -> None:
        """Copies of disks belong to one run: another one has no use for them."""
        for node in self.nodes.values():
            node.disk.forget_copy()

    async def restart(self, names: Iterable[str]) -> list[tuple[Node, float, float]]:
        """Start those of the named nodes that do not run; returns each with when it was started and found healthy.

        Clients get their way to one that is started for the first time. Raises TargetError if one does not come up.
        """
        down = [self.nodes[name] for name in names if not self.nodes[name].up]
        started = await self._run_all(down)
        for node in down:
            node.open_client(self.links.address(CLIENT, node.id))
        return started

    async def check_network(self) -> None:
        """Raise MachineError if the Toxiproxy server no longer answers: then clients met no fault of the target's."""
        try:
            await asyncio.to_thread(_ask_version, self._server_url)
        except ToxiproxyError as error:
            raise MachineError(f"The Toxiproxy server that carries the links has failed: {error}") from error

    async def close(self) -> None:
        """End everything and leave nothing behind."""
        await self._close_nodes()
        await _quietly_close(self.links)
        await self._supervisor.close()
        self._ports.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _end(self, name: str) -> None:
        """See that nothing is left that could write to a disk: children of a node that died by itself, say."""
        node = self.nodes[name]
        assert not node.up, f"{name} runs; kill it first"
        if node.process.pid is not None:
            with _this_machine():
                await node.process.kill()

    async def _run_all(self, nodes: Iterable[Node]) -> list[tuple[Node, float, float]]:
        results = await asyncio.gather(*(self._run(node) for node in nodes), return_exceptions=True)
        # The first failure speaks for all, but only once no start is under way any more.
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def _run(self, node: Node) -> tuple[Node, float, float]:
        began = time.monotonic()
        await node.start(self._deadline_s, self.configuration)
        return node, began, time.monotonic()

    async def _close_nodes(self) -> None:
        self.watch(None)
        await asyncio.gather(*(node.close() for node in self.nodes.values()))


def _ask_version(url: str) -> None:
    server = Toxiproxy(url)
    try:
        server.version(timeout=NETWORK_ANSWER_S)
    finally:
        server.close()


async def _quietly_close(links: Links) -> None:
    # The server goes with the supervisor; that it is gone already, or slow, changes nothing.
    with contextlib.suppress(ToxiproxyError, TimeoutError):
        await asyncio.wait_for(links.close(), 5.0)


@contextlib.contextmanager
def _this_machine() -> Iterator[None]:
    """Turns what the machine refuses into a MachineError of one sentence."""
    try:
        yield
    except (NoPortsError, ToxiproxyError, ProcessError, OSError) as error:
        out_of_files = isinstance(error, OSError) and error.errno in NO_FILES
        raise MachineError(NO_FILES_SAID if out_of_files else str(error)) from error

"""A simulated cluster: nodes, links, a client's end, and what befalls them. All of it follows from one seed."""

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from pathlib import Path

from dynamo_node.v1.config_pb2 import NodeConfig
from dynamo_node.v1.node_pb2 import DescribeResponse
from ringcheck.client import DEFINITE, PATIENCE, Answer, Failure, Reply
from ringcheck.description import read_description
from ringcheck.history import Description
from ringcheck.node import node_config
from ringcheck.schedule import Configuration
from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import Scheduler
from ringcheck.simulation.core import Caller, Kit
from ringcheck.simulation.network import LEAST_DELAY_S, Network
from ringcheck.simulation.node import UNREACHABLE, CoreFailedError, Heard, Order, Outcome, Request, SimulatedNode
from ringcheck_chaos.faults import CLIENT, ClockSkew, DiskErrors, Fault, MessageFault, NetworkFault, Pause

ADDRESS = "127.0.0.1:1"
"""Every node's, in a world without addresses; NodeConfig wants one."""
DEFINITE_CODES = frozenset(code.name for code in DEFINITE)
NO_ANSWER = Outcome("DEADLINE_EXCEEDED", "No answer came.")

Done = Callable[[Answer], None]


class Clients:
    """The clients' end of the network: an operation is a request to a node, and ends with an answer or without."""

    name = CLIENT
    incarnation = "clients"

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._open: dict[int, Done] = {}
        self._next = 1
        self._deadlines: list[tuple[float, int]] = []
        """A heap of its own: nearly all operations end long before, and would fill up the scheduler's."""
        self._woken_at: float | None = None

    def send(self, network: Network, node: str, request: Request, patience_s: float, done: Done) -> None:
        """Ask a node; `done` hears how it ended, at the latest when patience has run out."""
        number, self._next = self._next, self._next + 1
        self._open[number] = done
        network.send(self, node, number, request, "client")
        heappush(self._deadlines, (self._scheduler.now + patience_s, number))
        self._wake()

    def asked(self, caller: Caller, request: int, message: object) -> None:
        """Nobody asks clients."""

    def connected(self, peer: str, incarnation: str) -> None:
        """Clients need not know."""

    def answered(self, peer: str, request: int, message: object) -> None:  # noqa: ARG002 - as End has it
        """See End."""
        assert isinstance(message, Outcome)
        if message.code == "OK":
            self._end(request, Reply(message.values, message.context))
        else:
            self._end(request, Failure(message.code, message.message, message.code in DEFINITE_CODES))

    def failed(self, peer: str, requests: Sequence[int], *, sent: bool) -> None:  # noqa: ARG002 - as End has it
        """See End."""
        for request in requests:
            self._end(request, Failure(UNREACHABLE.code, UNREACHABLE.message, False))

    def _end(self, number: int, answer: Answer) -> None:
        if done := self._open.pop(number, None):
            done(answer)

    def _wake(self) -> None:
        """See that patience ends in time."""
        if self._deadlines and (self._woken_at is None or self._deadlines[0][0] < self._woken_at):
            self._woken_at = self._deadlines[0][0]
            self._scheduler.at(self._woken_at, self._lose_patience, self._woken_at)

    def _lose_patience(self, moment: float) -> None:
        if moment != self._woken_at:
            return
        self._woken_at = None
        while self._deadlines and (self._deadlines[0][0] <= moment or self._deadlines[0][1] not in self._open):
            _, number = heappop(self._deadlines)
            self._end(number, Failure(NO_ANSWER.code, NO_ANSWER.message, False))
        self._wake()


class SimulatedCluster:
    """Nodes n1, n2 and so on of one kit, all running, and `joiners`, which are not started yet.

    Raises TargetError when what they say of themselves breaks the contract, CoreFailedError, at any time, when a core
    raises an exception.
    """

    def __init__(self, kit: Kit, configuration: Configuration, seed: int, joiners: Sequence[str] = ()) -> None:
        self.configuration = configuration
        self.scheduler = Scheduler()
        self.chance = Chance(seed)
        self.faults: dict[int, Fault] = {}
        self.on_death: Callable[[str], None] | None = None
        """Told of every node that dies."""
        self.descriptions: dict[str, Description] = {}
        """What each node says of itself that has ever been started."""
        self.nodes: dict[str, SimulatedNode] = {}
        self._clients = Clients(self.scheduler)
        self._kit = kit
        self._configs: dict[str, NodeConfig] = {}
        for name in (*configuration.node_ids, *joiners):
            config = self._configs[name] = node_config(
                name, configuration, address=ADDRESS, address_book={}, data=Path()
            )
            if name not in joiners:
                self._describe(name)
            self.nodes[name] = SimulatedNode(
                config, kit, scheduler=self.scheduler, chance=self.chance, on_death=self._died
            )
        self.network = Network(self.scheduler, self.chance, {CLIENT: self._clients, **self.nodes})
        for node in self.nodes.values():
            node.connect(self.network)
        for name in configuration.node_ids:
            self.nodes[name].start()

    def introduce(self, name: str, seeds: Sequence[str]) -> None:
        """From its next start on, a node gossips with these first; nothing changes where there are none."""
        if seeds:
            self._configs[name].seeds[:] = seeds

    def start(self, name: str) -> Description | None:
        """Start a node; at the first start of one that is to join, what it says of itself."""
        new = name not in self.descriptions
        if new:
            self._describe(name)
        self.nodes[name].start()
        return self.descriptions[name] if new else None

    @property
    def running(self) -> list[SimulatedNode]:
        """The nodes that run and are not paused."""
        return [node for node in self.nodes.values() if node.answers]

    @property
    def profiles(self) -> frozenset[str]:
        """The profiles that every node declares."""
        return frozenset.intersection(*(frozenset(each.profiles) for each in self.descriptions.values()))

    def longest_s(self, deadline: Callable[[Description], int]) -> float:
        """The longest of a deadline in milliseconds that the nodes declare, in seconds."""
        return max(deadline(each) for each in self.descriptions.values()) / 1000

    def ask(self, node: str, request: Request, done: Done) -> None:
        """A client asks a node; `done` hears how it ended."""
        self._clients.send(self.network, node, request, self._patience_s(node), done)

    def order(self, node: str, order: Order, heard: Heard) -> None:
        """An operator asks a node, past every link; `heard` is told how it ended, once, and in time."""
        open_orders = [heard]

        def end(outcome: Outcome) -> None:
            if open_orders:
                open_orders.pop()(outcome)

        def arrive() -> None:
            run = self.nodes[node].run
            if run is None:
                end(UNREACHABLE)
            else:
                run.obey(order, end)

        self.scheduler.later(LEAST_DELAY_S, arrive)
        self.scheduler.later(self._patience_s(node), end, NO_ANSWER)

    def _patience_s(self, node: str) -> float:
        described = self.descriptions.get(node) or next(iter(self.descriptions.values()))
        return PATIENCE * described.request_timeout_ms / 1000

    def _describe(self, name: str) -> None:
        described = _description(self._kit, self._configs[name])
        self.descriptions[name] = read_description(described, name, self.configuration)

    def inject(self, number: int, fault: Fault) -> None:
        """Let a fault begin."""
        self.faults[number] = fault
        self._apply()
        if isinstance(fault, ClockSkew):
            self.nodes[fault.node].set_clock(rate=fault.rate, jump=fault.jump_ms / 1000)
        elif isinstance(fault, Pause):
            self.nodes[fault.node].pause()

    def heal(self, number: int) -> Fault | None:
        """End a fault; None for one that has ended already."""
        fault = self.faults.pop(number, None)
        if fault is not None:
            self._apply()
        if isinstance(fault, ClockSkew):
            self.nodes[fault.node].set_clock(rate=1.0, jump=0.0)
        elif isinstance(fault, Pause) and fault not in self.faults.values():
            self.nodes[fault.node].resume()
        return fault

    def suffered(self, number: int) -> int:
        """How many messages have suffered from a fault that is about."""
        fault = self.faults.get(number)
        return self.network.suffered(fault) if isinstance(fault, MessageFault) else 0

    def _apply(self) -> None:
        faults: Iterable[Fault] = tuple(self.faults.values())
        self.network.set_faults(fault for fault in faults if isinstance(fault, NetworkFault))
        self.network.set_message_faults(fault for fault in faults if isinstance(fault, MessageFault))
        for name, node in self.nodes.items():
            node.disk.errors = [fault.every for fault in faults if isinstance(fault, DiskErrors) and fault.node == name]

    def _died(self, node: SimulatedNode) -> None:
        if self.on_death is not None:
            self.on_death(node.name)


def declared(kit: Kit) -> tuple[str, ...]:
    """The profiles that nodes of a kit declare. Raises TargetError or CoreFailedError as SimulatedCluster does."""
    configuration = Configuration()
    name = configuration.node_ids[0]
    config = node_config(name, configuration, address=ADDRESS, address_book={}, data=Path())
    return read_description(_description(kit, config), name, configuration).profiles


def _description(kit: Kit, config: NodeConfig) -> DescribeResponse:
    try:
        described = kit.describe(config)
    except (Exception, SystemExit) as error:
        raise CoreFailedError(f"The core cannot describe itself: {type(error).__name__}: {error}") from error
    if not isinstance(described, DescribeResponse):
        raise CoreFailedError(f"The core describes itself by {described!r}; a DescribeResponse was expected.")
    return described

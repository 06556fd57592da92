"""One simulated node: a core with its disk and its clock. Carries out what the core asks for."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import grpc
import msgspec

from dynamo_node.v1.config_pb2 import NodeConfig
from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import NodeClock, Scheduler
from ringcheck.simulation.core import Caller, Core, Kit, Write
from ringcheck.simulation.disk import REPORT_S, Batch, Disk
from ringcheck.simulation.network import LEAST_DELAY_S, NOTICE_S, Network
from ringcheck_chaos.faults import CLIENT

CODES = frozenset(code.name for code in grpc.StatusCode)


class Request(msgspec.Struct, frozen=True):
    """What a client asks. `value` is None for anything but a Put."""

    kind: str
    key: bytes
    context: bytes = b""
    quorum: int = 0
    value: bytes | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What a client is answered."""

    code: str
    message: str = ""
    values: tuple[bytes, ...] = ()
    context: bytes = b""


class Order(msgspec.Struct, frozen=True):
    """What an operator asks: "join", "leave" or "remove"; weight and host of who joins."""

    kind: str
    node: str
    weight: int = 0
    host: str = ""


Heard = Callable[[Outcome], None]
"""An operator: hears how his order ended."""

TIMERS_FIRST = 0.5
"""How likely a node that was paused looks at its timers before it looks at what has come in."""
UNREACHABLE = Outcome("UNAVAILABLE", "The node cannot be reached.")


class CoreFailedError(Exception):
    """A core has raised an exception, which no core may."""


class SimulatedNode:
    """A node that can be started again and again. It is an end of the network as long as it runs."""

    def __init__(
        self,
        config: NodeConfig,
        kit: Kit,
        *,
        scheduler: Scheduler,
        chance: Chance,
        on_death: "Callable[[SimulatedNode], None]",
    ) -> None:
        self.name = config.node_id
        self.incarnation = ""
        self.clock = NodeClock()
        self.disk = Disk(scheduler, chance, kit.disk)
        self.run: Run | None = None
        self.paused = False
        """Whether it stands still: what comes in waits, and its timers do not fire."""
        self.effects_left: int | None = None
        """After so many more effects it dies; None = it does not."""
        self._config = config
        self._kit = kit
        self._scheduler = scheduler
        self._chance = chance
        self._on_death = on_death
        self._starts = 0
        self._waiting: list[Callable[[], None]] = []
        """What has come in since it was paused, in order."""
        self._network: Network | None = None

    @property
    def answers(self) -> bool:
        """Whether it runs and is not paused."""
        return self.run is not None and not self.paused

    def connect(self, network: Network) -> None:
        """Say who carries messages."""
        self._network = network

    @property
    def core(self) -> Core:
        """The core that runs."""
        assert self.run is not None, f"{self.name} does not run"
        return self.run.core

    def start(self) -> None:
        """Start it on what its disk holds."""
        assert self.run is None, f"{self.name} runs already"
        assert self._network is not None
        self._starts += 1
        self.incarnation = f"{self.name}#{self._starts}"
        self.run = Run(self, self._network, self._scheduler)
        self.run.start(self._kit, self._config, self._chance.entropy())

    def crash(self) -> None:
        """It is gone at once."""
        if self.run is None:
            return
        self.run.end()
        self.run = None
        self.paused, self._waiting = False, []
        self.incarnation = ""
        self.effects_left = None
        self.disk.crash()
        assert self._network is not None
        self._network.end_gone(self.name)
        self._on_death(self)

    def pause(self) -> None:
        """Stand still. What its disk was told to write is written all the same."""
        assert self.run is not None, f"{self.name} does not run"
        assert self._network is not None
        self.paused = True
        self._network.stand_still(self.name)

    def resume(self) -> None:
        """Go on with all that has come in; whether its timers come before that or after is left to chance."""
        if not self.paused:
            return
        assert self._network is not None
        self.paused, run = False, self.run
        waiting, self._waiting = self._waiting, []
        assert run is not None
        if self._chance.between(0.0, 1.0) < TIMERS_FIRST:
            run.catch_up()
        for arrive in waiting:
            if self.run is run:  # it may die of what comes in
                arrive()
        run.wake()
        self._network.go_on(self.name)

    def hold(self, arrive: Callable[[], None]) -> None:
        """Let something come in once it goes on; what comes in to one that dies is lost."""
        self._waiting.append(arrive)

    def set_clock(self, *, rate: float, jump: float) -> None:
        """Change how its clock runs."""
        self.clock.set(self._scheduler.now, rate=rate, jump=jump)
        if self.run is not None:
            self.run.wake()

    # An end of the network.

    def asked(self, caller: Caller, request: int, message: Any) -> None:
        """See End."""
        if self.paused:
            self.hold(partial(self.asked, caller, request, message))
        elif (run := self.run) is not None:
            if caller.node == CLIENT:
                run.serve(caller, request, message)
            else:
                run.hand_over(run.core.asked, caller, request, message)

    def answered(self, peer: str, request: int, message: object) -> None:
        """See End."""
        if self.paused:
            self.hold(partial(self.answered, peer, request, message))
        elif (run := self.run) is not None:
            run.hand_over(run.core.answered, peer, request, message)

    def connected(self, peer: str, incarnation: str) -> None:
        """See End."""
        if self.paused:
            self.hold(partial(self.connected, peer, incarnation))
        elif (run := self.run) is not None:
            run.tell(run.core.connected, peer, incarnation)

    def failed(self, peer: str, requests: Sequence[int], *, sent: bool) -> None:
        """See End."""
        if self.paused:
            self.hold(partial(self.failed, peer, requests, sent=sent))
        elif (run := self.run) is not None:
            run.tell(partial(run.core.failed, sent=sent), peer, requests)


class Run:
    """One run of a node: the surroundings of its core. Once it is no longer alive, nothing comes of what it asks."""

    def __init__(self, node: SimulatedNode, network: Network, scheduler: Scheduler) -> None:
        self.alive = True
        self.core: Core
        self._node = node
        self._clock = node.clock
        self._network = network
        self._scheduler = scheduler
        self._calls: dict[int, tuple[Caller, int]] = {}
        self._orders: dict[int, Heard] = {}
        self._next_call = 0
        self._deadline: float | None = None
        """The core's, as the scheduler was last told: while it is the same there is nothing to tell."""
        self._woken_at: float | None = None

    def start(self, kit: Kit, config: NodeConfig, entropy: bytes) -> None:
        """Make the core and let its time begin."""
        try:
            self.core = kit.start(
                config, self._node.disk.rows, self, incarnation=self._node.incarnation, entropy=entropy
            )
        except (Exception, SystemExit) as error:  # a core that wants to exit must not end us
            raise CoreFailedError(_sentence(self._node.name, error)) from error
        if not hasattr(self.core, "tick"):
            raise CoreFailedError(f"The start of {self._node.name} gave {self.core!r}, which is no core.")
        self.tell(self.core.tick)

    def end(self) -> None:
        """The node is gone at once."""
        self.alive = False
        orders, self._orders = self._orders, {}
        for heard in orders.values():
            self._scheduler.later(NOTICE_S, heard, UNREACHABLE)

    def tell(self, happened: Callable[..., None], *arguments: Any) -> None:
        """Tell the core what has happened, at this moment of its own clock."""
        try:
            happened(self._clock.read(self._scheduler.now), *arguments)
        except (Exception, SystemExit) as error:  # a core that wants to exit must not end us
            raise CoreFailedError(_sentence(self._node.name, error)) from error
        if self.alive and self.core.next_deadline() != self._deadline:
            self.wake()

    def hand_over(self, arrived: Callable[..., None], sender: Any, request: int, message: object) -> None:
        """Tell the core of a message: as `tell`, but shorter, since that is what happens most."""
        now, clock = self._scheduler.now, self._clock
        try:
            arrived(now if clock.is_true else clock.read(now), sender, request, message)
        except (Exception, SystemExit) as error:  # a core that wants to exit must not end us
            raise CoreFailedError(_sentence(self._node.name, error)) from error
        if self.alive and self.core.next_deadline() != self._deadline:
            self.wake()

    def serve(self, caller: Caller, request: int, asked: Request) -> None:
        """Hand a client's request over."""
        self._next_call += 1
        call = self._next_call
        self._calls[call] = caller, request
        core = self.core
        match asked.kind:
            case "get":
                self.tell(core.get, call, asked.key, asked.quorum)
            case "put":
                self.tell(core.put, call, asked.key, asked.value, asked.context, asked.quorum)
            case _:
                self.tell(core.delete, call, asked.key, asked.context, asked.quorum)

    def obey(self, order: Order, heard: Heard) -> None:
        """Hand an operator's order over."""
        if self._node.paused:
            self._node.hold(partial(self.obey, order, heard))
            return
        self._next_call += 1
        call = self._next_call
        self._orders[call] = heard
        core = self.core
        match order.kind:
            case "join":
                self.tell(core.join, call, order.node, order.weight, order.host)
            case "leave":
                self.tell(core.leave, call, order.node)
            case _:
                self.tell(core.remove, call, order.node)

    def wake(self) -> None:
        """See that the core is told when its next deadline has come."""
        if not self.alive or self._node.paused:
            return
        deadline = self.core.next_deadline()
        self._deadline = deadline
        if deadline is None:
            return
        if not isinstance(deadline, float | int) or deadline != deadline:
            raise CoreFailedError(f"The core of {self._node.name} has {deadline!r} as its next deadline; give seconds.")
        moment = max(self._clock.moment(deadline), self._scheduler.now)
        if self._woken_at is None or moment < self._woken_at:
            self._woken_at = moment
            self._scheduler.at(moment, self._tick, moment)

    def catch_up(self) -> None:
        """Tell the core at once if its next deadline has come."""
        self._woken_at = self._deadline = None
        deadline = self.core.next_deadline()
        if deadline is not None and deadline <= self._clock.read(self._scheduler.now):
            self.tell(self.core.tick)
        else:
            self.wake()

    # The core's surroundings.

    def send(self, to: str, request: int, message: object, kind: str) -> None:
        """See Surroundings."""
        if (self.alive and self._node.effects_left is None) or self._acts():
            self._network.send(self._node, to, request, message, kind)

    def answer(self, to: Caller, request: int, message: object) -> None:
        """See Surroundings."""
        if (self.alive and self._node.effects_left is None) or self._acts():
            self._network.answer(self._node, to, request, message)

    def persist(self, token: int, writes: Sequence[Write]) -> None:
        """See Surroundings."""
        if self._acts():
            # What the core does with its list afterwards is its own affair, as with any disk.
            batch = Batch(token, tuple(writes))
            self._scheduler.at(self._node.disk.persist(batch), self._commit, batch)

    def reply(
        self, call: int, code: str, message: str = "", values: Sequence[bytes] = (), context: bytes = b""
    ) -> None:
        """See Surroundings."""
        if self._acts():
            outcome = Outcome(code, message, tuple(values), context)
            if (heard := self._orders.pop(call, None)) is not None:
                self._check(outcome)
                self._scheduler.later(LEAST_DELAY_S, heard, outcome)
                return
            asked = self._calls.pop(call, None)
            if asked is None:
                raise CoreFailedError(
                    f"The core of {self._node.name} ends call {call}, which is not open; end each once."
                )
            self._check(outcome)
            self._network.answer(self._node, *asked, outcome)

    def _check(self, outcome: Outcome) -> None:
        said = [*outcome.values, outcome.context]
        if outcome.code not in CODES or not all(isinstance(each, bytes) for each in said):
            raise CoreFailedError(
                f"The core of {self._node.name} answers a client {outcome}; give the name of a gRPC status, and bytes."
            )

    def _acts(self) -> bool:
        """Whether the next effect is carried out; a node that is to die between two effects dies here."""
        node = self._node
        if node.effects_left is not None and self.alive:
            if node.effects_left == 0:
                node.crash()
            else:
                node.effects_left -= 1
        return self.alive

    def _tick(self, moment: float) -> None:
        if not self.alive or self._woken_at != moment:
            return
        if self._node.paused:
            self._woken_at = self._deadline = None
        else:
            self.catch_up()

    def _commit(self, batch: Batch) -> None:
        if self.alive:
            durable = self._node.disk.commit(batch)
            self._scheduler.later(REPORT_S, self._report, batch.token, durable)

    def _report(self, token: int, durable: bool) -> None:
        if self.alive and self._node.paused:
            self._node.hold(partial(self._report, token, durable))
        elif self.alive:
            self.tell(partial(self.core.persisted, durable=durable), token)


def _sentence(name: str, error: BaseException) -> str:
    if isinstance(error, CoreFailedError):
        return str(error)
    said = next(iter(str(error).splitlines()), "no message").encode("utf-8", "backslashreplace").decode()
    return f"The core of {name} failed: {type(error).__name__}: {said}"

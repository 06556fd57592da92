"""The links of a simulated cluster, and what travels on them.

As in the live world each end dials each other one: stream (a, b) is the one that a opened. Requests of a travel on it
upstream, the answers of b downstream; neither overtakes what was sent before it. The faults of links are those of
`ringcheck_chaos.conditions`, with the same meaning: a link that is down breaks its streams and refuses new ones, one
that stalls holds what is sent until it is healed, one that drops loses it, and its streams break when it is healed.
Faults of messages pick single ones, which gRPC never loses by itself.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import Scheduler
from ringcheck.simulation.core import Caller
from ringcheck_chaos.conditions import CLEAR, OPEN, Condition, Flow, conditions, dialled
from ringcheck_chaos.faults import CLIENT, Direction, MessageFault, NetworkFault

DELAY_S = (0.0004, 0.003)
"""How long a message takes on an open link."""
NOTICE_S = 0.0005
"""How long until an end hears that a stream has broken, or that there is none."""


Delivery = tuple[Callable[..., None], tuple[Any, ...]]
"""What happens when a message arrives: whom to call, with what."""


class End(Protocol):
    """Somebody at the end of links, as the network sees him. `incarnation` is empty while he is not there."""

    name: str
    incarnation: str

    def asked(self, caller: Caller, request: int, message: object) -> None:
        """A request has arrived."""

    def answered(self, peer: str, request: int, message: object) -> None:
        """An answer has arrived."""

    def connected(self, peer: str, incarnation: str) -> None:
        """A stream that this end opened is open."""

    def failed(self, peer: str, requests: Sequence[int], *, sent: bool) -> None:
        """No answer will come to these requests."""


class Way:
    """One of the two ways of a stream."""

    __slots__ = ("after", "flow", "held")

    def __init__(self) -> None:
        self.flow: Flow | None = None
        """How it suffers; None while it does not."""
        self.held: deque[Delivery] = deque()
        self.after = 0.0
        """Nothing arrives before this moment: what was sent earlier comes first."""


class Stream:
    """What one end, the `source`, opened to another. A new `generation` begins whenever it breaks."""

    __slots__ = ("caller", "condition", "down", "generation", "is_open", "outstanding", "source", "target", "up")

    def __init__(self, source: End, target: End) -> None:
        self.source = source
        self.target = target
        self.condition: Condition = CLEAR
        self.generation = 1
        self.is_open = False
        self.caller = Caller(source.name, "", 0)
        """Who asks on it while it is open."""
        self.outstanding: dict[int, str] = {}
        """The kinds of the requests that wait for an answer, by number."""
        self.up = Way()
        self.down = Way()


class Network:
    """All streams between `ends`, the clients' end among them."""

    def __init__(self, scheduler: Scheduler, chance: Chance, ends: Mapping[str, End]) -> None:
        self.messages = 0
        """How many have been sent, between nodes and by clients."""
        self._scheduler = scheduler
        self._chance = chance
        self._ends = ends
        self._nodes = tuple(name for name in ends if name != CLIENT)
        self._streams: dict[Direction, Stream] = {
            (source, target): Stream(ends[source], ends[target]) for source, target in dialled(self._nodes)
        }
        self._picks: list[Picker] = []

    def set_faults(self, faults: Iterable[NetworkFault]) -> None:
        """These faults of links are about from now on, and no others."""
        wanted = conditions(faults, self._nodes)
        for pair, stream in self._streams.items():
            new = wanted.get(pair, CLEAR)
            if new != stream.condition:
                self._change(stream, new)

    def set_message_faults(self, faults: Iterable[MessageFault]) -> None:
        """These faults of messages are about from now on; those that were already go on counting."""
        known = {id(pick.fault): pick for pick in self._picks}
        self._picks = [known.get(id(fault)) or Picker(fault) for fault in faults]

    def send(self, source: End, target: str, request: int, message: object, kind: str) -> None:
        """Carry a request."""
        self.messages += 1
        stream = self._streams[source.name, target]
        if not stream.is_open and not self._open(stream):
            self._tell_failed(source, target, (request,), sent=False)
            return
        if request:
            stream.outstanding[request] = kind
        way = stream.up
        if way.flow is None and not self._picks:
            self._scheduler.at(self._arrival(way), _ask, stream, stream.caller, request, message)
        else:
            picks = self._picked(source.name, target, kind, answers=False)
            self._struggle(way, picks, (_ask, (stream, stream.caller, request, message)))

    def answer(self, source: End, caller: Caller, request: int, message: object) -> None:
        """Carry the answer to a request."""
        self.messages += 1
        stream = self._streams[caller.node, source.name]
        if stream.generation != caller.stream:
            return
        way = stream.down
        if way.flow is None and not self._picks:
            self._scheduler.at(self._arrival(way), _answer, stream, stream.generation, request, message)
        else:
            picks = self._picked(source.name, caller.node, stream.outstanding.get(request, ""), answers=True)
            self._struggle(way, picks, (_answer, (stream, stream.generation, request, message)))

    def end_gone(self, name: str) -> None:
        """A node has died: its streams break, and those to it."""
        for (source, target), stream in self._streams.items():
            if source == name:
                stream.outstanding.clear()
            if name in (source, target):
                self._break(stream)

    def _arrival(self, way: Way) -> float:
        """When what is sent now on a way that does not suffer will arrive."""
        arrival = self._scheduler.now + self._chance.between(*DELAY_S)
        if arrival < way.after:
            return way.after
        way.after = arrival
        return arrival

    def _struggle(self, way: Way, picks: "list[Picker]", delivery: Delivery) -> None:
        """Send something on its way while faults are about."""
        flow = way.flow or OPEN
        if flow.cut == "drop":
            return
        deliver, arguments = delivery
        late = 0.0
        for pick in picks:
            match pick.fault.action:
                case "lose":
                    return
                case "repeat" if flow.cut is None:
                    delay = self._delay(flow) + pick.fault.delay_ms / 1000
                    self._scheduler.later(delay, deliver, *arguments)
                case "delay":
                    late += pick.fault.delay_ms / 1000
        if flow.cut == "stall":
            way.held.append(delivery)
            return
        arrival = self._scheduler.now + self._delay(flow)
        if late:
            arrival += late
        else:
            way.after = arrival = max(arrival, way.after)
        self._scheduler.at(arrival, deliver, *arguments)

    def _delay(self, flow: Flow) -> float:
        return self._chance.between(*DELAY_S) + flow.latency_ms / 1000

    def _picked(self, source: str, target: str, kind: str, *, answers: bool) -> "list[Picker]":
        return [pick for pick in self._picks if pick.takes(source, target, kind, answers=answers)]

    def _open(self, stream: Stream) -> bool:
        """Open a stream if somebody is there and answers."""
        source, target, condition = stream.source, stream.target, stream.condition
        if not target.incarnation or not condition.enabled or condition.silent:
            return False
        stream.is_open = True
        stream.caller = Caller(source.name, source.incarnation, stream.generation)
        generation, incarnation = stream.generation, target.incarnation

        def tell() -> None:
            if stream.generation == generation:
                source.connected(target.name, incarnation)

        # There and back, and before any answer.
        arrival = self._scheduler.now + self._delay(condition.upstream) + self._delay(condition.downstream)
        stream.up.after = stream.down.after = arrival
        self._scheduler.at(arrival, tell)
        return True

    def _break(self, stream: Stream) -> None:
        stream.generation += 1
        stream.is_open = False
        for way in (stream.up, stream.down):
            way.held.clear()
            way.after = 0.0
        if stream.outstanding:
            self._tell_failed(stream.source, stream.target.name, tuple(stream.outstanding), sent=True)
            stream.outstanding.clear()

    def _tell_failed(self, end: End, peer: str, requests: tuple[int, ...], *, sent: bool) -> None:
        incarnation = end.incarnation

        def tell() -> None:
            if end.incarnation == incarnation:
                end.failed(peer, requests, sent=sent)

        self._scheduler.later(NOTICE_S, tell)

    def _change(self, stream: Stream, new: Condition) -> None:
        old, stream.condition = stream.condition, new
        ways = (stream.up, old.upstream, new.upstream), (stream.down, old.downstream, new.downstream)
        for way, _, after in ways:
            way.flow = None if after == OPEN else after
        holes = [before.cut == "drop" != after.cut for _, before, after in ways]
        if not new.enabled or any(holes) or old.replaces_cut(new):
            self._break(stream)
            return
        for way, before, after in ways:
            if before.cut == "stall" and after.cut is None:
                self._release(way, after)

    def _release(self, way: Way, flow: Flow) -> None:
        """Let go what a stall held, before anything that is sent from now on."""
        way.after = max(way.after, self._scheduler.now + self._delay(flow))
        while way.held:
            deliver, arguments = way.held.popleft()
            self._scheduler.at(way.after, deliver, *arguments)


def _ask(stream: Stream, caller: Caller, request: int, message: object) -> None:
    """A request arrives, unless its stream has broken."""
    if stream.generation == caller.stream:
        stream.target.asked(caller, request, message)


def _answer(stream: Stream, generation: int, request: int, message: object) -> None:
    """An answer arrives, unless its stream has broken."""
    if stream.generation == generation:
        stream.outstanding.pop(request, None)
        stream.source.answered(stream.target.name, request, message)


class Picker:
    """Counts the messages that a fault of messages is about, and picks every so-many-th."""

    __slots__ = ("_count", "fault")

    def __init__(self, fault: MessageFault) -> None:
        self.fault = fault
        self._count = 0

    def takes(self, source: str, target: str, kind: str, *, answers: bool) -> bool:
        """Whether the fault picks this message."""
        fault = self.fault
        if fault.answers != answers or CLIENT in (source, target):
            return False
        if fault.kind not in ("", kind) or fault.source not in ("", source) or fault.target not in ("", target):
            return False
        self._count += 1
        return self._count % fault.every == 0

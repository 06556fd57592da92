"""The links of a simulated cluster, and what travels on them.

As in the live world each end dials each other one: stream (a, b) is the one that a opened. Requests of a travel on it
upstream, the answers of b downstream; neither overtakes what was sent before it. The faults of links are those of
`ringcheck_chaos.conditions`, with the same meaning: a link that is down breaks its streams and refuses new ones, one
that stalls holds what is sent until it is healed, one that drops loses it, and its streams break when it is healed.
Faults of messages pick single ones, which gRPC never loses by itself.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import Scheduler
from ringcheck.simulation.core import Caller
from ringcheck_chaos.conditions import CLEAR, OPEN, Condition, Flow, conditions, dialled
from ringcheck_chaos.faults import CLIENT, Direction, MessageFault, NetworkFault

LEAST_DELAY_S, MOST_DELAY_S = 0.0004, 0.003
DELAY_RANGE_S = MOST_DELAY_S - LEAST_DELAY_S
"""How long a message takes on an open link."""
CONNECT_S = 1.0
"""How long somebody tries to connect over a link on which nothing answers."""
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

    __slots__ = ("after", "flow", "held", "slow", "valid")

    def __init__(self) -> None:
        self.flow: Flow | None = None
        """How it suffers; None while it does not."""
        self.held: deque[Delivery] = deque()
        """What a stall holds."""
        self.slow: deque[list[Delivery]] = deque()
        """What a latency delays, each in a list of its own, which is empty once it has been delivered."""
        self.valid = 1
        """What travels on it in this generation of its stream and later ones arrives; what is older is lost."""
        self.after = 0.0
        """Nothing arrives before this moment: what was sent earlier comes first."""


class Stream:
    """What one end, the `source`, opened to another. A new `generation` begins whenever it breaks."""

    __slots__ = (
        "caller",
        "condition",
        "connecting",
        "down",
        "failing",
        "generation",
        "is_open",
        "orphaned",
        "outstanding",
        "source",
        "target",
        "up",
    )

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
        self.connecting: list[tuple[int, object, str]] = []
        """(number, message, kind) of the requests that wait for the stream to open through a silent link."""
        self.orphaned = False
        """Whether its target is gone and the source cannot know, since a cut keeps the news from it."""
        self.failing: dict[int, str] = {}
        """As above: the requests of an earlier generation of which the source is about to hear."""
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
        self._still: set[str] = set()
        """Ends that are there and do nothing: streams to them are not opened, and nobody is told why."""

    def stand_still(self, name: str) -> None:
        """An end handles nothing from now on. What arrives is its own affair, but no new stream to it opens."""
        self._still.add(name)

    def go_on(self, name: str) -> None:
        """It does again; those who waited to connect need wait no longer."""
        self._still.discard(name)
        for (_, target), stream in self._streams.items():
            if target == name and not (stream.condition.enabled and stream.condition.silent):
                self._connect_again(stream)

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

    def suffered(self, fault: MessageFault) -> int:
        """How many messages one of the faults that are about has lost, repeated or made late."""
        return sum(pick.bitten for pick in self._picks if pick.fault is fault)

    def send(self, source: End, target: str, request: int, message: object, kind: str) -> None:
        """Carry a request."""
        self.messages += 1
        stream = self._streams[source.name, target]
        if not stream.is_open and not self._open(stream):
            if stream.condition.enabled and (stream.condition.silent or target in self._still):
                self._connect(stream, (request, message, kind))
            else:
                self._tell_failed(source, target, (request,), sent=False)
            return
        if request:
            stream.outstanding[request] = kind
        if stream.orphaned:
            return
        way = stream.up
        if way.flow is None and not self._picks and not way.slow:
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
        if way.flow is None and not self._picks and not way.slow:
            self._scheduler.at(self._arrival(way), _answer, stream, stream.generation, request, message)
        else:
            picks = self._picked(source.name, caller.node, stream.outstanding.get(request, ""), answers=True)
            self._struggle(way, picks, (_answer, (stream, stream.generation, request, message)))

    def end_gone(self, name: str) -> None:
        """A node has died: its streams break, and those to it. What it had sent arrives all the same."""
        if name in self._still:
            self.go_on(name)
        for (source, target), stream in self._streams.items():
            if source == name:
                stream.outstanding.clear()
                stream.connecting = []
                self._break(stream, stream.down)
            elif target == name and stream.condition.silent:
                stream.orphaned = stream.is_open  # the news of a death does not come through a cut
            elif target == name:
                self._break(stream, stream.up)

    def _arrival(self, way: Way) -> float:
        """When what is sent now on a way that does not suffer will arrive."""
        chance = self._chance
        chance.draws += 1
        arrival = self._scheduler.now + (LEAST_DELAY_S + DELAY_RANGE_S * chance.draw())
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
                    pick.bitten += 1
                    return
                case "repeat" if flow.cut is None:
                    pick.bitten += 1
                    delay = self._delay(flow) + pick.fault.delay_ms / 1000
                    self._scheduler.later(delay, deliver, *arguments)
                case "delay":
                    pick.bitten += 1
                    late += pick.fault.delay_ms / 1000
        if flow.cut == "stall":
            way.held.append(delivery)
            return
        arrival = self._scheduler.now + self._delay(flow)
        if late:
            self._scheduler.at(arrival + late, deliver, *arguments)
        else:
            way.after = max(arrival, way.after)
            self._in_turn(way, delivery, slow=bool(flow.latency_ms or way.slow))

    def _in_turn(self, way: Way, delivery: Delivery, *, slow: bool) -> None:
        """Let something arrive after all that is before it on its way."""
        deliver, arguments = delivery
        if slow:
            waiting = [delivery]
            way.slow.append(waiting)
            self._scheduler.at(way.after, _end_of_latency, way, waiting)
        else:
            self._scheduler.at(way.after, deliver, *arguments)

    def _delay(self, flow: Flow) -> float:
        return self._chance.between(LEAST_DELAY_S, MOST_DELAY_S) + flow.latency_ms / 1000

    def _picked(self, source: str, target: str, kind: str, *, answers: bool) -> "list[Picker]":
        return [pick for pick in self._picks if pick.takes(source, target, kind, answers=answers)]

    def _connect(self, stream: Stream, waiting: tuple[int, object, str]) -> None:
        """Nothing answers and nothing refuses: a request waits for the stream to open, and not for ever."""
        if not stream.connecting:
            stream.connecting = []
            self._scheduler.later(CONNECT_S, self._give_up, stream, stream.connecting)
        stream.connecting.append(waiting)

    def _give_up(self, stream: Stream, waiting: list[tuple[int, object, str]]) -> None:
        """Those who still wait have waited long enough."""
        if stream.connecting is waiting:
            stream.connecting = []
            requests = tuple(request for request, _, _ in waiting)
            self._tell_failed(stream.source, stream.target.name, requests, sent=False)

    def _open(self, stream: Stream) -> bool:
        """Open a stream if somebody is there and answers."""
        source, target, condition = stream.source, stream.target, stream.condition
        if not target.incarnation or not condition.enabled or condition.silent or target.name in self._still:
            return False
        stream.is_open = True
        stream.caller = Caller(source.name, source.incarnation, stream.generation)
        generation, incarnation = stream.generation, target.incarnation

        def tell() -> None:
            if stream.generation == generation:
                source.connected(target.name, incarnation)

        # There and back, and before any answer.
        there = self._scheduler.now + self._delay(condition.upstream)
        stream.up.after, stream.down.after = there, there + self._delay(condition.downstream)
        self._in_turn(stream.down, (tell, ()), slow=condition.latency_ms > 0)
        return True

    def _break(self, stream: Stream, *lost: Way) -> None:
        """End a stream; what is under way on these of its ways is lost."""
        stream.generation += 1
        for way in lost:
            way.valid = stream.generation
        stream.is_open = stream.orphaned = False
        heard_at = self._scheduler.now if stream.down in lost else stream.down.after
        for way in (stream.up, stream.down):
            way.held.clear()
            while way.slow:
                way.slow.popleft().clear()
            way.after = 0.0
        if stream.outstanding:
            stream.failing, stream.outstanding = stream.outstanding, {}
            self._tell_failed(stream.source, stream.target.name, stream.failing, sent=True, at=heard_at)

    def _tell_failed(self, end: End, peer: str, requests: Collection[int], *, sent: bool, at: float = 0.0) -> None:
        """Let an end hear that no answer will come to these requests, without those that are gone by then."""
        incarnation = end.incarnation

        def tell() -> None:
            if requests and end.incarnation == incarnation:
                end.failed(peer, tuple(requests), sent=sent)

        self._scheduler.at(max(at, self._scheduler.now) + NOTICE_S, tell)

    def _change(self, stream: Stream, new: Condition) -> None:
        old, stream.condition = stream.condition, new
        ways = (stream.up, old.upstream, new.upstream), (stream.down, old.downstream, new.downstream)
        for way, _, after in ways:
            way.flow = None if after == OPEN else after
        holes = [before.cut == "drop" != after.cut for _, before, after in ways]
        if stream.connecting and not (new.enabled and new.silent):
            self._connect_again(stream)
        if not new.enabled or any(holes) or old.replaces_cut(new) or (stream.orphaned and not new.silent):
            lost = (stream.up,) if stream.orphaned else (stream.up, stream.down)
            self._break(stream, *lost)
            return
        for way, before, after in ways:
            # As in a Toxiproxy: what a latency delays goes on as soon as that changes.
            if old.latency_ms:
                way.after = min(way.after, self._scheduler.now + MOST_DELAY_S)
            if way.slow or (before.cut == "stall" and after.cut is None):
                self._release(way, after)

    def _connect_again(self, stream: Stream) -> None:
        """Somebody may answer or refuse now: whoever waits for the stream to open tries once more."""
        waiting, stream.connecting = stream.connecting, []
        incarnation = stream.source.incarnation
        for request, message, kind in waiting:
            self._scheduler.later(0.0, self._send_again, stream, incarnation, request, message, kind)

    def _send_again(self, stream: Stream, incarnation: str, request: int, message: object, kind: str) -> None:
        """The link is no longer silent: what waited for a stream goes on, or hears that it is refused."""
        if stream.source.incarnation == incarnation:
            self.messages -= 1  # it has been counted
            self.send(stream.source, stream.target.name, request, message, kind)

    def _release(self, way: Way, flow: Flow) -> None:
        """Let go what a latency delays and what a stall held, before anything that is sent from now on."""
        way.after = max(way.after, self._scheduler.now + self._delay(flow))
        waiting = [item.pop() for item in way.slow]
        way.slow.clear()
        if flow.cut is None:
            waiting += way.held
            way.held.clear()
        for deliver, arguments in waiting:
            self._scheduler.at(way.after, deliver, *arguments)


def _end_of_latency(way: Way, waiting: list[Delivery]) -> None:
    """What a latency has delayed arrives, unless it was let go before."""
    if waiting:
        way.slow.popleft()
        deliver, arguments = waiting.pop()
        deliver(*arguments)


def _ask(stream: Stream, caller: Caller, request: int, message: object) -> None:
    """A request arrives, unless it was lost with its stream."""
    if caller.stream >= stream.up.valid:
        stream.target.asked(caller, request, message)


def _answer(stream: Stream, generation: int, request: int, message: object) -> None:
    """An answer arrives, unless it was lost with its stream."""
    if generation >= stream.down.valid:
        stream.outstanding.pop(request, None)
        stream.failing.pop(request, None)
        stream.source.answered(stream.target.name, request, message)


class Picker:
    """Counts the messages that a fault of messages is about, and picks every so-many-th."""

    __slots__ = ("_count", "bitten", "fault")

    def __init__(self, fault: MessageFault) -> None:
        self.fault = fault
        self.bitten = 0
        """How many suffered for it."""
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

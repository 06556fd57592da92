"""Several cores in one process: dicts for disks, a queue for a network, and a clock that jumps.

Requests of `a` to `b`, and the answers to them, travel on the link (a, b). A link is open, refused (nothing is
sent, and the sender knows), or dropping (whatever is on it vanishes, and nobody knows). Messages overtake each
other; with `duplication` some arrive twice. Disks commit in order; a row changes some time before the node is
told. A crash loses what was not committed.
"""

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ringcheck_reference.core.config import CoreConfig, Member
from ringcheck_reference.core.effects import (
    DropFact,
    DropHint,
    DropReplica,
    Effect,
    Persist,
    PutFact,
    PutHint,
    PutReplica,
    Reply,
    Result,
    Send,
)
from ringcheck_reference.core.messages import (
    KNOWS_SINCE,
    Caller,
    CallId,
    ClientDelete,
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
    Hello,
    Lost,
    Message,
    NodeId,
    PeerAnswer,
    PeerRequest,
    PeerUp,
    Persisted,
    PersistFailed,
    Sender,
    Unsent,
)
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.ring import Ring
from ringcheck_reference.core.views import Status

Request = ClientGet | ClientPut | ClientDelete | ClientJoin | ClientLeave | ClientRemove


class Link(Enum):
    """What becomes of messages on a directed link."""

    OPEN = "open"
    REFUSED = "refused"
    DROPPING = "dropping"


@dataclass
class HintRows:
    """Hints in a dict, read as the core reads them."""

    rows: dict[tuple[NodeId, bytes], bytes] = field(default_factory=dict)

    def get(self, target: NodeId, key: bytes, /) -> bytes | None:
        """The state bytes kept for `target`, or None."""
        return self.rows.get((target, key))

    def items(self) -> Iterable[tuple[tuple[NodeId, bytes], bytes]]:
        """Every ((target, key), state bytes)."""
        return self.rows.items()


@dataclass
class Disk:
    """What survives a crash."""

    replica: dict[bytes, bytes] = field(default_factory=dict)
    hints: HintRows = field(default_factory=HintRows)
    facts: dict[bytes, bytes] = field(default_factory=dict)
    refuses: bool = False
    """Whether every write fails."""

    def commit(self, persist: Persist) -> bool:
        """Carry all the writes out, or none; says which."""
        if self.refuses:
            return False
        for write in persist.writes:
            match write:
                case PutReplica(key, state):
                    self.replica[key] = state
                case PutHint(target, key, state):
                    self.hints.rows[target, key] = state
                case DropHint(target, key, expected):
                    if self.hints.rows.get((target, key)) == expected:
                        del self.hints.rows[target, key]
                case DropReplica(key, expected):
                    if self.replica.get(key) == expected:
                        del self.replica[key]
                case PutFact(name, data):
                    self.facts[name] = data
                case DropFact(name):
                    self.facts.pop(name, None)
        return True


@dataclass
class Process:
    """One run of one node."""

    core: Node
    incarnation: str


class Cluster:
    """Nodes n1, n2 and so on, all running; time starts at 0, in seconds.

    `core` makes each node, `settings` are those of CoreConfig. A message whose body is of a type in `slowness` takes up
    to so many seconds.
    """

    def __init__(
        self,
        size: int = 5,
        *,
        seed: int = 0,
        duplication: float = 0.0,
        core: type[Node] = Node,
        slowness: Mapping[type, float] | None = None,
        **settings: Any,
    ) -> None:
        self.names = [f"n{number}" for number in range(1, size + 1)]
        self._settings = settings
        self._members = members = tuple(Member(name) for name in self.names)
        self._slowness = dict(slowness or {})
        self._configs = {name: CoreConfig(name, members, **settings) for name in self.names}
        self.config = self._configs["n1"]
        self.ring = Ring(members, self.config.n, self.config.partition_count)
        self.now = 0.0
        self.replies: dict[CallId, Result] = {}
        self.disks = {name: Disk() for name in self.names}
        self.running: dict[NodeId, Process] = {}
        self._core = core
        self._duplication = duplication
        self._random = random.Random(seed)
        self._links: dict[tuple[NodeId, NodeId], Link] = {}
        self.lags: dict[frozenset[NodeId], float] = {}
        """How much longer than others messages take between two nodes, each way."""
        self._connected: dict[tuple[NodeId, NodeId], str] = {}
        self._outstanding: dict[tuple[NodeId, NodeId], set[int]] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._starts = itertools.count(1)
        self._calls = itertools.count(1)
        self._disk_free: dict[NodeId, float] = {}
        self._effects_left: dict[NodeId, int] = {}
        self._foreign: dict[Caller, list[PeerAnswer]] = {}
        for name in self.names:
            self.start(name)

    def add(self, name: NodeId) -> None:
        """Start a node more, which is no member yet."""
        self.names.append(name)
        self._configs[name] = CoreConfig(name, self._members, **self._settings)
        self.disks[name] = Disk()
        self.start(name)

    def retire(self, name: NodeId) -> None:
        """Stop a node for good."""
        self.crash(name)
        self.names.remove(name)

    # Faults.

    def start(self, name: NodeId) -> None:
        """Start a node on what its disk holds."""
        number = next(self._starts)
        disk = self.disks[name]
        actor = f"{name}/{number}".encode()
        core = self._core(self._configs[name], disk.replica, disk.hints, disk.facts, actor, f"run-{number}", number)
        self.running[name] = Process(core, f"run-{number}")

    def crash(self, name: NodeId) -> None:
        """Stop a node at once; its peers lose what they had asked it."""
        self.running.pop(name, None)
        self._effects_left.pop(name, None)
        for peer in self.names:
            self._break_stream(peer, name)
            self._outstanding.pop((name, peer), None)

    def crash_after(self, name: NodeId, effects: int) -> None:
        """Stop a node once it has carried out that many more effects."""
        self._effects_left[name] = effects

    def replace_disk(self, name: NodeId, disk: Disk) -> None:
        """Give a node that does not run another disk: an empty one, or an older copy of its own."""
        assert name not in self.running
        self.disks[name] = disk

    def set_link(self, source: NodeId, target: NodeId, link: Link) -> None:
        """Change one directed link; a refused one breaks the stream that was on it."""
        self._links[source, target] = link
        if link is Link.REFUSED:
            self._break_stream(source, target)

    def split(self, *groups: Iterable[NodeId], link: Link = Link.REFUSED) -> None:
        """Only nodes of one group reach each other; a node in no group reaches nobody."""
        sets = [set(group) for group in groups]
        for source, target in itertools.permutations(self.names, 2):
            together = any(source in group and target in group for group in sets)
            self.set_link(source, target, Link.OPEN if together else link)

    def heal(self) -> None:
        """Open all links and start all nodes."""
        self.split(self.names)
        self._effects_left.clear()
        for disk in self.disks.values():
            disk.refuses = False
        for name in self.names:
            if name not in self.running:
                self.start(name)

    # Clients.

    def call(self, name: NodeId, request: Request) -> CallId:
        """Ask a node; the reply will be in `replies`, if one comes."""
        call = CallId(next(self._calls))
        if name in self.running:
            self._receive(name, call, request)
        return call

    def ask(self, name: NodeId, request: Request) -> Result | None:
        """Ask a node and wait for its reply; None if it gives none within the request time-out."""
        call = self.call(name, request)
        self.run_until(lambda: call in self.replies, within=self.config.request_timeout)
        return self.replies.get(call)

    def question(self, name: NodeId, caller: Caller, *requests: PeerRequest) -> list[PeerAnswer]:
        """Speak to a node as some peer's stream would, no network between; all that it answers within a second."""
        heard = self._foreign.setdefault(caller, [])
        before = len(heard)
        for request in requests:
            self._receive(name, caller, request)
        self.run_until(lambda: len(heard) - before >= len(requests), within=1.0)
        return heard[before:]

    # Time.

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until(lambda: False, within=seconds)

    def run_until(self, condition: Callable[[], bool], *, within: float) -> bool:
        """Let time pass until the condition holds; False if it does not, `within` seconds later."""
        end = self.now + within
        while not condition():
            moment = min(self._moments(), default=math.inf)
            if moment > end:
                self.now = end
                return False
            self.now = max(self.now, moment)
            self._step()
        return True

    def settle(self, within: float = 10.0) -> None:
        """Run until replicas are equal and no hint is left, or fail the test."""
        assert self.run_until(self.converged, within=within), self.difference()

    # Looking inside.

    def converged(self) -> bool:
        """Whether all owners of every partition have equal roots, and no hints are left."""
        return not self.difference()

    def difference(self) -> str:
        """What keeps the cluster from being converged; empty if nothing does."""
        roots = {name: dict(process.core.roots()) for name, process in self.running.items()}
        for name, process in self.running.items():
            if hints := process.core.list_hints():
                return f"{name} keeps {len(hints)} hints"
        for partition, owners in enumerate(self.ring.owners):
            if len({roots.get(owner, {}).get(partition) for owner in owners}) > 1:
                return f"the owners of partition {partition} differ"
        return ""

    def holders(self, key: bytes) -> set[NodeId]:
        """Whose replica holds the key."""
        partition = self.ring.partition(key)
        return {
            name
            for name, process in self.running.items()
            if any(entry.key == key for entry in process.core.scan(partition).entries)
        }

    def statuses(self) -> dict[NodeId, Status]:
        """The counters of all nodes."""
        return {name: process.core.status() for name, process in self.running.items()}

    # The machinery.

    def _moments(self) -> Iterator[float]:
        if self._events:
            yield self._events[0][0]
        for process in self.running.values():
            if (deadline := process.core.next_deadline()) is not None:
                yield deadline

    def _step(self) -> None:
        if self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
            return
        for name, process in list(self.running.items()):
            deadline = process.core.next_deadline()
            if deadline is not None and deadline <= self.now and name in self.running:
                self._carry_out(name, process.core.tick(self.now))

    def _later(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._sequence), event))

    def _delay(self, body: object = None) -> float:
        return self._random.uniform(0.0005, self._slowness.get(type(body), 0.005))

    def _lag(self, node: NodeId, other: NodeId) -> float:
        return self.lags.get(frozenset((node, other)), 0.0)

    def _receive(self, name: NodeId, sender: Sender, message: Message) -> None:
        process = self.running[name]
        self._carry_out(name, process.core.receive(self.now, sender, message))

    def _carry_out(self, name: NodeId, effects: list[Effect]) -> None:
        for effect in effects:
            if self._effects_left.get(name) == 0:
                self.crash(name)
                return
            if name in self._effects_left:
                self._effects_left[name] -= 1
            match effect:
                case Persist():
                    self._persist(name, effect)
                case Send(str() as to, PeerRequest() as request):
                    self._send_request(name, to, request)
                case Send(Caller() as caller, PeerAnswer() as answer):
                    self._send_answer(name, caller, answer)
                case Reply(call, result):
                    assert call not in self.replies, "a call is answered once"
                    self.replies[call] = result

    def _persist(self, name: NodeId, persist: Persist) -> None:
        process, disk = self.running[name], self.disks[name]
        committed_at = max(self._disk_free.get(name, 0.0), self.now) + self._delay()
        self._disk_free[name] = committed_at

        def report(*, durable: bool) -> None:
            if self.running.get(name) is process:
                news = Persisted(persist.token) if durable else PersistFailed(persist.token, "the disk is full")
                self._receive(name, name, news)

        def commit() -> None:
            if self.running.get(name) is process:
                durable = disk.commit(persist)
                self._later(0.001, lambda: report(durable=durable))

        self._later(committed_at - self.now, commit)

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        process = self.running[source]
        if self._link(source, target) is Link.REFUSED or target not in self.running:
            self._tell(source, process, target, Unsent((request.id,)))
            return
        self._outstanding.setdefault((source, target), set()).add(request.id)
        if self._link(source, target) is Link.DROPPING:
            return
        receiver = self.running[target]
        if self._connected.get((source, target)) != receiver.incarnation:
            self._connected[source, target] = receiver.incarnation
            self._tell(source, process, target, PeerUp(Hello(target, receiver.incarnation, KNOWS_SINCE)))
        caller = Caller(source, process.incarnation, int(process.incarnation.removeprefix("run-")))

        def arrive() -> None:
            if self.running.get(target) is receiver and self._link(source, target) is Link.OPEN:
                self._receive(target, caller, request)

        for _ in range(self._copies()):
            self._later(self._lag(source, target) + self._delay(request.body), arrive)

    def _send_answer(self, source: NodeId, caller: Caller, answer: PeerAnswer) -> None:
        if caller in self._foreign:
            self._foreign[caller].append(answer)
            return
        process = self.running.get(caller.node)

        def arrive() -> None:
            if (
                process is not None
                and self.running.get(caller.node) is process
                and process.incarnation == caller.incarnation
                and self._link(caller.node, source) is Link.OPEN
            ):
                self._outstanding.get((caller.node, source), set()).discard(answer.id)
                self._receive(caller.node, source, answer)

        for _ in range(self._copies()):
            self._later(self._lag(source, caller.node) + self._delay(answer.body), arrive)

    def _tell(self, name: NodeId, process: Process, about: NodeId, news: Unsent | Lost | PeerUp) -> None:
        def arrive() -> None:
            if self.running.get(name) is process:
                self._receive(name, about, news)

        self._later(0.0005, arrive)

    def _break_stream(self, source: NodeId, target: NodeId) -> None:
        lost = self._outstanding.pop((source, target), None)
        self._connected.pop((source, target), None)
        if lost and source in self.running:
            self._tell(source, self.running[source], target, Lost(tuple(sorted(lost))))

    def _copies(self) -> int:
        return 2 if self._random.random() < self._duplication else 1

    def _link(self, source: NodeId, target: NodeId) -> Link:
        return self._links.get((source, target), Link.OPEN)

"""A random schedule in the making, and what is known of it without carrying it out."""

from collections import defaultdict
from dataclasses import dataclass

import msgspec

from ringcheck.schedule import Configuration, Schedule, Size
from ringcheck_chaos.faults import Fault
from ringcheck_properties.builder import Story, namespace_of
from ringcheck_properties.swarm import Swarm

SECONDS = 6.0
"""What a schedule may take before its last settle, by estimate: runs are budgeted by what they do, not by a clock."""

SETTLE_S = 2.5
"""What a settle takes: healing, convergence, and one request time-out in which nothing may change."""

RESTART_S = 0.3
"""What the start of one node takes; starting is work, so several take longer."""

LIFETIMES = 2.0
"""So many of a tombstone, and a little more, pass until a node that does not trust its clock reaps it."""

STUCK_S = 1.0
"""What it takes, on average, to wait for operations while something is broken."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An operation whose answer gives a context."""

    operation: int
    client: int


class Draft:
    """Steps so far; `seconds` estimates what they take, of the `budget` that there is.

    `changing` says whether nodes may join and leave. `nodes` are those that are about: members and leavers.

    `salt` keeps the keys of different runs apart. `keys` may hold one several times, so that it is chosen more often;
    values are filled up to one of `sizes`.

    Nothing here depends on an answer: what is "seen" is the operation, not what it returned.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        swarm: Swarm,
        keys: tuple[str, ...],
        twins: bool = False,
        name: str = "random",
        seed: int = 0,
        salt: str = "",
        budget: float = SECONDS,
        sizes: tuple[Size, ...] = (0,),
        changing: bool = False,
    ) -> None:
        self._story = Story(name, configuration, seed=seed)
        self.swarm = swarm
        self.keys = keys
        self.changing = changing
        self.nodes = self.members = configuration.node_ids
        self.leavers: tuple[str, ...] = ()
        self.joined: tuple[str, ...] = ()
        self.hosts = dict(zip(configuration.node_ids, configuration.hosts, strict=False))
        self.configuration = configuration
        self.faults: dict[int, Fault] = {}
        self.down: tuple[str, ...] = ()
        self.seen: defaultdict[str, list[Seen]] = defaultdict(list)
        self.seconds = 0.0
        self.settled = False
        self.sizes = sizes
        self.copied: frozenset[str] = frozenset()
        """Nodes of whose disks there is a copy."""
        self.destroyed: frozenset[str] = frozenset()
        """Nodes that have lost their disks since the last settle, wholly or to a copy."""
        self._budget = budget
        self._twins = twins
        self._puts: defaultdict[str, int] = defaultdict(int)
        self._salt = salt

    @property
    def troubled(self) -> bool:
        """Whether something is broken just now."""
        return bool(self.faults or self.down)

    def affords(self, seconds: float) -> bool:
        """Whether there is still time for so much."""
        return self.seconds + seconds <= self._budget

    def may_destroy(self, node: str) -> bool:
        """Whether one more lost disk is within the contract: fewer than W nodes between two convergences."""
        return len(self.destroyed | {node}) < self.configuration.w

    @property
    def outliving_s(self) -> float:
        """How long it takes until a tombstone is gone; 0 = it is there for ever."""
        lifetime_s = self.configuration.tombstone_lifetime_ms / 1000
        return lifetime_s and LIFETIMES * lifetime_s + SETTLE_S

    @property
    def stayers(self) -> tuple[str, ...]:
        """The members that were there from the beginning; without any, those that are there now."""
        return tuple(node for node in self.members if node not in self.joined) or self.members

    @property
    def next_joiner(self) -> str:
        """The id of the node that joins next."""
        return f"n{self.configuration.nodes + len(self.joined) + 1}"

    def host(self, node: str) -> str:
        """The physical machine of a node."""
        return self.hosts.get(node, node)

    def spares(self, node: str) -> bool:
        """Whether enough hosts are left when `node` goes, and somebody to ask."""
        left = {self.host(each) for each in self.members if each != node}
        return len(left) >= max(1, self.configuration.n)

    @property
    def length(self) -> int:
        """How many steps there are."""
        return len(self._story.steps)

    def get(self, key: str, *, through: str, client: int, quorum: int, wait: bool) -> None:
        """Read a key."""
        self.seen[key].append(Seen(self._story.get(key, through=through, client=client, r=quorum, wait=wait), client))

    def put(
        self, key: str, *, through: str, client: int, context: int | None, quorum: int, wait: bool, size: Size = 0
    ) -> None:
        """Write a value that is new for its key; with `twins`, other keys may hold the same."""
        self._puts[key] += 1
        value = f"twin{self._puts[key]}" if self._twins else None
        put = self._story.put(
            key, value, through=through, client=client, context=context, w=quorum, wait=wait, value_size=size
        )
        self.seen[key].append(Seen(put, client))

    def delete(self, key: str, *, through: str, client: int, context: int, quorum: int, wait: bool) -> None:
        """Delete what an earlier operation has seen."""
        self._story.delete(key, through=through, client=client, context=context, w=quorum, wait=wait)

    def wait(self) -> None:
        """Wait for all operations."""
        self._story.wait()
        self.seconds += STUCK_S if self.troubled else 0.0

    def join(self, *, through: str, weight: int = 1, host: str = "", wait: bool = True) -> str:
        """One more node joins; returns its id."""
        node = self._story.newcomer()
        self._story.join(node, through=through, weight=weight, host=host, wait=wait)
        self.hosts |= {node: host} if host else {}
        self.joined += (node,)
        self.members += (node,)
        self.nodes += (node,)
        self.seconds += RESTART_S
        return node

    def leave(self, node: str, *, through: str, wait: bool = True) -> None:
        """A member begins to leave."""
        self._story.leave(node, through=through, wait=wait)
        self.members = _without(self.members, node)
        self.leavers += (node,)

    def remove(self, node: str, *, through: str, wait: bool = True) -> None:
        """A member that is down is taken away; what its disk held is lost."""
        self._story.remove(node, through=through, wait=wait)
        self.destroyed |= {node}
        self.copied -= {node}
        self.members, self.nodes = _without(self.members, node), _without(self.nodes, node)
        self.down = _without(self.down, node)

    def retire(self, nodes: tuple[str, ...]) -> None:
        """Leavers are stopped for good."""
        self._story.retire(*nodes)
        for node in nodes:
            self.leavers, self.nodes = _without(self.leavers, node), _without(self.nodes, node)
            self.copied -= {node}
        self.seconds += STUCK_S

    def lapse(self, seconds: float) -> None:
        """Let time pass, in seconds."""
        self._story.lapse(seconds)
        self.seconds += seconds

    def inject(self, fault: Fault) -> int:
        """Begin a fault; returns its id."""
        number = self._story.inject(fault)
        self.faults[number] = fault
        self.seconds += 0.2
        return number

    def heal(self, fault: int) -> None:
        """End a fault that is in force."""
        del self.faults[fault]
        self._story.heal(fault)
        self.seconds += 0.1

    def kill(self, nodes: tuple[str, ...]) -> None:
        """Kill nodes that run."""
        self._story.kill(*nodes)
        self.down += nodes

    def crash_after(self, node: str, effects: int) -> None:
        """Let a node die between two effects; it counts as down, since it may be."""
        self._story.crash_after(node, effects)
        self.down = tuple(dict.fromkeys((*self.down, node)))

    def wipe(self, node: str) -> None:
        """Take a node's disk away; it is down then."""
        self._story.wipe(node)
        self._lost(node)

    def roll_back(self, node: str) -> None:
        """Give a node the copy of its disk; it is down then."""
        self._story.roll_back(node)
        self._lost(node)
        self.copied -= {node}

    def back_up(self, nodes: tuple[str, ...]) -> None:
        """Copy the disks of nodes."""
        self._story.back_up(*nodes)
        self.copied |= set(nodes)

    def observe(self) -> None:
        """Look into every running node."""
        self._story.observe()

    def restart(self, node: str = "") -> None:
        """Start all nodes that are down, or this one alone."""
        up = (node,) if node else self.down
        self._story.restart(*up)
        self.seconds += RESTART_S * len(up)
        self.down = tuple(each for each in self.down if each not in up)

    def pause(self, detections: float) -> None:
        """Let time pass, in detection deadlines."""
        self._story.pause(detections)
        self.seconds += detections * self.configuration.detection_deadline_ms / 1000

    def settle(self) -> None:
        """Settle in mid-run."""
        self._story.settle()
        self.faults.clear()
        self.down = ()
        self.destroyed = frozenset()
        self.settled = True
        self.seconds += SETTLE_S

    def finish(self) -> Schedule:
        """The whole, ended by a settle. Equal drafts with equal salt have equal keys, others different ones."""
        self._story.settle()
        return self._story.schedule(namespace_of(self._salt.encode() + msgspec.json.encode(self._story.steps)))

    def _lost(self, node: str) -> None:
        self.destroyed |= {node}
        self.down = tuple(dict.fromkeys((*self.down, node)))


def _without(nodes: tuple[str, ...], node: str) -> tuple[str, ...]:
    return tuple(each for each in nodes if each != node)

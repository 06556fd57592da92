"""Whole runs from one seed: clients that write and read all along while members come and go, with faults or without.

    python -c "from tests.reference.core.upheaval import hunt; hunt(range(1000), faults=True)"

A run goes through two phases. In each something happens; then everything is healed, and what the contract promises is
looked for: everybody agrees, every handover is confirmed, who left is drained, the owners hold equal data and nobody
else holds any, and no acknowledged write is gone. Without faults also that every call succeeds, and that a read
reflects what had been acknowledged before it began.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import DeleteResult, GetResult, PutResult
from ringcheck_reference.core.messages import (
    DEFINITE,
    CallId,
    ClientDelete,
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
    Gossip,
    Held,
    Holding,
    Leaves,
    NodeId,
    Release,
    Released,
    RootsQuery,
    Stored,
)
from ringcheck_reference.core.node import Node

from .cluster import Cluster, Disk, Link

KEYS = tuple(b"key %d" % number for number in range(8))
SETTLES_IN = 40.0
SLOW_KINDS = (Gossip, Release, Released, Holding, Held, RootsQuery, Leaves, Stored)


class Breach(AssertionError):  # noqa: N818 - as the judges call it
    """The run broke a promise."""


@dataclass
class Write:
    """One write: what it puts, and what its context was read to cover."""

    key: bytes
    value: bytes | None
    supersedes: frozenset[bytes]


@dataclass
class Reading:
    """One Get under way: what had been acknowledged when it began."""

    name: NodeId
    key: bytes
    acknowledged: frozenset[bytes]


@dataclass
class Clients:
    """What clients have asked and heard."""

    writes: dict[CallId, Write] = field(default_factory=dict)
    reads: dict[CallId, Reading] = field(default_factory=dict)
    changes: dict[CallId, ClientJoin | ClientLeave | ClientRemove] = field(default_factory=dict)
    seen: dict[bytes, tuple[bytes, frozenset[bytes]]] = field(default_factory=dict)
    heard: set[CallId] = field(default_factory=set)


class Upheaval:
    """One run. `core` makes the nodes, `faults` says whether anything but the members changes."""

    def __init__(self, seed: int, *, faults: bool, core: type[Node] = Node, **given: Any) -> None:
        self.random = draw = random.Random(f"{seed}/{faults}")
        self.faults = faults
        size = draw.choice([3, 4, 5])
        n = draw.choice([1, 2, 3, 3, 3])
        w = draw.randint(1, n) if faults else draw.choice([each for each in (1, 2, 3) if each <= n])
        r = draw.randint(1, n) if faults else draw.randint(n + 1 - w, n)
        self.settings: dict[str, Any] = {
            "n": n,
            "r": r,
            "w": w,
            "partition_count": draw.choice([1, 4, 8]),
            "gossip_interval": draw.choice([0.1, 0.3]),
            "handoff_interval": draw.choice([0.1, 0.3, 1.0]),
            "anti_entropy_interval": draw.choice([0.2, 1.0, 5.0]),
            **given,
        }
        slowness: Mapping[type, float] = {
            kind: draw.choice([0.02, 0.2, 0.6]) for kind in SLOW_KINDS if draw.random() < 0.25
        }
        if not faults:
            slowness = {kind: delay for kind, delay in slowness.items() if kind is not Stored}
        self.cluster = Cluster(
            size,
            seed=seed,
            duplication=draw.choice([0.0, 0.1]) if faults else 0.0,
            core=core,
            slowness=slowness,
            **self.settings,
        )
        self.clients = Clients()
        self.members = set(self.cluster.names)
        self.leavers: set[NodeId] = set()
        self.lost: set[NodeId] = set()
        self.removed: set[NodeId] = set()
        self.next_number = size + 1
        self.log: list[str] = []

    def run(self) -> None:
        """Carry it out; raises Breach."""
        self.cluster.run_for(1.0)
        for _ in range(2):
            self._upheave()
            self._settle()

    # What happens.

    def _upheave(self) -> None:
        draw = self.random
        self.lost.clear()
        moments = sorted(draw.uniform(0.05, 2.0) for _ in range(draw.randint(1, 3)))
        if draw.random() < 0.3:
            moments = [moments[0] + number * draw.uniform(0.0, 0.1) for number in range(len(moments))]
        plan = [(moment, self._change) for moment in moments]
        if self.faults:
            for _ in range(draw.randint(0, 5)):
                near = draw.choice(moments) + draw.uniform(0.0, 0.3)
                plan.append((draw.choice([near, draw.uniform(0.0, 2.5)]), self._fault))
        pace = draw.choice([0.01, 0.03, 0.1])
        plan += [(number * pace, self._operate) for number in range(int(2.5 / pace))]
        began = self.cluster.now
        for moment, act in sorted(plan, key=lambda item: item[0]):
            self.cluster.run_for(max(0.0, began + moment - self.cluster.now))
            self._hear()
            act()

    def _running(self) -> list[NodeId]:
        return sorted(name for name in self.members if name in self.cluster.running)

    def _operate(self) -> None:
        draw, clients, running = self.random, self.clients, self._running()
        if not running:
            return
        name, key = draw.choice(running), draw.choice(KEYS)
        kind = draw.random()
        context, covered = clients.seen.get(key, (b"", frozenset()))
        if kind < 0.45:
            call = self.cluster.call(name, ClientGet(key))
            clients.reads[call] = Reading(name, key, frozenset(self._acknowledged(key)))
        elif kind < 0.95 or not context:
            if draw.random() < 0.3:
                context, covered = b"", frozenset()
            value = b"value %d" % len(clients.writes)
            call = self.cluster.call(name, ClientPut(key, value, context))
            clients.writes[call] = Write(key, value, covered)
        else:
            call = self.cluster.call(name, ClientDelete(key, context))
            clients.writes[call] = Write(key, None, covered)

    def _change(self) -> None:
        draw, cluster = self.random, self.cluster
        running = self._running()
        if not running:
            return
        through = draw.choice(running)
        spare = len(self.members) > max(self.settings["n"], self.settings["w"], 2)
        kind = draw.choice(["join", "leave", "remove"] if self.faults else ["join", "leave"])
        if kind == "join" or not spare:
            name = f"n{self.next_number}"
            self.next_number += 1
            cluster.add(name)
            self.members.add(name)
            self._note(f"join {name} through {through}")
            self._ask_change(through, ClientJoin(Member(name, draw.choice([1, 1, 2]))))
        elif kind == "leave":
            newest = f"n{self.next_number - 1}"
            name = newest if newest in self.members and draw.random() < 0.3 else draw.choice(sorted(self.members))
            self.members.discard(name)
            self.leavers.add(name)
            self._note(f"leave {name} through {through}")
            self._ask_change(through, ClientLeave(name))
        elif self._may_lose():
            name = draw.choice(sorted(self.members | self.leavers))
            if name == through:
                return
            self._note(f"remove {name} through {through}")
            self._lose(name)
            self.members.discard(name)
            self.leavers.discard(name)
            self.removed.add(name)
            cluster.retire(name)
            self._ask_change(through, ClientRemove(name))

    def _ask_change(self, name: NodeId, change: ClientJoin | ClientLeave | ClientRemove) -> None:
        self.clients.changes[self.cluster.call(name, change)] = change

    def _may_lose(self) -> bool:
        budget: int = self.settings["w"] - 1
        return len(self.lost) < budget

    def _lose(self, name: NodeId) -> None:
        self.lost.add(name)

    def _fault(self) -> None:
        draw, cluster = self.random, self.cluster
        names = list(cluster.names)
        name, other = draw.choice(names), draw.choice(names)
        kind = draw.choice(["crash", "crash after", "start", "link", "cut", "open", "wipe", "crash all", "disk"])
        self._note(f"{kind} {name} {other}")
        match kind:
            case "crash":
                cluster.crash(name)
            case "crash after" if name in cluster.running:
                cluster.crash_after(name, draw.randint(0, 12))
            case "start":
                for each in names:
                    if each not in cluster.running:
                        cluster.start(each)
            case "link" if name != other:
                cluster.set_link(name, other, draw.choice(list(Link)))
            case "cut":
                apart = draw.sample(names, draw.randint(1, max(1, len(names) // 2)))
                cluster.split(apart, set(names) - set(apart), link=draw.choice([Link.REFUSED, Link.DROPPING]))
            case "open":
                cluster.split(names)
            case "wipe" if name in self.lost or self._may_lose():
                self._lose(name)
                cluster.crash(name)
                cluster.replace_disk(name, Disk())
                if draw.random() < 0.7:
                    cluster.start(name)
            case "crash all":
                for each in names:
                    cluster.crash(each)
                    cluster.start(each)
            case "disk":
                cluster.disks[name].refuses = not cluster.disks[name].refuses

    # What has to hold.

    def _settle(self) -> None:
        self.cluster.heal()
        self._note("heal")
        self.cluster.run_for(self.cluster.config.request_timeout)
        self._hear()
        self._repeat_changes()
        if not self.cluster.run_until(lambda: not self.difference(), within=SETTLES_IN):
            raise Breach(f"not settled: {self.difference()}")
        self.cluster.run_for(self.cluster.config.request_timeout)
        if difference := self.difference():
            raise Breach(f"not settled any more: {difference}")
        for name in sorted(self.leavers):
            self.cluster.retire(name)
        self.leavers.clear()
        for key in KEYS:
            self._check(key)
        self._check_quiet()

    def _repeat_changes(self) -> None:
        """What was not acknowledged is asked for again, by an operator who wants to know."""
        for call, change in list(self.clients.changes.items()):
            result = self.cluster.replies.get(call)
            if result is None or not hasattr(result, "view_digest"):
                if not self.faults and getattr(result, "code", None) not in DEFINITE:
                    raise Breach(f"{change} was not carried out: {result}")
                if isinstance(change, ClientJoin) and change.member.id not in self.members:
                    continue  # It left meanwhile, and does not join again.
                again = self.cluster.ask(self._running()[0], change)
                if not hasattr(again, "view_digest"):
                    raise Breach(f"{change} was not carried out after healing: {again}")
        self.clients.changes.clear()

    def difference(self) -> str:
        """What keeps the cluster from being converged."""
        cores = {name: process.core for name, process in self.cluster.running.items()}
        if len({core.ring().digest for core in cores.values()}) > 1:
            return "views differ"
        for name, core in sorted(cores.items()):
            if core.is_removed:
                return f"{name} believes that it was removed"
            if {member.id for member in core.ring().members} != self.members:
                return f"{name} takes {[member.id for member in core.ring().members]} for the members"
            if core.membership() != type(core.membership())():
                return f"{name}: {core.membership()}"
            if core.list_hints():
                return f"{name} keeps {len(core.list_hints())} hints"
        roots = {name: dict(core.roots()) for name, core in cores.items()}
        owners = next(iter(cores.values())).ring().owners
        for name, held in roots.items():
            if astray := [number for number in held if name not in owners[number]]:
                return f"{name} holds partitions {astray} which it does not own"
        for number, nodes in enumerate(owners):
            if len({roots[node].get(number) for node in nodes}) > 1:
                return f"the owners of partition {number} differ"
        return ""

    def _check(self, key: bytes) -> None:
        """No acknowledged value is missing, no covered one is back, and all nodes agree."""
        found = set()
        for name in self._running():
            result = self.cluster.ask(name, ClientGet(key, self.settings["n"]))
            if not isinstance(result, GetResult):
                raise Breach(f"after healing {name} answers {result}")
            found.add(frozenset(result.values))
        if len(found) != 1:
            raise Breach(f"nodes disagree about {key!r}")
        values = set(found.pop())
        writes = {call: write for call, write in self.clients.writes.items() if write.key == key}
        replies = self.cluster.replies
        acknowledged = [
            write for call, write in writes.items() if isinstance(replies.get(call), PutResult | DeleteResult)
        ]
        perhaps_covered = {value for write in writes.values() for value in write.supersedes}
        surely_covered = {value for write in acknowledged for value in write.supersedes}
        promised = {write.value for write in acknowledged if write.value is not None}
        if lost := promised - perhaps_covered - values:
            raise Breach(f"an acknowledged write is lost: {sorted(lost)} of {key!r}")
        if back := values & surely_covered:
            raise Breach(f"a superseded version is back: {sorted(back)} of {key!r}")

    def _check_quiet(self) -> None:
        counted = ("hints_stored", "read_repairs", "anti_entropy_repairs", "transfers")
        before = self.cluster.statuses()
        self.cluster.run_for(1.0)
        for name, status in self.cluster.statuses().items():
            for counter in counted:
                if getattr(status, counter) != getattr(before[name], counter):
                    raise Breach(f"{name} goes on: {counter}")

    def _hear(self) -> None:
        """Take in the replies that have come."""
        clients, replies = self.clients, self.cluster.replies
        for call in [call for call in (*clients.reads, *clients.writes) if call in replies]:
            if call in clients.heard:
                continue
            clients.heard.add(call)
            result = replies[call]
            if not self.faults and not isinstance(result, GetResult | PutResult | DeleteResult):
                about = clients.reads.get(call) or clients.writes.get(call)
                raise Breach(f"without faults {about} ends with {result}")
            if call in clients.reads and isinstance(result, GetResult):
                self._take_read(clients.reads[call], result)

    def _take_read(self, read: Reading, result: GetResult) -> None:
        covered = set(result.values)
        for write in self.clients.writes.values():
            if write.value in covered:
                covered |= write.supersedes
        if result.context:
            self.clients.seen[read.key] = (result.context, frozenset(covered))
        if self.faults or self._is_sloppy():
            return
        deleted = {
            value
            for write in self.clients.writes.values()
            if write.key == read.key and write.value is None
            for value in write.supersedes
        }
        if stale := read.acknowledged - covered - deleted:
            raise Breach(f"a read of {read.key!r} through {read.name} misses {sorted(stale)}, found {result.values}")

    def _is_sloppy(self) -> bool:
        return any(
            status.hints_stored.count or status.fallback_reads.count for status in self.cluster.statuses().values()
        )

    def _acknowledged(self, key: bytes) -> Iterable[bytes]:
        return [
            write.value
            for call, write in self.clients.writes.items()
            if write.key == key and write.value is not None and isinstance(self.cluster.replies.get(call), PutResult)
        ]

    def _note(self, text: str) -> None:
        self.log.append(f"{self.cluster.now:7.3f} {text}")


def breach(seed: int, *, faults: bool, core: type[Node] = Node, **given: Any) -> str:
    """What a run breaks; empty if nothing."""
    run = Upheaval(seed, faults=faults, core=core, **given)
    try:
        run.run()
    except Breach as error:
        return "\n".join([f"seed {seed}, faults {faults}: {error}", f"  {run.settings}", *run.log])
    return ""


def hunt(seeds: Iterable[int], *, faults: bool, core: type[Node] = Node) -> int:
    """Print every breach; how many there were."""
    found = [broken for seed in seeds if (broken := breach(seed, faults=faults, core=core))]
    print(*found, sep="\n")  # noqa: T201
    return len(found)

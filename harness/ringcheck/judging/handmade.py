"""Histories made by hand, to try judges on: the kit that this project's own tests use.

    tale = Handmade()
    first = tale.put("a")
    tale.kill("n3")
    tale.put("b", context=first)
    tale.settle({"k": ["b"]})
    judge(tale.history())

Time passes by a hundredth of a second with each event. All keys lie in partition 0, which the first N members own.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

from ringcheck.history import (
    Change,
    ChangeDone,
    Converged,
    Counters,
    Description,
    DiskLost,
    Disturbed,
    Diverged,
    EntrySeen,
    Event,
    Fail,
    FaultBegan,
    FaultEnded,
    Footer,
    Header,
    HintSeen,
    History,
    Info,
    Invoke,
    NodeDown,
    NodeSeen,
    NodeUp,
    Observation,
    Ok,
    ReplicaSeen,
    Retired,
    SettleBegan,
    Starved,
)
from ringcheck.schedule import Configuration, Schedule, Step
from ringcheck_chaos.faults import Fault

TICK_S = 0.01
Changes: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Node → the fields of NodeSeen in which it differs from what it ought to show."""

NOTHING: Changes = MappingProxyType({})
FIRST_FINAL_READ = 1_000_000
DEFINITE = frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "UNIMPLEMENTED", "PERMISSION_DENIED"})
NOBODY = Counters(**dict.fromkeys(Counters.__struct_fields__, 0))
EVERYTHING = ("describe", "inspect", "kv", "ring")


class Handmade:
    """Tells a history event by event. What the nodes hold, hint and count is said by the attributes.

    data      (node, key) → the state that its replica holds; values do not matter here
    hints     (holder, target, key), in any number
    counters  node → its counters, as far as they are not 0
    members   who belongs to the cluster in everybody's view
    """

    def __init__(
        self,
        *,
        configuration: Configuration | None = None,
        profiles: tuple[str, ...] = EVERYTHING,
        steps: tuple[Step, ...] = (),
        requirements: tuple[str, ...] = (),
    ) -> None:
        self.configuration = configuration or Configuration(nodes=3)
        self.nodes = self.configuration.node_ids
        self.members = self.nodes
        self.now = 10.0
        self.data: dict[tuple[str, str], bytes] = {}
        self.hints: set[tuple[str, str, str]] = set()
        self.counters: dict[str, Counters] = dict.fromkeys(self.nodes, NOBODY)
        self.events: list[Event] = []
        self._profiles = profiles
        self._steps = steps
        self._requirements = requirements
        self._keys: dict[str, None] = {}
        self._down: set[str] = set()
        self._gone: set[str] = set()
        self._changes = 0
        self._lives = dict.fromkeys(self.nodes, 1)
        self._next = 1
        self._next_final = FIRST_FINAL_READ
        self._settles = 0

    def tick(self, seconds: float = TICK_S) -> float:
        """Let time pass; returns the new time."""
        self.now += seconds
        return self.now

    def put(self, value: str, *, context: int | None = None, w: int = 2, **how: Any) -> int:
        """A Put, blind without a context; returns its id. `how`: see `operation`."""
        return self.operation("put", value=value, context_of=context, quorum=w, **how)

    def delete(self, context: int | None, *, w: int = 2, **how: Any) -> int:
        """A Delete; returns its id. `how`: see `operation`."""
        return self.operation("delete", context_of=context, quorum=w, **how)

    def get(self, *values: str, r: int = 2, **how: Any) -> int:
        """A Get that returned `values`; returns its id. `how`: see `operation`."""
        return self.operation("get", values=values, quorum=r, **how)

    def operation(
        self,
        kind: Literal["get", "put", "delete"],
        *,
        quorum: int,
        key: str = "k",
        node: str = "n1",
        end: str | None = "OK",
        takes: float = TICK_S,
        values: tuple[str, ...] = (),
        final: bool = False,
        **asked: Any,
    ) -> int:
        """Any operation. `end` is the status it ends with after `takes` seconds, None for one that stays open."""
        number = self._next_final if final else self._next
        if final:
            self._next_final += 1
        else:
            self._next += 1
        self._keys[key] = None
        self._tell(
            Invoke(
                time=self.tick(),
                operation=number,
                kind=kind,
                client=0,
                node=node,
                key=key,
                quorum=quorum,
                final=final,
                **asked,
            )
        )
        if end is None:
            return number
        time = self.tick(takes)
        if end == "OK":
            self._tell(Ok(time=time, operation=number, values=values))
        else:
            self._tell((Fail if end in DEFINITE else Info)(time=time, operation=number, code=end))
        return number

    def fault(self, number: int, fault: Fault, *, bit: bool = True) -> None:
        """A fault sets in."""
        began = self.tick()
        self._tell(FaultBegan(time=self.tick(), began=began, fault_id=number, fault=fault, bit=bit, proof="silent"))

    def heal(self, number: int, *, bit: bool = True, messages: int = 0) -> None:
        """It ends; so many messages have suffered."""
        began = self.tick()
        self._tell(
            FaultEnded(time=self.tick(), began=began, fault_id=number, bit=bit, proof="answered", messages=messages)
        )

    def starve(self, seconds: float = 0.25, *, waited_s: float = 1.0) -> None:
        """In the last seconds others kept the machine busy: a thread of the run waited for `waited_s`."""
        self._tell(Starved(time=self.now, began=self.now - seconds, waited_s=waited_s, ran_s=0.01))

    def kill(self, *nodes: str, proof: str = "gone", by_us: bool = True) -> None:
        """Nodes are killed at once, or end by themselves."""
        began, time = self.tick(), self.tick()
        for node in nodes:
            self._down.add(node)
            self._tell(NodeDown(time=time, began=began, node=node, killed=by_us, proof=proof))

    def restart(self, *nodes: str) -> None:
        """Nodes are started again; they count from 0."""
        began, time = self.tick(), self.tick()
        for node in nodes:
            self._down.discard(node)
            self._lives[node] += 1
            self.counters[node] = NOBODY
            self._tell(NodeUp(time=time, began=began, node=node))

    def join(self, node: str, *, weight: int = 1, host: str = "", code: str = "OK", through: str = "n1") -> None:
        """A node is started and joins; with OK all views hold it at once, else none."""
        if node not in self.nodes:
            self.nodes += (node,)
            self.counters[node] = NOBODY
            self._lives[node] = 1
            began, description = self.tick(), self._description(node)
            self._tell(NodeUp(time=self.tick(), began=began, node=node, description=description))
        self._change("join", node, code, through, weight=weight, host=host or node)
        if code == "OK":
            self.members = tuple(sorted({*self.members, node}))

    def leave(self, node: str, *, code: str = "OK", through: str = "n1") -> None:
        """A node leaves; as for `join`."""
        self._change("leave", node, code, through)
        if code == "OK":
            self.members = tuple(member for member in self.members if member != node)

    def remove(self, node: str, *, code: str = "OK", through: str = "n1") -> None:
        """A node is removed; as for `join`. No Settle starts it again."""
        self._change("remove", node, code, through)
        if code == "OK":
            self.members = tuple(member for member in self.members if member != node)
            self._gone.add(node)

    def retire(self, *nodes: str) -> None:
        """Leavers are stopped for good."""
        self.kill(*nodes)
        for node in nodes:
            self._gone.add(node)
            self._tell(Retired(time=self.tick(), node=node))

    def lose(self, *nodes: str, how: Literal["wiped", "rolled back"] = "wiped") -> None:
        """Nodes are killed, lose their disks, and start again."""
        self.kill(*nodes)
        for node in nodes:
            self._tell(DiskLost(time=self.tick(), node=node, how=how))
        self.restart(*nodes)

    def disturb(self, node: str = "n1", source: str = "n3", **how: Any) -> None:
        """The harness talks nonsense to a node; unless `how` says otherwise, it had five messages and goes on."""
        life = f"{node}-{self._lives[node]}"
        fields: dict[str, Any] = {
            "greeted": True,
            "messages": {"garbage": 5},
            "answered": True,
            "incarnation": (life, life),
            "serving": True,
            **how,
        }
        self._tell(Disturbed(began=self.tick(), time=self.tick(), node=node, source=source, **fields))

    def count(self, node: str, **more: int) -> None:
        """A node counts so many more of something."""
        counters = self.counters[node]
        changed = {name: getattr(counters, name) + number for name, number in more.items()}
        self.counters[node] = msgspec.structs.replace(counters, **changed)

    def look(
        self,
        why: Literal["start", "observe", "converged", "held", "diverged"] = "observe",
        *,
        condition: str = "now",
        met: bool = True,
        changes: Changes = NOTHING,
    ) -> None:
        """An observation of all running nodes; `changes` replaces fields of what single nodes show."""
        seen = {node: self._seen(node) for node in self.nodes if node not in self._down}
        for node, fields in changes.items():
            seen[node] = msgspec.structs.replace(seen[node], **fields)
        self._tell(
            Observation(
                began=self.tick(),
                time=self.tick(),
                why=why,
                condition=condition,
                met=met,
                nodes=seen,
                partitions=dict.fromkeys(self._keys, 0),
            )
        )

    def settle(
        self,
        finals: Mapping[str, Iterable[str] | Mapping[str, Iterable[str]]],
        *,
        by: Literal["inspect", "reads"] = "inspect",
        diverged: tuple[str, ...] = (),
        changes: Changes = NOTHING,
    ) -> None:
        """A Settle that converged, or did not for the reasons `diverged`.

        `finals`: key → what every node returned, or node → what it returned. `changes`: of its last observation.
        """
        self._tell(SettleBegan(time=self.tick(), index=self._settles))
        self.restart(*sorted(self._down - self._gone))
        healed = self.tick()
        if diverged:
            self.look("diverged", changes=changes)
            outcome: Event = Diverged(time=self.tick(), index=self._settles, healed=healed, reasons=diverged)
        else:
            if by == "inspect":
                self.look("converged")
                self.look("held", changes=changes)
            outcome = Converged(time=self.tick(), index=self._settles, by=by, healed=healed)
        self._tell(outcome)
        self._settles += 1
        for key, answers in finals.items():
            for node in self.members:
                values = tuple(answers.get(node, ())) if isinstance(answers, Mapping) else tuple(answers)
                self.get(*values, key=key, node=node, r=self.configuration.n, final=True)

    def history(self) -> History:
        """All that was told."""
        schedule = Schedule(
            name="handmade",
            namespace="h",
            configuration=self.configuration,
            requirements=self._requirements,
            steps=self._steps,
        )
        header = Header(
            ringcheck="0",
            started="",
            command=("node", "{config}"),
            nodes={node: self._description(node) for node in self.configuration.node_ids},
            network="none",
            versions={},
            seed=0,
            schedule=schedule,
        )
        footer = Footer(time=self.tick(), events=len(self.events))
        return History(header=header, events=tuple(self.events), footer=footer)

    def _tell(self, event: Event) -> None:
        self.events.append(event)

    def _change(
        self, kind: Literal["join", "leave", "remove"], node: str, code: str, through: str, **more: Any
    ) -> None:
        self._changes += 1
        self._tell(Change(time=self.tick(), number=self._changes, kind=kind, node=node, through=through, **more))
        self._tell(ChangeDone(time=self.tick(), number=self._changes, code=code))

    def _seen(self, node: str) -> NodeSeen:
        owners = self.members[: self.configuration.n]
        held = {key: state for (holder, key), state in sorted(self.data.items()) if holder == node}
        hints = sorted((target, key) for holder, target, key in self.hints if holder == node)
        replicas = (replica(held),) if node in owners or held else ()
        return NodeSeen(
            incarnation=f"{node}-{self._lives[node]}",
            counters=msgspec.structs.replace(self.counters[node], hints_pending=len(hints)),
            replicas=replicas,
            hints=tuple(
                HintSeen(target=target, entry=EntrySeen(key=key, values=(), state=b"hint")) for target, key in hints
            ),
            view_digest=f"view {self.members}",
            members=self.members,
            hosts={member: member for member in self.members},
            weights=dict.fromkeys(self.members, 1),
            owners={0: owners},
            preference_lists=dict.fromkeys(self._keys, self.members),
        )

    def _description(self, node: str) -> Description:
        asked = self.configuration
        return Description(
            node_id=node,
            implementation="handmade",
            version="0",
            profiles=self._profiles,
            n=asked.n,
            r=asked.r,
            w=asked.w,
            partition_count=1,
            max_key_bytes=1024,
            max_value_bytes=1 << 20,
            max_siblings=100,
            max_message_bytes=1 << 24,
            request_timeout_ms=asked.request_timeout_ms,
            detection_deadline_ms=asked.detection_deadline_ms,
            convergence_deadline_ms=asked.convergence_deadline_ms,
            tombstone_lifetime_ms=asked.tombstone_lifetime_ms,
        )


def replica(held: Mapping[str, bytes], root: str | None = None) -> ReplicaSeen:
    """Partition 0 with these states by key; `root` is what the node says, if not the right one."""
    right = hashlib.sha256(repr(sorted(held.items())).encode()).hexdigest() if held else "0" * 64
    said = right if root is None else root
    entries = tuple(EntrySeen(key=key, values=(), state=state) for key, state in sorted(held.items()))
    return ReplicaSeen(partition=0, root=said, scan_root=said, computed_root=right, entries=entries)

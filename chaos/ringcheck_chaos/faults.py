"""The vocabulary of faults that last until they are healed: plain data that a schedule can hold and a file can carry.

A *direction* is an ordered pair (source, target): the flow of bytes from one to the other, whoever opened the
connection. A fault of the network comes down to a mechanism and a set of directions. Faults of messages, disks and
clocks need a world that is simulated: Toxiproxy sees bytes, and a process has the disk and the clock that it has.
A pause is of a process, and every world can make one.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

CLIENT = "client"
"""Name of the harness's clients as an end of a link. No node may have this id."""

Direction: TypeAlias = tuple[str, str]

Cut = Literal["down", "stall", "drop"]
"""A mechanism that lets no byte through."""

Mechanism = Literal["down", "stall", "drop", "latency"]
"""How a link suffers.

down     the port refuses connections and existing ones are closed: what is sent was certainly never received
stall    bytes wait, connections stay; on healing they go on, with what had been waiting
drop     bytes vanish, connections stay; on healing the connections break
latency  bytes arrive late, in order
"""


class LinkFault(msgspec.Struct, frozen=True, tag_field="fault", tag="link"):
    """One link suffers, both ways or (`one_way`) only what flows from `source` to `target`.

    `down` closes ports and so has no one-way form. `latency_ms` counts for `latency` alone, per direction.
    """

    how: Mechanism
    source: str
    target: str
    one_way: bool = False
    latency_ms: int = 0

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise ValueError(f"A link joins two ends; source and target are both {self.source!r}.")
        if self.how == "down" and self.one_way:
            raise ValueError("A link that is down is down both ways; use stall or drop for a one-way fault.")
        if (self.how == "latency") != (self.latency_ms > 0):
            raise ValueError(
                f"latency_ms={self.latency_ms} does not go with how={self.how!r}: "
                "positive for latency, 0 for everything else."
            )


class Isolate(msgspec.Struct, frozen=True, tag_field="fault", tag="isolate"):
    """One node is cut off from all other nodes; clients still reach it."""

    how: Cut
    node: str


class Split(msgspec.Struct, frozen=True, tag_field="fault", tag="split"):
    """No bytes flow between two groups of nodes; clients reach both."""

    how: Cut
    left: tuple[str, ...]
    right: tuple[str, ...]

    def __post_init__(self) -> None:
        if common := set(self.left) & set(self.right):
            raise ValueError(f"A split has two sides without a common node; both hold {sorted(common)}.")


class Pause(msgspec.Struct, frozen=True, tag_field="fault", tag="pause"):
    """A node stands still: it handles nothing and none of its timers fires, and what is sent to it waits.

    Its clock runs on. When it is healed the node goes on with all that has come in. One that dies meanwhile starts
    again as any other; one that is down is not paused.
    """

    node: str


class MessageFault(msgspec.Struct, frozen=True, tag_field="fault", tag="messages"):
    """Every `every`-th message of a kind is lost, arrives twice, or arrives late, after those that were sent later.

    kind     as the core names it, "write" or "handoff" say; empty for messages of all kinds
    answers  whether the answers to messages of this kind suffer, or the messages themselves
    source, target  the sender and the receiver; empty for any
    """

    action: Literal["lose", "repeat", "delay"]
    kind: str = ""
    answers: bool = False
    every: int = 1
    delay_ms: int = 0
    source: str = ""
    target: str = ""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every={self.every} counts messages; it must be 1 or more.")
        if (self.action == "lose") != (self.delay_ms == 0):
            raise ValueError(
                f"delay_ms={self.delay_ms} does not go with action={self.action!r}: "
                "it says how late a message or its repetition is, and is 0 for one that is lost."
            )


class DiskErrors(msgspec.Struct, frozen=True, tag_field="fault", tag="disk-errors"):
    """Every `every`-th write to a node's disk fails, and the node is told so."""

    node: str
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every={self.every} counts writes; it must be 1 or more.")


class ClockSkew(msgspec.Struct, frozen=True, tag_field="fault", tag="clock-skew"):
    """A node's clock jumps forward, and runs `rate` times as fast as the others'. What it has gained it keeps."""

    node: str
    rate: float = 1.0
    jump_ms: int = 0

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.jump_ms < 0:
            raise ValueError(f"A clock never goes back; rate={self.rate} and jump_ms={self.jump_ms} would make it.")


NetworkFault: TypeAlias = LinkFault | Isolate | Split
SimulatedFault: TypeAlias = MessageFault | DiskErrors | ClockSkew
Fault: TypeAlias = NetworkFault | Pause | SimulatedFault


def directions(fault: Fault, nodes: Iterable[str]) -> frozenset[Direction]:
    """The directions that `fault` touches in a cluster of `nodes`.

    A node that is paused, or whose disk or clock is not to be relied on, counts as one whose links are not.
    """
    match fault:
        case MessageFault(source=source, target=target):
            return frozenset(
                (one, other)
                for one in nodes
                for other in nodes
                if one != other and source in ("", one) and target in ("", other)
            )
        case Pause(node=node) | DiskErrors(node=node) | ClockSkew(node=node):
            pairs = [(node, other) for other in (CLIENT, *nodes) if other != node]
        case LinkFault(source=source, target=target, one_way=True):
            return frozenset({(source, target)})
        case LinkFault(source=source, target=target):
            pairs = [(source, target)]
        case Isolate(node=node):
            pairs = [(node, other) for other in nodes if other != node]
        case Split(left=left, right=right):
            pairs = [(one, other) for one in left for other in right]
    return frozenset(direction for a, b in pairs for direction in ((a, b), (b, a)))


def blocks(fault: Fault) -> bool:
    """Whether nothing gets through: true for a pause, and for every mechanism of the network but latency."""
    return isinstance(fault, Pause) or (isinstance(fault, NetworkFault) and fault.how != "latency")


def describe(fault: Fault) -> str:
    """The fault in a few plain words, for stories and progress."""
    match fault:
        case Pause(node=node):
            return f"{node} paused"
        case MessageFault():
            return _describe_messages(fault)
        case DiskErrors(node=node, every=every):
            return f"{'every write' if every == 1 else f'one write in {every}'} to the disk of {node} fails"
        case ClockSkew(node=node, rate=rate, jump_ms=jump_ms):
            jump = f" and {jump_ms} ms ahead" if jump_ms else ""
            return f"the clock of {node} {rate:g} times as fast{jump}"
    how = {"down": "down", "stall": "stalled", "drop": "dropping everything", "latency": "slow"}[fault.how]
    match fault:
        case LinkFault(source=source, target=target, one_way=one_way, latency_ms=latency_ms):
            arrow = "→" if one_way else "↔"
            return f"link {source} {arrow} {target} {how}" + (f" (+{latency_ms} ms)" if latency_ms else "")
        case Isolate(node=node):
            return f"{node} isolated (links {how})"
        case Split(left=left, right=right):
            return f"split {'+'.join(left)} | {'+'.join(right)} (links {how})"


def _describe_messages(fault: MessageFault) -> str:
    """As in "every answer to a write message from n1 lost", "one in 3 handoff messages late (+60 ms)"."""
    many = "" if fault.every == 1 else "s"
    kind = f"{fault.kind} message" if fault.kind else "message"
    what = f"answer{many} to {kind}s" if fault.answers else f"{kind}{many}"
    way = "".join((f" from {fault.source}" if fault.source else "", f" to {fault.target}" if fault.target else ""))
    end = {"lose": "lost", "repeat": "repeated", "delay": "late"}[fault.action]
    late = f" (+{fault.delay_ms} ms)" if fault.delay_ms else ""
    return f"{f'one in {fault.every}' if many else 'every'} {what}{way} {end}{late}"

"""The vocabulary of network faults: plain data that a schedule can hold and a file can carry.

A *direction* is an ordered pair (source, target): the flow of bytes from one to the other, whoever opened the
connection. Every fault comes down to a mechanism and a set of directions.
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


Fault: TypeAlias = LinkFault | Isolate | Split


def directions(fault: Fault, nodes: Iterable[str]) -> frozenset[Direction]:
    """The directions that `fault` touches in a cluster of `nodes`."""
    match fault:
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
    """Whether no byte gets through: true for every mechanism but latency."""
    return fault.how != "latency"


def describe(fault: Fault) -> str:
    """The fault in a few plain words, for stories and progress."""
    how = {"down": "down", "stall": "stalled", "drop": "dropping everything", "latency": "slow"}[fault.how]
    match fault:
        case LinkFault(source=source, target=target, one_way=one_way, latency_ms=latency_ms):
            arrow = "→" if one_way else "↔"
            return f"link {source} {arrow} {target} {how}" + (f" (+{latency_ms} ms)" if latency_ms else "")
        case Isolate(node=node):
            return f"{node} isolated (links {how})"
        case Split(left=left, right=right):
            return f"split {'+'.join(left)} | {'+'.join(right)} (links {how})"

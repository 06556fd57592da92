"""Whom a client asks for a key: the ring as a node told it, and who was out of reach lately. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

PAUSE_S: Final = 1.0
"""So long others are preferred to a node that was out of reach."""


@dataclass(frozen=True, slots=True)
class Ring:
    """What Ring.GetRing tells: the members' ids, and the owners of each partition, the first owner first."""

    members: tuple[str, ...] = ()
    owners: tuple[tuple[str, ...], ...] = ()

    def partition(self, key: bytes) -> int:
        """Where the key lies: its place is the first 8 bytes of SHA-256(key), big-endian. There must be partitions."""
        return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") * len(self.owners) >> 64

    def preference_list(self, key: bytes) -> tuple[str, ...]:
        """Every member once, the owners of the key first; nobody while no ring is known.

        Among those that are none a coordinator has no order to keep to, as they hand the request on. They begin
        with another one for each partition, so that nobody does that for all.
        """
        if not self.owners:
            return self.members
        partition = self.partition(key)
        owners = self.owners[partition]
        others = [member for member in self.members if member not in owners]
        start = partition % len(others) if others else 0
        return (*owners, *others[start:], *others[:start])


class Routing:
    """Whom to ask, in which order; `nodes` are those whose address is known, members or not."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self.ring = Ring()
        self._nodes = tuple(nodes)
        self._out_of_reach: dict[str, float] = {}
        """Until when others are preferred."""
        self._turn = 0

    def order(self, key: bytes, now: float) -> Sequence[str]:
        """Every member whose address is known, the one to try first at the head; all nodes while no ring is known.

        Who was out of reach lately comes last, but is not left out: this client may have been wrong about it.
        """
        known = [node for node in self.ring.preference_list(key) if node in self._nodes]
        return self._reachable_first(known or self.in_turn(now), now)

    def in_turn(self, now: float) -> Sequence[str]:
        """All nodes, beginning with another one each time: whom to ask what any node can answer."""
        self._turn = (self._turn + 1) % len(self._nodes)
        return self._reachable_first((*self._nodes[self._turn :], *self._nodes[: self._turn]), now)

    def suspect(self, node: str, now: float) -> None:
        """The node could not be connected to, or its connection broke, or it was silent for too long."""
        self._out_of_reach[node] = now + PAUSE_S

    def trust(self, node: str) -> None:
        """The node has answered."""
        self._out_of_reach.pop(node, None)

    def _reachable_first(self, nodes: Sequence[str], now: float) -> Sequence[str]:
        if not self._out_of_reach:
            return nodes
        return sorted(nodes, key=lambda node: self._out_of_reach.get(node, now) > now)

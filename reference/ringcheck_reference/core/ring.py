"""Who holds what: the ring is a function of the member set, of Q and of N alone.

Q equal partitions. Owners are chosen rank by rank, by bounded rendezvous: each (partition, member) pair has a
score, made from a hash and the member's weight; the pairs are taken in the order of their scores, and a pair
is granted while the partition has no owner of that rank and the member has room left. Room is the member's
share of Q by weight, rounded up or down so that the rooms sum to Q. It is the stable matching of partitions and
members, hence a change of members moves little.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from .config import Member
from .messages import NodeId


def place(key: bytes) -> int:
    """The key's place on the ring: the first 8 bytes of SHA-256(key), big-endian."""
    return place_at(hashlib.sha256(key).digest())


def place_at(digest: bytes) -> int:
    """The place of the key with this SHA-256."""
    return int.from_bytes(digest[:8], "big")


class Ring:
    """Partitions and preference lists of these members; without members nobody owns anything."""

    def __init__(self, members: Sequence[Member], n: int, partition_count: int) -> None:
        self.members = tuple(sorted(members, key=lambda member: member.id))
        self.partition_count = partition_count
        self._machines = {member.id: member.machine for member in self.members}
        self.machine: Callable[[NodeId], str] = self._machines.__getitem__
        """The physical machine of a node."""
        self._ranking = [self._ranked(partition) for partition in range(partition_count)]
        self.owners = self._choose_owners(min(n, len(set(self._machines.values()))))
        self.partition: Callable[[bytes], int] = lru_cache(maxsize=4096)(self._locate)
        """The partition of a key: floor(place * Q / 2^64)."""
        self._lists = [self._with_fallbacks(partition) for partition in range(partition_count)]
        self._fallbacks = [nodes[len(homes) :] for nodes, homes in zip(self._lists, self.owners, strict=True)]

    def homes(self, key: bytes) -> tuple[NodeId, ...]:
        """The home nodes of `key`, first owner first: min(N, hosts) ids on as many hosts."""
        return self.owners[self.partition(key)]

    def preference_list(self, key: bytes) -> tuple[NodeId, ...]:
        """Every member once: the home nodes of `key`, then the fallbacks in the order in which they stand in."""
        return self._lists[self.partition(key)]

    def fallbacks(self, key: bytes) -> tuple[NodeId, ...]:
        """The preference list without the home nodes."""
        return self._fallbacks[self.partition(key)]

    def owners_of(self, partition: int) -> tuple[NodeId, ...]:
        """As homes, of any key of the partition."""
        return self.owners[partition]

    def preference_list_of(self, partition: int) -> tuple[NodeId, ...]:
        """As preference_list, of any key of the partition."""
        return self._lists[partition]

    def fallbacks_of(self, partition: int) -> tuple[NodeId, ...]:
        """As fallbacks, of any key of the partition."""
        return self._fallbacks[partition]

    def __contains__(self, node: object) -> bool:
        return node in self._machines

    def partition_at(self, digest: bytes) -> int:
        """The partition of the key with this SHA-256."""
        return place_at(digest) * self.partition_count >> 64

    def _locate(self, key: bytes) -> int:
        return self.partition_at(hashlib.sha256(key).digest())

    def _ranked(self, partition: int) -> list[tuple[float, NodeId]]:
        return sorted((_score(str(partition), member), member.id) for member in self.members)

    def _choose_owners(self, ranks: int) -> tuple[tuple[NodeId, ...], ...]:
        owners: list[list[NodeId]] = [[] for _ in range(self.partition_count)]
        pairs = sorted(
            (score, partition, node) for partition, ranking in enumerate(self._ranking) for score, node in ranking
        )
        for rank in range(ranks):
            room = _shares(self.members, self.partition_count)
            for _, partition, node in pairs:
                if len(owners[partition]) == rank and room[node] and self._is_apart(node, owners[partition]):
                    owners[partition].append(node)
                    room[node] -= 1
            # Too few hosts for the shares: the rest goes to whom the hash likes best.
            for _, partition, node in pairs:
                if len(owners[partition]) == rank and self._is_apart(node, owners[partition]):
                    owners[partition].append(node)
        return tuple(map(tuple, owners))

    def _with_fallbacks(self, partition: int) -> tuple[NodeId, ...]:
        """Fallbacks on machines not in the list yet come before those that share one."""
        chosen = list(self.owners[partition])
        rest = [node for _, node in self._ranking[partition] if node not in chosen]
        for node in rest:
            if self._is_apart(node, chosen):
                chosen.append(node)
        return tuple(chosen + [node for node in rest if node not in chosen])

    def _is_apart(self, node: NodeId, chosen: Sequence[NodeId]) -> bool:
        return all(self._machines[node] != self._machines[other] for other in chosen)


@lru_cache(maxsize=32)
def ring_of(members: tuple[Member, ...], n: int, partition_count: int) -> Ring:
    """The ring of these members, which never changes: choosing owners takes longer than all else that a start does."""
    return Ring(members, n, partition_count)


def _score(text: str, member: Member) -> float:
    """Weighted rendezvous: the lowest score of all is this member's with a chance of weight / all weights."""
    data = text.encode() + b"\0" + member.id.encode()
    drawn = int.from_bytes(hashlib.sha256(data).digest()[:6], "big")
    return -math.log((drawn + 0.5) / 2**48) / member.weight


def _shares(members: Sequence[Member], total: int) -> dict[NodeId, int]:
    """Whole numbers that sum to `total`, each member's share by weight rounded down or up."""
    weights = sum(member.weight for member in members)
    shares = {member.id: total * member.weight // weights for member in members}
    # Largest remainders first; the hash, not the id's spelling, breaks ties.
    by_remainder = sorted(members, key=lambda member: (-(total * member.weight % weights), _score("share", member)))
    for member in by_remainder[: total - sum(shares.values())]:
        shares[member.id] += 1
    return shares

"""How much of the owner lists a change of members moves, against the least possible and against the contract's bound.

A leave is a join backwards: the same two rings, in the other order. So it moves as much, as long as a list is as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

from .strategies import ring_loads

N = 3
CROWDED_N = (1, 2, 3, 4, 5, 7)
CROWDED = 32
"""So many members stand on few hosts at most."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of member sets: weights are drawn from 1 to `heaviest`; a host has `crowd` members on average."""

    name: str
    fewest: int = 4
    """Members, the newcomer among them."""
    most: int = 30
    heaviest: int = 1
    crowd: int = 1


KINDS = (
    Kind("4 to 9 of equal weight", most=9),
    Kind("10 to 30 of equal weight", fewest=10),
    Kind("4 to 30, weights 1 to 4", heaviest=4),
    Kind("4 to 30, weights 1 to 16", heaviest=16),
    Kind("4 to 30, weights 1 to 4, shared hosts", heaviest=4, crowd=3),
)


@dataclass(frozen=True, slots=True)
class Move:
    """What one join, or the leave that undoes it, moves; in entries of the owner lists."""

    moved: int
    """Entries of the new lists that the old list of the same partition has not."""
    least: int
    """What any two placements move in which every member holds as many partitions as in these two."""
    bound: int
    """4·N·⌈Q·w/Σw⌉, with the newcomer in Σw: a bound by its share alone."""
    members: int
    """With the newcomer."""
    n: int = N

    @property
    def allowed(self) -> int:
        """As allowed, of this change."""
        return allowed(self.least, self.members, self.n)


def allowed(least: int, members: int, n: int) -> int:
    """The contract's bound, 2·(least + N·members): in each rank every member's rounding may tip."""
    return 2 * (least + n * members)


def compare(before: Ring, after: Ring) -> tuple[int, int]:
    """What is moved, and the least possible: whoever holds more than it did has got at least the difference."""
    moved = sum(len(set(new) - set(old)) for old, new in zip(before.owners, after.owners, strict=True))
    held = ring_loads(before)
    gains = (load - held.get(member, 0.0) for member, load in ring_loads(after).items())
    return moved, round(sum(gain for gain in gains if gain > 0) * after.partition_count)


def join(members: Sequence[Member], newcomer: Member, q: int, n: int = N) -> Move:
    """What it moves when one more comes to these members."""
    everyone = [*members, newcomer]
    moved, least = compare(Ring(members, n, q), Ring(everyone, n, q))
    share = -(-q * newcomer.weight // sum(member.weight for member in everyone))
    return Move(moved, least, 4 * n * share, len(everyone), n)


def draw_members(kind: Kind, random: Random) -> list[Member]:
    """New members, which stand on N hosts at least even without the last: fewer would refuse a leave."""
    size = random.randint(kind.fewest, kind.most)
    while True:
        members = [
            Member(
                f"node-{random.getrandbits(64):016x}",
                random.randint(1, kind.heaviest),
                f"host-{random.randint(0, max(N, size // kind.crowd))}" if kind.crowd > 1 else "",
            )
            for _ in range(size)
        ]
        if len({member.machine for member in members[:-1]}) >= N:
            return members


def draw_moves(kind: Kind, q: int, changes: int, seed: str) -> list[Move]:
    """So many joins, each to members of its own."""
    random = Random(f"{seed}, {kind.name}, Q={q}")
    drawn = (draw_members(kind, random) for _ in range(changes))
    return [join(members, newcomer, q) for *members, newcomer in drawn]


def draw_crowded(n: int, random: Random) -> list[Member]:
    """Where most is moved in vain: strong members of one weight, a weak newcomer, and hardly more hosts than N."""
    hosts = n + random.randint(1, n)
    size = random.randint(hosts, CROWDED)
    weight = random.choice((1, 4, 16))
    members = [
        Member(f"node-{random.getrandbits(64):016x}", weight, f"host-{number % hosts}") for number in range(size - 1)
    ]
    return [*members, Member(f"node-{random.getrandbits(64):016x}", 1, f"host-{random.randrange(hosts)}")]


def draw_crowded_moves(n: int, q: int, changes: int, seed: str) -> list[Move]:
    """As draw_moves, on hardly more hosts than N."""
    random = Random(f"{seed}, crowded, N={n}, Q={q}")
    drawn = (draw_crowded(n, random) for _ in range(changes))
    return [join(members, newcomer, q, n) for *members, newcomer in drawn]

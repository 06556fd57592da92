"""Bugs about who is a home: 24."""

from ringcheck_reference.core.messages import NodeId
from ringcheck_reference.core.ring import Ring

from .bug import bug, replace


@bug("24", "two replicas are on one host", "RNG-01")
def host_twice_at_the_end() -> None:
    """At the ring's end, in the last partition, the owners are the ids next in order, whatever hosts they are on."""

    def choose_owners(ring: Ring, ranks: int) -> tuple[tuple[NodeId, ...], ...]:
        owners: tuple[tuple[NodeId, ...], ...] = honest_choose_owners(ring, ranks)
        ids = [member.id for member in ring.members]
        first = ids.index(owners[-1][0])
        return (*owners[:-1], tuple((ids[first:] + ids[:first])[:ranks]))

    honest_choose_owners = replace(Ring, "_choose_owners", choose_owners)

"""Random clusters: sizes, quorums, weights, hosts and intervals, drawn wide for a world where time costs nothing."""

from hypothesis import strategies as st

from ringcheck.schedule import Configuration
from ringcheck_properties.picking import pick

MOST_NODES = 9
NODES = (3, 1, 2, 4, 5, 5, 5, 6, MOST_NODES)
NODES_THAT_MOVE = (3, 1, 2, 4, 4, 5, 5, 6)
"""Others join, and what a change costs grows with all of them."""
FEW_NODES = (3, 1, 1, 2, 4, 5)
FEW_COPIES = (2, 1, 1, 3)
COPIES = (3, 1, 2, 2, 2, 3, 3, 3, 4, 5)
"""Mostly so many that a lost disk is within the contract, and few enough that one is soon too few."""
COPIES_THAT_MOVE = (3, 1, 1, 2, 2, 2, 3, 3, 4)
"""Where nodes join and leave: of one copy alone it shows when it is given away too early."""
HANDOFF_MS = (200, 100, 500, 2_000, 10_000)
"""From quick to so slow that nothing is repaired while a schedule lasts: quick repair hides every lost copy."""
ANTI_ENTROPY_MS = (500, 100, 2_000, 10_000, 10_000)
"""Slower than handoff more often than not: what is told apart by them must be seen before they have evened it out."""
GOSSIP_MS = (100, 200, 500, 1_000)
REPLICA_MS = (50, 100, 250)
REQUEST_MS = (1_000, 2_000, 4_000)
"""A request waits for a replica, for stand-ins, for disks and for the way: ten times the least of it, and more."""
TOMBSTONES_MS = (0, 0, 0, 0, 0, 0, 6_000, 10_000)
"""Mostly kept for ever. Else for longer than a request and the latest message take together, and for so short a time
that a schedule outlives it."""
PARTITIONS = (1, 2, 4, 16, 64)
FEW_PARTITIONS = (4, 1, 2, 8, 16)
MOVED_PARTITIONS = (*FEW_PARTITIONS * 3, 64)
"""Where they move, many are rare: each that does is messages and events of its own."""
ROUNDS_TO_MOVE = 5
"""So many rounds of handoff more it takes until what moved is copied, released, confirmed, dropped and drained."""


@st.composite
def configurations(draw: st.DrawFn, *, changing: bool = False, small: bool = False) -> Configuration:
    """Clusters of 1 to 9 nodes; the deadlines that they promise follow from their intervals.

    With `changing` they are made for nodes that join and leave; `small` ones have few nodes, and few copies.
    """
    nodes = pick(draw, FEW_NODES if small else NODES_THAT_MOVE if changing else NODES)
    hosts = _hosts(nodes, pick(draw, (0, 0, 0, 1)))
    n = min(pick(draw, FEW_COPIES if small else COPIES_THAT_MOVE if changing else COPIES), len(set(hosts)) or nodes)
    r, w = (pick(draw, (*[min(2, n)] * 3, 1, n)) for _ in range(2))
    weights = pick(draw, ((), (), tuple(1 + number % 3 for number in range(nodes))))
    gossip, handoff, anti_entropy = (pick(draw, some) for some in (GOSSIP_MS, HANDOFF_MS, ANTI_ENTROPY_MS))
    partitions = FEW_PARTITIONS if small else MOVED_PARTITIONS if changing else (16, *PARTITIONS)
    replica, request = pick(draw, REPLICA_MS), pick(draw, REQUEST_MS)
    convergence = convergence_ms(gossip, replica, handoff, anti_entropy, request)
    return Configuration(
        nodes=nodes,
        n=n,
        r=r,
        w=w,
        weights=weights,
        hosts=hosts,
        partition_count=pick(draw, partitions),
        gossip_interval_ms=gossip,
        handoff_interval_ms=handoff,
        anti_entropy_interval_ms=anti_entropy,
        replica_timeout_ms=replica,
        request_timeout_ms=request,
        detection_deadline_ms=detection_ms(gossip, replica),
        convergence_deadline_ms=convergence + changing * ROUNDS_TO_MOVE * handoff,
        tombstone_lifetime_ms=pick(draw, TOMBSTONES_MS),
    )


def detection_ms(gossip: int, replica: int) -> int:
    """Two probes, and two replicas' worth of waiting for the answers; never less than half a second."""
    return max(500, 2 * gossip + 2 * replica)


def convergence_ms(gossip: int, replica: int, handoff: int, anti_entropy: int, request: int) -> int:
    """Detection, some rounds of handoff and anti-entropy, and an exchange of each that got lost and is waited for."""
    return detection_ms(gossip, replica) + 3 * handoff + 6 * anti_entropy + 4 * request


def _hosts(nodes: int, shared: int) -> tuple[str, ...]:
    """Nothing, or two nodes on one host and each other one on its own."""
    if not shared or nodes < 2:
        return ()
    hosts = [f"h{number}" for number in range(1, nodes + 1)]
    hosts[-1] = hosts[-2]
    return tuple(hosts)

"""Which kinds of fault one random schedule uses, and faults of these kinds.

Each schedule uses a random subset (swarm testing; Groce et al., ISSTA 2012): where everything may happen, nothing
happens long enough to matter.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias, get_args

from hypothesis import strategies as st

from ringcheck_chaos.faults import CLIENT, Cut, Fault, Isolate, LinkFault, Mechanism, Split
from ringcheck_properties.picking import Draw, coins, pick, pick_some, shuffle, up_to

Extent: TypeAlias = Literal["link", "one-way", "client", "isolate", "split"]
"""How far a fault reaches: a link between nodes, one way of it, a link to a client, one node, two groups of nodes."""

Hardship: TypeAlias = Literal["wipes", "roll-backs", "disk errors", "messages", "clocks", "half-way"]
"""What only a simulated world can do to nodes: "half-way" lets them die between two effects."""

HARDSHIPS: tuple[Hardship, ...] = get_args(Hardship)
EXTENTS: tuple[Extent, ...] = get_args(Extent)
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)
CUTS: tuple[Cut, ...] = get_args(Cut)
LATENCIES_MS = (20, 100, 300, 900)
"""From noticeable to longer than a replica may take."""


@dataclass(frozen=True, slots=True)
class Swarm:
    """The kinds of fault of one schedule. `crashes`: whether nodes are killed; `hardships` take a simulated world."""

    mechanisms: tuple[Mechanism, ...]
    extents: tuple[Extent, ...]
    crashes: bool
    hardships: tuple[Hardship, ...] = ()

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The mechanisms that let nothing through; there is always one."""
        return tuple(cut for cut in CUTS if cut in self.mechanisms) or ("down",)


@cache
@st.composite
def swarms(draw: st.DrawFn, nodes: int) -> Swarm:
    """Subsets of what can befall a cluster of so many nodes; a single one has no links but to its clients."""
    extents: tuple[Extent, ...] = pick_some(draw, EXTENTS, 1, 3) if nodes > 1 else ("client",)
    return Swarm(
        mechanisms=pick_some(draw, MECHANISMS, 1, 3),
        extents=extents,
        crashes=pick(draw, (True, True, False)),
    )


@cache
@st.composite
def hard_swarms(draw: st.DrawFn, nodes: int) -> Swarm:
    """As `swarms`, with some hardships."""
    hardships = pick_some(draw, HARDSHIPS, 1, 3)
    return replace(draw(swarms(nodes)), hardships=hardships)


def fault_in(draw: Draw, swarm: Swarm, nodes: tuple[str, ...]) -> Fault:
    """A fault of one of the swarm's kinds in a cluster of `nodes`; of one node that is left, with its clients."""
    extent = pick(draw, swarm.extents) if len(nodes) > 1 else "client"
    match extent:
        case "isolate":
            return Isolate(how=pick(draw, swarm.cuts), node=pick(draw, nodes))
        case "split":
            return split_of(draw, swarm.cuts, nodes, draw(up_to(len(nodes) - 1, 1)))
        case "client":
            ends = (CLIENT, pick(draw, nodes))
            source, target = ends if draw(coins) else ends[::-1]
        case _:
            source, target = shuffle(draw, nodes)[:2]
    how = pick(draw, swarm.mechanisms)
    one_way = extent == "one-way" or (extent == "client" and draw(coins))
    return LinkFault(
        how=how,
        source=source,
        target=target,
        one_way=one_way and how != "down",  # what closes a port closes it both ways
        latency_ms=pick(draw, LATENCIES_MS) if how == "latency" else 0,
    )


def split_of(draw: Draw, cuts: tuple[Cut, ...], nodes: tuple[str, ...], together: int) -> Fault:
    """A split of `nodes` that leaves `together` of them on one side; at least one must be on either side."""
    how, order = pick(draw, cuts), shuffle(draw, nodes)
    return Split(how=how, left=order[:together], right=order[together:])

"""Which kinds of fault one random schedule uses, and faults of these kinds.

Each schedule uses a random subset (swarm testing; Groce et al., ISSTA 2012): where everything may happen, nothing
happens long enough to matter.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from hypothesis import strategies as st

from ringcheck_chaos.faults import CLIENT, Cut, Fault, Isolate, LinkFault, Mechanism, Split

Extent: TypeAlias = Literal["link", "one-way", "client", "isolate", "split"]
"""How far a fault reaches: a link between nodes, one way of it, a link to a client, one node, two groups of nodes."""

EXTENTS: tuple[Extent, ...] = get_args(Extent)
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)
CUTS: tuple[Cut, ...] = get_args(Cut)
LATENCIES_MS = (20, 100, 300, 900)
"""From noticeable to longer than a replica may take."""


@dataclass(frozen=True, slots=True)
class Swarm:
    """The kinds of fault of one schedule. `crashes`: whether nodes are killed."""

    mechanisms: tuple[Mechanism, ...]
    extents: tuple[Extent, ...]
    crashes: bool

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The mechanisms that let nothing through; there is always one."""
        return tuple(cut for cut in CUTS if cut in self.mechanisms) or ("down",)


@st.composite
def swarms(draw: st.DrawFn, nodes: int) -> Swarm:
    """Subsets of what can befall a cluster of so many nodes; a single one has no links but to its clients."""
    mechanisms = draw(st.lists(st.sampled_from(MECHANISMS), min_size=1, max_size=3, unique=True))
    extents = st.lists(st.sampled_from(EXTENTS), min_size=1, max_size=3, unique=True) if nodes > 1 else st.just([])
    return Swarm(
        mechanisms=tuple(mechanisms),
        extents=tuple(draw(extents)) or ("client",),
        crashes=draw(st.sampled_from((True, True, False))),
    )


def faults(swarm: Swarm, nodes: tuple[str, ...]) -> st.SearchStrategy[Fault]:
    """Faults of the swarm's kinds in a cluster of `nodes`."""
    return st.sampled_from(swarm.extents).flatmap(lambda extent: _of_extent(extent, swarm, nodes))


def splits(how: st.SearchStrategy[Cut], nodes: tuple[str, ...], together: int) -> st.SearchStrategy[Fault]:
    """Splits of `nodes` that leave `together` of them on one side; at least one must be on either side."""
    return st.builds(
        lambda how, order: Split(how=how, left=tuple(order[:together]), right=tuple(order[together:])),
        how,
        st.permutations(nodes),
    )


def _of_extent(extent: Extent, swarm: Swarm, nodes: tuple[str, ...]) -> st.SearchStrategy[Fault]:
    cut = st.sampled_from(swarm.cuts)
    node = st.sampled_from(nodes)
    match extent:
        case "isolate":
            return st.builds(Isolate, how=cut, node=node)
        case "split":
            return st.integers(1, len(nodes) - 1).flatmap(lambda together: splits(cut, nodes, together))
        case "client":
            both = st.tuples(node, st.booleans()).map(lambda drawn: (CLIENT, drawn[0])[:: 1 if drawn[1] else -1])
        case _:
            both = st.permutations(nodes).map(lambda order: (order[0], order[1]))
    # What closes a port closes it both ways.
    one_way = st.just(True) if extent == "one-way" else st.booleans() if extent == "client" else st.just(False)
    return st.builds(_link, st.sampled_from(swarm.mechanisms), both, one_way, st.sampled_from(LATENCIES_MS))


def _link(how: Mechanism, ends: tuple[str, str], one_way: bool, latency_ms: int) -> Fault:
    return LinkFault(
        how=how,
        source=ends[0],
        target=ends[1],
        one_way=one_way and how != "down",
        latency_ms=latency_ms if how == "latency" else 0,
    )

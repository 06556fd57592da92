"""Who can talk to whom: the two groups that liveness is judged by, and when a fault is in force for certain."""

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.judging.groups import largest_group, mutual_reach
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.timeline import Disturbance, Timeline, timeline
from ringcheck_chaos.faults import Isolate

NODES = ("n1", "n2", "n3", "n4", "n5", "n6")


@st.composite
def reaches(draw: st.DrawFn) -> dict[str, frozenset[str]]:
    """Any directed graph of at most six nodes."""
    nodes = NODES[: draw(st.integers(1, len(NODES)))]
    sets = st.frozensets(st.sampled_from(nodes))
    return {node: draw(sets) - {node} for node in nodes}


@given(reaches())
def test_largest_group_is_the_largest_of_all(reach: dict[str, frozenset[str]]) -> None:
    """It is as large as the largest of all sets with the node in which everybody reaches everybody, and is one."""

    def talks(group: frozenset[str]) -> bool:
        return all(other in reach[one] for one in group for other in group - {one})

    others = sorted(reach.keys() - {"n1"})
    subsets = chain.from_iterable(combinations(others, size) for size in range(len(others) + 1))
    largest = max(len(subset) + 1 for subset in subsets if talks(frozenset({"n1", *subset})))
    found = largest_group("n1", reach)
    assert "n1" in found
    assert talks(found)
    assert len(found) == largest


@given(reaches())
def test_mutual_reach_is_an_equivalence(reach: dict[str, frozenset[str]]) -> None:
    """Every member of a strongly connected component has the same one."""
    for node in reach:
        group = mutual_reach(node, reach)
        assert node in group
        assert all(mutual_reach(other, reach) == group for other in group)


@given(
    st.lists(st.lists(st.floats(0, 10), min_size=4, max_size=4).map(sorted), max_size=8),
    st.floats(0, 10),
    st.floats(0, 10),
)
def test_timeline_finds_all_that_touches(moments: list[list[float]], start: float, length: float) -> None:
    """What is found by searching is what looking at each disturbance finds."""
    stop = start + length
    everything = [Disturbance(a, b, c, d, what="") for a, b, c, d in moments]
    found = Timeline(everything, NODES).touching(start, stop)
    assert sorted(map(repr, found)) == sorted(repr(each) for each in everything if each.possibly_within(start, stop))
    assert Timeline(everything, NODES).calm(start, stop) == (not found)


def test_fault_is_certain_between_its_inner_moments_only() -> None:
    """It may be felt from the first moment on; it is certain only from its proof until healing begins."""
    tale = Handmade()
    tale.fault(1, Isolate(how="drop", node="n1"))
    tale.heal(1)
    (fault,) = timeline(tale.events, tale.nodes).disturbances
    assert fault.may_begin < fault.begun < fault.ends < fault.ended
    assert fault.surely_throughout(fault.begun, fault.ends)
    assert not fault.surely_throughout(fault.may_begin, fault.ends)
    assert not fault.surely_throughout(fault.begun, fault.ended)
    assert fault.possibly_within(fault.ended, fault.ended + 1)


def test_blackout_needs_all_nodes_down_at_once() -> None:
    """Nodes killed one after another, each back before the next, are no blackout."""
    rolling, together = Handmade(), Handmade()
    for node in rolling.nodes:
        rolling.kill(node)
        rolling.restart(node)
    together.kill("n1")
    together.kill("n2", "n3")
    assert not timeline(rolling.events, rolling.nodes).blacked_out(0, rolling.now)
    lights = timeline(together.events, together.nodes)
    assert lights.blacked_out(0, together.now)
    assert not lights.blacked_out(lights.disturbances[1].begun, together.now)

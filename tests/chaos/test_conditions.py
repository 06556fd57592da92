"""What faults together ask of each proxy."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_chaos.conditions import CLEAR, Condition, Flow, conditions, dialled
from ringcheck_chaos.faults import CLIENT, Isolate, LinkFault, NetworkFault, Split, directions

NODES = ("n1", "n2", "n3")
STALL, DROP = Flow(cut="stall"), Flow(cut="drop")

ends = st.permutations([CLIENT, *NODES]).map(lambda names: names[:2])
link_faults = st.builds(
    lambda pair, how, one_way, latency_ms: LinkFault(
        how, pair[0], pair[1], one_way=one_way and how != "down", latency_ms=latency_ms if how == "latency" else 0
    ),
    ends,
    st.sampled_from(["down", "stall", "drop", "latency"]),
    st.booleans(),
    st.integers(1, 500),
)
cuts = st.sampled_from(["down", "stall", "drop"])
splits = st.builds(lambda how, names: Split(how, tuple(names[:1]), tuple(names[1:])), cuts, st.permutations(NODES))
faults = st.lists(link_faults | st.builds(Isolate, cuts, st.sampled_from(NODES)) | splits, max_size=5)
flows = st.builds(Flow, st.sampled_from([None, "stall", "drop"]), st.integers(0, 100))
states = st.builds(Condition, st.booleans(), flows, flows)


def test_everyone_dials_everyone_else() -> None:
    """Clients and nodes dial every other node; nobody dials the clients."""
    assert len(dialled(NODES)) == len(NODES) ** 2
    assert {target for _, target in dialled(NODES)} == set(NODES)
    assert all(source != target for source, target in dialled(NODES))


def test_one_way_fault_touches_two_proxies() -> None:
    """What n1 sends to n2 travels up the connection that n1 opened, and down the one that n2 opened."""
    found = conditions([LinkFault("stall", "n1", "n2", one_way=True)], NODES)
    assert found == {("n1", "n2"): Condition(upstream=STALL), ("n2", "n1"): Condition(downstream=STALL)}


def test_requests_or_answers_of_clients_alone() -> None:
    """Clients are never dialled: what they send goes up their proxy, what they are sent comes down it."""
    up = conditions([LinkFault("drop", CLIENT, "n1", one_way=True)], NODES)
    down = conditions([LinkFault("drop", "n1", CLIENT, one_way=True)], NODES)
    assert up == {(CLIENT, "n1"): Condition(upstream=DROP)}
    assert down == {(CLIENT, "n1"): Condition(downstream=DROP)}


def test_isolation_leaves_clients_alone() -> None:
    """An isolated node is cut from all other nodes, and from them only."""
    found = conditions([Isolate("down", "n1")], NODES)
    assert set(found) == {("n1", "n2"), ("n1", "n3"), ("n2", "n1"), ("n3", "n1")}
    assert set(found.values()) == {Condition(enabled=False)}


def test_latencies_add_up_and_cuts_hide_them() -> None:
    """Two latencies are one of their sum; under a cut it is the cut that lies on the stream."""
    slow = [LinkFault("latency", "n1", "n2", latency_ms=ms) for ms in (10, 20)]
    assert conditions(slow, NODES)["n1", "n2"].toxics()["upstream"] == ("latency", {"latency": 30, "jitter": 0})
    cut: list[NetworkFault] = [*slow, Isolate("stall", "n1")]
    assert conditions(cut, NODES)["n1", "n2"].toxics()["upstream"] == ("bandwidth", {"rate": 0})


@given(states, states, states)
def test_joining_is_commutative_associative_and_has_a_unit(one: Condition, two: Condition, three: Condition) -> None:
    """The order in which faults come does not matter, and no fault changes nothing."""
    assert one.joined(two) == two.joined(one)
    assert one.joined(two).joined(three) == one.joined(two.joined(three))
    assert one.joined(CLEAR) == one


@settings(max_examples=50)
@given(faults.filter(lambda drawn: len(drawn) < 4))
def test_order_of_faults_does_not_matter(drawn: list[NetworkFault]) -> None:
    """However faults follow on each other, the links end in the same condition."""
    assert len({repr(sorted(conditions(order, NODES).items())) for order in permutations(drawn)}) == 1


@given(faults)
def test_only_what_a_fault_names_suffers(drawn: list[NetworkFault]) -> None:
    """A stream suffers if, and only if, some fault names the direction in which its bytes flow."""
    found = conditions(drawn, NODES)
    named = {(way, fault.how == "down") for fault in drawn for way in directions(fault, NODES)}
    for source, target in dialled(NODES):
        condition = found.get((source, target), CLEAR)
        assert condition.enabled == (((source, target), True) not in named)
        assert (condition.upstream != Flow()) == (((source, target), False) in named)
        assert (condition.downstream != Flow()) == (((target, source), False) in named)


def test_cuts_that_replace_each_other() -> None:
    """A stall and a drop never pass into each other on open connections; a latency and a cut may."""
    stall, drop, slow = Condition(upstream=STALL), Condition(upstream=DROP), Condition(upstream=Flow(latency_ms=1))
    assert stall.replaces_cut(drop)
    assert drop.replaces_cut(stall)
    assert not stall.replaces_cut(slow)
    assert not slow.replaces_cut(drop)
    assert not stall.replaces_cut(Condition(upstream=STALL, downstream=DROP))

"""Placing ranges on nodes: whole, fair where it must be, and blind to names and to where the circle begins."""

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

from .strategies import deal, efficiency, ends_before, ring_loads, share_out, strategy_1, strategy_2, strategy_3

weights = st.lists(st.integers(1, 5), min_size=3, max_size=8)
seeds = st.integers(0, 2**32)


@st.composite
def circles(draw: st.DrawFn) -> tuple[list[int], list[float]]:
    """Tokens of three to six nodes, and a range before each; some ranges are empty."""
    nodes = draw(st.integers(3, 6))
    owners = draw(st.permutations([*range(nodes), *draw(st.lists(st.integers(0, nodes - 1), max_size=20))]))
    sizes = st.lists(st.integers(0, 9).map(float), min_size=len(owners), max_size=len(owners))
    return list(owners), draw(sizes)


@given(st.integers(1, 500), weights)
def test_tokens_are_dealt_by_weight(total: int, weights: list[int]) -> None:
    """All tokens are dealt, and each node has its share rounded up or down."""
    dealt = Counter(deal(total, weights))
    assert dealt.total() == total
    for node, weight in enumerate(weights):
        assert math.floor(total * weight / sum(weights)) <= dealt[node] <= math.ceil(total * weight / sum(weights))


@given(circles(), st.integers(1, 3))
def test_each_range_goes_to_n_nodes(circle: tuple[list[int], list[float]], n: int) -> None:
    """All that is shared out is every range, N times; nobody has one twice."""
    owners, sizes = circle
    loads = share_out(owners, sizes, n)
    assert sum(loads.values()) == n * sum(sizes)
    assert max(loads.values()) <= sum(sizes)


@given(circles(), st.integers(1, 3), st.integers(0, 30))
def test_it_does_not_matter_where_the_circle_begins(circle: tuple[list[int], list[float]], n: int, turn: int) -> None:
    """Turning owners and ranges together changes nothing, so the walk past the last token is right."""
    owners, sizes = circle
    at = turn % len(owners)
    assert share_out(owners[at:] + owners[:at], sizes[at:] + sizes[:at], n) == share_out(owners, sizes, n)


@given(circles(), st.randoms())
def test_names_do_not_matter(circle: tuple[list[int], list[float]], random: Random) -> None:
    """Nodes that exchange their names exchange their loads."""
    owners, sizes = circle
    names = sorted(set(owners))
    others = dict(zip(names, random.sample(names, len(names)), strict=True))
    loads = share_out(owners, sizes, 3)
    assert share_out([others[owner] for owner in owners], sizes, 3) == {others[node]: loads[node] for node in loads}


def test_a_range_goes_to_the_nodes_met_from_its_end_on() -> None:
    """By hand: the walk skips a node that it has met, and passes the end of the circle."""
    assert share_out([0, 1, 1, 2], [1, 10, 100, 1000], 2) == {0: 1 + 1000, 1: 1 + 10 + 100, 2: 10 + 100 + 1000}


def test_too_few_nodes_are_refused() -> None:
    """Three holders among two nodes would be looked for without end."""
    with pytest.raises(ValueError, match="2 nodes own the tokens, and 3 are to hold each range"):
        share_out([0, 1, 0], [1, 1, 1], 3)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20).map(sorted), st.integers(1, 40))
def test_a_partition_belongs_to_the_first_token_from_its_end_on(places: list[float], partitions: int) -> None:
    """Counting ends between tokens comes to the same as looking for the token of each partition."""
    found = Counter(
        next((token for token, place in enumerate(places) if math.floor(place * partitions) >= end), 0)
        for end in range(1, partitions + 1)
    )
    assert ends_before(places, partitions) == [found[token] / partitions for token in range(len(places))]


@given(weights, st.integers(1, 20), st.integers(1, 3), seeds)
def test_every_strategy_places_all_keys_n_times(weights: list[int], each: int, n: int, seed: int) -> None:
    """Loads are parts of all keys: they sum to N, and none is more than all."""
    tokens = deal(each * sum(weights), weights)
    for loads in (
        strategy_1(tokens, n, Random(seed)),
        strategy_2(tokens, 64, n, Random(seed)),
        strategy_3(tokens, n, Random(seed)),
    ):
        assert sum(loads.values()) == pytest.approx(n)
        assert max(loads.values()) <= 1 + 1e-9


@given(weights, st.integers(1, 20), seeds)
def test_strategy_3_gives_first_owners_exactly_their_share(weights: list[int], each: int, seed: int) -> None:
    """As many tokens as partitions: whoever counts first owners alone would see no unevenness at all."""
    loads = strategy_3(deal(each * sum(weights), weights), 1, Random(seed))
    assert efficiency([loads[node] for node in range(len(weights))], weights) == pytest.approx(1)


@given(weights, seeds)
def test_a_single_partition_has_n_holders(weights: list[int], seed: int) -> None:
    """Strategy 2 with Q = 1: three nodes have everything, all others nothing."""
    loads = strategy_2(deal(3 * sum(weights), weights), 1, 3, Random(seed))
    assert sorted(loads.values()) == [0] * (len(weights) - 3) + [1] * 3


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 5)), min_size=1))
def test_efficiency_is_one_at_best(nodes: list[tuple[float, int]]) -> None:
    """Loads in proportion to weights are best, and anything else is worse."""
    loads, weights = zip(*nodes, strict=True)
    assert 0 < efficiency(loads, weights) <= 1 + 1e-9
    assert efficiency(weights, weights) == pytest.approx(1)


def test_the_loads_of_a_ring_are_its_entries() -> None:
    """With as many members as owners, each member holds every partition."""
    members = [Member("a"), Member("b", 3), Member("c")]
    assert ring_loads(Ring(members, 3, 16)) == {"a": 1, "b": 1, "c": 1}
    assert sum(ring_loads(Ring(members, 2, 16)).values()) == 2

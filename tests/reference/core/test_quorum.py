"""Counting acknowledgements: distinct machines for distinct homes."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ringcheck_reference.core.quorum import Copy, Quorum

HOMES = ("h1", "h2", "h3")
copies = st.frozensets(st.tuples(st.sampled_from([*HOMES, "s1", "s2", "s2-too"]), st.sampled_from(HOMES)), max_size=8)


def machine(node: str) -> str:
    """The machine of a node: `s2-too` shares that of `s2`."""
    return node.removesuffix("-too")


def quorum_of(acknowledged: frozenset[Copy], needed: int) -> Quorum:
    """A quorum with these copies acknowledged."""
    quorum = Quorum(needed, machine)
    for copy in acknowledged:
        quorum.acknowledge(*copy)
    return quorum


def best_by_brute_force(acknowledged: frozenset[Copy]) -> int:
    """The most copies that can be picked with no machine and no home twice."""
    for size in range(min(3, len(acknowledged)), 0, -1):
        for picked in itertools.combinations(acknowledged, size):
            machines = {machine(node) for node, _ in picked}
            if len(machines) == len({home for _, home in picked}) == size:
                return size
    return 0


@given(copies, st.integers(1, 3))
def test_enough_means_w_distinct_machines_for_w_distinct_homes(acknowledged: frozenset[Copy], needed: int) -> None:
    """The count is the largest matching, compared with trying every choice."""
    assert quorum_of(acknowledged, needed).enough == (best_by_brute_force(acknowledged) >= needed)


@given(copies, copies, st.integers(1, 3))
def test_hopeless_means_that_no_answer_can_help(
    acknowledged: frozenset[Copy], awaited: frozenset[Copy], needed: int
) -> None:
    """As long as the awaited answers would suffice there is hope; given up, they count for nothing."""
    quorum = quorum_of(acknowledged, needed)
    for copy in awaited - acknowledged:
        quorum.expect(*copy)
    assert quorum.hopeless == (best_by_brute_force(acknowledged | awaited) < needed)
    for copy in awaited - acknowledged:
        quorum.give_up(*copy)
    assert quorum.hopeless == (not quorum.enough)


@given(st.lists(st.tuples(st.sampled_from(["expect", "acknowledge", "give_up"]), copies.filter(bool)), max_size=8))
def test_hope_is_counted_anew_whenever_it_changes(news: list[tuple[str, frozenset[Copy]]]) -> None:
    """Asking in between changes nothing: the answer is that of a quorum that is asked for the first time."""
    asked = Quorum(2, machine)
    for number in range(len(news)):
        fresh = Quorum(2, machine)
        for verb, some in news[: number + 1]:
            for copy in sorted(some):
                getattr(fresh, verb)(*copy)
        verb, some = news[number]
        for copy in sorted(some):
            getattr(asked, verb)(*copy)
        assert (asked.enough, asked.hopeless) == (fresh.enough, fresh.hopeless)


def test_two_stand_ins_for_one_home_count_once() -> None:
    """Their two copies become one at handoff."""
    assert not quorum_of(frozenset({("s1", "h1"), ("s2", "h1")}), 2).enough


def test_one_stand_in_for_two_homes_counts_once() -> None:
    """Its disk is one disk."""
    assert not quorum_of(frozenset({("s1", "h1"), ("s1", "h2")}), 2).enough


def test_an_earlier_copy_may_come_to_stand_for_another_home() -> None:
    """A stand-in that holds hints for two homes makes room for one that holds a hint for one of them only."""
    assert quorum_of(frozenset({("s1", "h1"), ("s1", "h2"), ("s2", "h1")}), 2).enough


def test_a_repeated_acknowledgement_counts_once() -> None:
    """The same node may say the same twice."""
    quorum = Quorum(2, machine)
    quorum.acknowledge("h1", "h1")
    quorum.acknowledge("h1", "h1")
    assert not quorum.enough


def test_two_ids_on_one_machine_count_once() -> None:
    """A second id of a machine adds no second copy."""
    assert not quorum_of(frozenset({("s2", "h1"), ("s2-too", "h2")}), 2).enough

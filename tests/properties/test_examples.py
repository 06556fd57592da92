"""The scripted examples: complete, deterministic and well-formed."""

from collections import Counter

import pytest

from ringcheck.requirements import all_requirements
from ringcheck.schedule import Get, Kill, Observe, Put, Settle
from ringcheck_properties.clusters import TooFewNodesError
from ringcheck_properties.flaws import flaws
from ringcheck_properties.registry import NOT_JUDGED, Example, all_examples, examples_of

EXAMPLES = [pytest.param(example, id=example.name) for example in all_examples()]
SIZES = (2, 3, 4, 5, 8)
NEED_TWO = {
    "AVL-01-links-refused",
    "AVL-01-links-black-holed",
    "AVL-01-nodes-dead",
    "AVL-03-cut-off-nodes-do-not-answer",
    "HND-01-hints-go-home",
    "HND-02-hints-survive-a-crash",
    "AE-01-a-home-that-missed-writes",
    "RR-01-a-get-repairs-a-stale-replica",
}
"""Where somebody has to be cut off from somebody, or to miss something."""


def test_every_requirement_has_an_example_or_is_listed_as_not_judged() -> None:
    """Each requirement of the contract has a scripted example, or stands in the one list of those not judged yet."""
    without = {name for name in all_requirements() if not examples_of(name)}
    assert without == set(NOT_JUDGED)


def test_names_and_namespaces_are_unique() -> None:
    """No two examples share a name, so histories do not overwrite each other, nor keys, so clusters can be shared."""
    schedules = [example.schedule(5, 0) for example in all_examples()]
    assert max(Counter(schedule.name for schedule in schedules).values()) == 1
    assert max(Counter(schedule.namespace for schedule in schedules).values()) == 1


@pytest.mark.parametrize("example", EXAMPLES)
class TestExample:
    def test_is_well_formed_for_any_cluster_and_seed(self, example: Example) -> None:
        """The schedule has no flaw, whatever the number of nodes and the seed."""
        for nodes in SIZES:
            for seed in range(nodes + 1):
                schedule = example.schedule(nodes, seed)
                assert not flaws(schedule), (nodes, seed)
                assert schedule.configuration.nodes <= nodes

    def test_is_well_formed_for_a_lone_node_or_says_what_it_needs(self, example: Example) -> None:
        """One node is enough, or the example says how many it needs."""
        if example.name in NEED_TWO:
            with pytest.raises(TooFewNodesError, match="needs at least 2 nodes and --nodes gives 1"):
                example.schedule(1, 0)
        else:
            assert not flaws(example.schedule(1, 0))

    def test_is_deterministic(self, example: Example) -> None:
        """The same nodes and seed make the same schedule; another seed makes other keys."""
        assert example.schedule(5, 7) == example.schedule(5, 7)
        assert example.schedule(5, 7).namespace != example.schedule(5, 8).namespace

    def test_names_its_requirements(self, example: Example) -> None:
        """The schedule says for whose sake it was written, in the contract's order."""
        schedule = example.schedule(5, 0)
        assert schedule.requirements == example.requirements
        assert example.requirements == tuple(name for name in all_requirements() if name in example.requirements)

    def test_is_short(self, example: Example) -> None:
        """One settle at most and few restarts: a whole run has to end within two minutes."""
        steps = example.schedule(5, 0).steps
        assert sum(isinstance(step, Settle) for step in steps) <= 1
        assert sum(len(step.nodes) for step in steps if isinstance(step, Kill)) <= 6


def test_the_seed_turns_the_nodes_round() -> None:
    """Another seed breaks another node."""
    (example,) = (each for each in all_examples() if each.name == "HND-01-hints-go-home")
    killed = {step.nodes for seed in range(5) for step in example.schedule(5, seed).steps if isinstance(step, Kill)}
    assert killed == {(f"n{number}",) for number in range(1, 6)}


def test_all_nodes_die_right_after_an_acknowledgement() -> None:
    """DUR-02 kills every node at once, the step before being a put that is waited for, with others still open."""
    (example,) = examples_of("DUR-02")
    steps = example.schedule(5, 0).steps
    kills = [position for position, step in enumerate(steps) if isinstance(step, Kill)]
    assert kills
    for position in kills:
        killer, last, before = steps[position], steps[position - 1], steps[position - 2]
        assert isinstance(killer, Kill)
        assert isinstance(last, Put)
        assert isinstance(before, Put)
        assert set(killer.nodes) == set(example.schedule(5, 0).configuration.node_ids)
        assert (last.wait, before.wait) == (True, False)


def test_read_repair_is_shown_without_a_settle() -> None:
    """RR-01 never settles, since anti-entropy an hour away would have to do it; each key differs, is read, is equal."""
    (example,) = examples_of("RR-01")
    schedule = example.schedule(5, 0)
    assert schedule.configuration.anti_entropy_interval_ms >= 3_600_000
    assert not any(isinstance(step, Settle) for step in schedule.steps)
    watched = [step for step in schedule.steps if isinstance(step, Observe | Get)]
    assert isinstance(watched[0], Observe)
    assert watched[0].until == "differ"
    assert isinstance(watched[-1], Observe)
    assert watched[-1].until == "equal"

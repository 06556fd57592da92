"""The scripted examples: complete, deterministic and well-formed."""

from collections import Counter

import pytest

from ringcheck.requirements import all_requirements
from ringcheck.schedule import Disturb, Get, Join, Kill, Leave, Observe, Put, Remove, Settle
from ringcheck_properties.clusters import TooFewNodesError
from ringcheck_properties.flaws import flaws
from ringcheck_properties.registry import MIXED, NOT_JUDGED, Example, all_examples, examples_of
from ringcheck_properties.test_together import MOVING, REAPING, TOLD
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

EXAMPLES = [pytest.param(example, id=example.name) for example in all_examples()]
SIZES = (1, 2, 3, 4, 5, 8)
NEEDED = {
    "AVL-01-links-refused": 2,
    "AVL-01-links-black-holed": 2,
    "AVL-01-nodes-dead": 2,
    "AVL-01-a-slow-way": 3,
    "AVL-01-a-slow-way-beyond": 5,
    "AVL-03-cut-off-nodes-do-not-answer": 2,
    "AVL-03-a-request-may-ask-for-more": 2,
    "AVL-03-two-members-on-one-host": 3,
    "HND-01-hints-go-home": 2,
    "HND-02-hints-survive-a-crash": 2,
    "AE-01-a-home-that-missed-writes": 2,
    "AE-04-a-disk-is-lost": 2,
    "DUR-01-a-write-that-cannot-be-acknowledged": 2,
    "DUR-01-what-stand-ins-hold-is-big": 2,
    "DUR-03-a-disk-is-lost-after-an-acknowledgement": 2,
    "DUR-03-a-disk-is-lost-after-handoff": 2,
    "DUR-03-a-write-that-meets-a-hint-on-its-way": 3,
    "DUR-04-an-older-disk-comes-back": 2,
    "SIB-02-a-delete-that-a-stand-in-remembers": 3,
    "SIB-02-a-hint-that-outlives-the-tombstone": 5,
    "RR-01-a-get-repairs-a-stale-replica": 2,
    "AVL-04-a-slow-replica": 2,
    "AVL-04-a-silent-replica": 2,
    "AVL-04-a-paused-replica": 2,
    "kv679-lost-clock": 2,
    "kv679-lost-disk": 2,
    "kv679-shared-actor": 2,
    "kv679-doomstone": 3,
    "kv679-doomstone-after-a-crash": 3,
    "kv679-doomstone-reaped": 3,
    "kv679-doomstone-reaped-after-a-crash": 3,
    "kv679-lost-clock-with-fallbacks": 4,
    "kv679-lost-on-a-write-of-another": 4,
    "MEM-02-leave-under-load": 2,
    "MEM-01-removal-of-a-dead-node": 3,
    "MEM-01-a-change-that-one-node-alone-knows-of": 4,
    "HND-04-a-hint-for-a-node-that-is-removed": 3,
    "HND-04-a-hint-for-a-node-that-leaves": 2,
    "MEM-01-changes-on-both-sides-of-a-partition": 4,
    "MEM-04-a-node-that-was-down-during-a-removal": 4,
    "MEM-04-a-removed-node-that-runs-on": 3,
    "PEER-02-nonsense-in-the-place-of-a-member": 2,
}
"""How many nodes it takes where somebody has to be cut off from somebody, to miss something, or to go; else one."""


def test_every_requirement_has_an_example_or_is_listed_as_not_judged() -> None:
    """Each requirement of the contract has a scripted example, or stands in the one list of those not judged yet."""
    without = {name for name in all_requirements() if not examples_of(name)}
    assert without == {*NOT_JUDGED, MIXED}


def test_names_and_namespaces_are_unique() -> None:
    """No two examples share a name, so histories do not overwrite each other, nor keys, so clusters can be shared."""
    schedules = [example.schedule(5, 0) for example in all_examples()]
    assert max(Counter(schedule.name for schedule in schedules).values()) == 1
    assert max(Counter(schedule.namespace for schedule in schedules).values()) == 1


@pytest.mark.parametrize("example", EXAMPLES)
class TestExample:
    def test_is_well_formed_for_any_cluster_and_seed(self, example: Example) -> None:
        """The schedule has no flaw, whatever the number of nodes and the seed; or the example says what it needs."""
        needed = NEEDED.get(example.name, 1)
        for nodes in SIZES:
            for seed in range(nodes + 1):
                if nodes < needed:
                    with pytest.raises(TooFewNodesError, match=f"needs at least [2-{needed}] nodes and --nodes gives"):
                        example.schedule(nodes, seed)
                    continue
                schedule = example.schedule(nodes, seed)
                assert not flaws(schedule), (nodes, seed)
                assert schedule.configuration.nodes <= nodes

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


def test_the_harness_speaks_in_the_place_of_members_that_are_down() -> None:
    """A member that runs would be contradicted; so nobody's place is taken but that of who was killed before."""
    (example,) = examples_of("PEER-02")
    down: set[str] = set()
    heard = []
    for step in example.schedule(5, 0).steps:
        match step:
            case Kill(nodes=nodes):
                down |= set(nodes)
            case Put(as_peer=source) if source:
                assert source in down
            case Disturb(node=node, source=source, seed=seed):
                assert source in down
                assert node not in down
                heard.append((node, seed))
    assert len({node for node, _ in heard}) == 2
    assert len({seed for _, seed in heard}) == len(heard) == 4


def test_every_example_of_mixed_clusters_is_one_and_asks_for_none_of_the_limits() -> None:
    """Two implementations have limits of their own: what is over that of one may be within that of the other."""
    known = {each.name: each for each in all_examples()}
    for name in (*TOLD, *MOVING, *REAPING):
        schedule = known[name].mixed(5, 0)
        assert schedule.configuration.mixed
        assert schedule.requirements == (MIXED,)
        assert not flaws(schedule)
        sizes = {step.key_size for step in schedule.operations()}
        sizes |= {step.value_size for step in schedule.operations() if isinstance(step, Put)}
        assert sizes == {0}
        assert schedule.changes_membership is (name in MOVING)
        assert bool(schedule.configuration.tombstone_lifetime_ms) is (name in REAPING)
    assert len({known[name].mixed(5, 0).configuration for name in TOLD[1:]}) == 1


def test_members_of_both_kinds_come_and_go_on_mixed_clusters() -> None:
    """They join, leave and are removed; the kind of who goes is another one with another seed."""
    known = {each.name: each for each in all_examples()}
    for change, kinds in ((Join, {0, 1}), (Leave, {0, 1}), (Remove, {0, 1})):
        schedules = [known[name].mixed(5, seed) for name in MOVING for seed in range(3)]
        named = {step.node for schedule in schedules for step in schedule.steps if isinstance(step, change)}
        # Every second node is the reference, those that are started later included.
        assert {int(node.removeprefix("n")) % 2 for node in named} == kinds


def test_partitions_are_handed_over_from_each_kind_to_the_other() -> None:
    """Of one copy alone, so that it is handed over by one node to one node."""
    (example,) = (each for each in all_examples() if each.name == MOVING[0])
    schedule = example.mixed(5, 0)
    configuration = schedule.configuration
    before, after = (
        Ring([Member(node) for node in nodes], configuration.n, configuration.partition_count)
        for nodes in (configuration.node_ids, (*configuration.node_ids, *schedule.joiners()))
    )
    moved = set()
    for partition in range(configuration.partition_count):
        (source,), (target,) = before.owners_of(partition), after.owners_of(partition)
        if source != target:
            moved.add((int(source.removeprefix("n")) % 2, int(target.removeprefix("n")) % 2))
    assert {(0, 1), (1, 0)} <= moved
